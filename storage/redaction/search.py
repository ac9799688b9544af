"""
The process that looks at every byte of a store's files.

    python -m footage.storage.redaction.search   < {"files": […], "patterns": [hexadecimal, …]}

A process of its own: one that has a store open must not open its file by another way, or it loses its locks
(https://sqlite.org/howtocorrupt.html, section 2.2). Its output is a line for each file, {"bytes", "found"}. Patterns
come by standard input, so that no list of processes shows them.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from footage.errors import StoreError
from footage.storage.children import at_work

__all__ = ["count_in", "search_files"]


def search_files(
    files: Sequence[Path], patterns: Sequence[bytes], on_progress: Callable[[int, int], None]
) -> tuple[int, int]:
    """
    Return (bytes read, patterns found) of some files.

    `on_progress` is called with (done, total) files. Raises StoreError where they cannot be read.
    """
    asked = {"files": [str(file) for file in files], "patterns": [pattern.hex() for pattern in patterns]}
    size = found = done = 0
    with at_work("footage.storage.redaction.search") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(asked).encode("ascii"))
        child.stdin.close()
        for line in child.stdout:
            said = json.loads(line)
            size, found, done = size + said["bytes"], found + said["found"], done + 1
            on_progress(done, len(files))
    if child.returncode or done != len(files):
        raise StoreError("The files of the store could not be searched.", hint="Try again: footage redact --finish")
    return size, found


def count_in(path: Path, patterns: Sequence[bytes]) -> tuple[int, int]:
    """Return (size, how often a pattern stands in it) of a file."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return 0, 0
        found = 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for pattern in patterns:
                at = data.find(pattern)
                while at >= 0:
                    found, at = found + 1, data.find(pattern, at + 1)
        return size, found


def _main() -> None:
    asked = json.load(sys.stdin)
    patterns = [bytes.fromhex(pattern) for pattern in asked["patterns"]]
    for file in asked["files"]:
        size, found = count_in(Path(file), patterns)
        sys.stdout.write(json.dumps({"bytes": size, "found": found}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
