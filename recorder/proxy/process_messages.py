"""What the two processes of a `Supervisor` share: how they tell it something, and how they see who is left."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from footage.trajectory import JSON

__all__ = ["is_alive", "leave", "say"]


def is_alive(process: int | None) -> bool:
    """Tell whether a process runs; one that has ended and that nobody has asked about yet does not. None: False."""
    if process is None:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return not Path("/proc/self/stat").exists()
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def leave(code: int) -> NoReturn:
    """End this process, whose work is said and stored: to take the interpreter down would only take time."""
    os._exit(code)


def say(said: JSON) -> None:
    """Tell the supervisor, by standard output. Raises OSError where it is gone."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
