"""What every process of cbbot needs once: logs, an HTTP server's run, durable files, locks, the loopback test."""
