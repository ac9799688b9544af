"""The exact mode of a virtual machine. It runs under a record log of its own; the log and its checkpoints go out."""
