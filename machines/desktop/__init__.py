"""The desktop machine: a private X display with real programs in a sandbox."""
