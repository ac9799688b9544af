"""The `qemu` machine: a real virtual machine, driven over QMP."""
