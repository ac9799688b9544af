"""Folders for what is being made, beside where it is to lie; gone in the end, also where a stop comes meanwhile."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from footage import stopping
from footage.errors import UsageError

__all__ = ["scratch_beside"]


_TRIES, _BETWEEN = 10, 0.05  # seconds


@contextlib.contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path` for the block. Raises UsageError where none can be made."""
    made: Path | None = None
    try:
        try:
            with stopping.held():
                made = Path(tempfile.mkdtemp(prefix=".footage-", dir=path.parent))
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
        yield made
    finally:
        if made is not None:
            with stopping.held():
                _remove(made)


def _remove(folder: Path) -> None:
    """Remove a folder; what a process that is ending still writes there is waited for, a moment long."""
    for _ in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_BETWEEN)
