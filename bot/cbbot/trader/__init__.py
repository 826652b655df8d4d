"""The trader: a machine without I/O. Events in, a new state and commands out."""
