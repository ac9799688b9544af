"""Reading files that programs in a sandbox have written, without being led out of their folder by a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from footage.errors import UsageError


def parts_of(name: str) -> tuple[str, ...]:
    """Return the parts of a path below a folder. Raises UsageError for one that leads, or is, elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise UsageError(f"{name!r} is no path below the home folder.")
    return path.parts


def read_beneath(folder: Path, name: str) -> bytes:
    """
    Return the bytes of the ordinary file `name` below `folder`; no part of `name` may be a symbolic link.

    Raises OSError where there is no such file.
    """
    *above, last = parts_of(name)
    where = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        for part in above:
            inner = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=where)
            os.close(where)
            where = inner
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=where)
    finally:
        os.close(where)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(f"{name} is no ordinary file")
        return file.read()
