"""
The process that looks at every byte of a store's files.

    python -m footage.storage.redaction.byte_search   < {"files": […], "pieces": [hexadecimal, …], "secrets": […]}

A process of its own: one that has a store open must not open its file by another way, or it loses its locks
(https://sqlite.org/howtocorrupt.html, section 2.2). Its output is a line for each file, {"bytes", "found"}. What is
looked for comes by standard input, so that no list of processes shows it. Secrets are looked for in every form that
recording and redaction know, by the same means.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from footage.errors import StoreError
from footage.secrets import Replacer
from footage.storage.file.children import at_work

__all__ = ["count_in", "search_files"]

_CHUNK = 16 << 20
_OVERLAP = 1 << 20
"""Bytes of the longest spelling of a secret that is found where two chunks meet."""


def search_files(
    files: Sequence[Path],
    pieces: Sequence[bytes],
    on_progress: Callable[[int, int], None],
    *,
    secrets: Sequence[str] = (),
) -> tuple[int, int]:
    """
    Return (bytes read, how often something was found) of some files: pieces as they are, secrets in any form.

    `on_progress` is called with (done, total) files. Raises StoreError where they cannot be read.
    """
    asked = {"files": list(map(str, files)), "pieces": [piece.hex() for piece in pieces], "secrets": list(secrets)}
    size = found = done = 0
    with at_work("footage.storage.redaction.byte_search") as child:
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


def count_in(path: Path, pieces: Sequence[bytes], secrets: Replacer) -> tuple[int, int]:
    """Return (size, how often a piece or a secret stands in it) of a file."""
    size = found = 0
    with path.open("rb") as file:
        data = b""
        is_last = False
        while not is_last:
            more = file.read(_CHUNK)
            size, whole, is_last = size + len(more), data + more, len(more) < _CHUNK
            counted = len(whole) if is_last else max(len(whole) - _OVERLAP, 0)
            starts = [at for piece in pieces for at in _starts(whole, piece)] + secrets.places(whole)
            found += sum(start < counted for start in starts)
            data = whole[counted:]
    return size, found


def _starts(data: bytes, piece: bytes) -> Iterator[int]:
    at = data.find(piece)
    while at >= 0:
        yield at
        at = data.find(piece, at + 1)


def _main() -> None:
    asked = json.load(sys.stdin)
    pieces = [bytes.fromhex(piece) for piece in asked["pieces"]]
    secrets = Replacer(dict.fromkeys(asked["secrets"], "-"))
    for file in asked["files"]:
        size, found = count_in(Path(file), pieces, secrets)
        sys.stdout.write(json.dumps({"bytes": size, "found": found}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
