"""
The command line: `footage COMMAND …`.

`footage.cli.group` lists the commands without loading any of them; each command is a module of its own.
"""

from footage.cli.group import main

__all__ = ["main"]
