"""Where orders go: to a venue by way of the bridge, or onto paper."""
