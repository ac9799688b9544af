"""
Numbers of displays: claimed with a lock file, as X servers do among themselves.

Xvfb takes no lock itself when it is asked to tell when it is ready. And a machine keeps its number while its server is
being restarted, when nobody listens on the socket.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from footage.machines.shared.process_keeper import Keeper

FIRST, LAST = 100, 999
"""The numbers that are tried: lower ones are for people's own servers."""
_FOLDER = Path("/tmp")  # noqa: S108 - where X servers have their locks and sockets


def socket_of(number: int) -> Path:
    """Return the socket that a display's clients connect to."""
    return _FOLDER / ".X11-unix" / f"X{number}"


def claim(keeper: Keeper) -> Iterator[int]:
    """Yield free display numbers, each claimed until the keeper ends."""
    for number in range(FIRST, LAST + 1):
        lock = _FOLDER / f".X{number}-lock"
        if _is_stale(lock):
            lock.unlink(missing_ok=True)
        elif socket_of(number).exists():
            continue
        try:
            descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        except OSError:
            continue
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{keeper.pid:10d}\n")
        keeper.remove_at_end(lock)
        keeper.remove_at_end(socket_of(number))
        yield number


def _is_stale(lock: Path) -> bool:
    """Whether the lock's owner is gone and we may remove it."""
    try:
        os.kill(int(lock.read_text("ascii")), 0)
    except ProcessLookupError:
        return os.access(lock, os.W_OK)
    except (OSError, ValueError):
        return False
    return False
