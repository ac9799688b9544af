"""
The process that compares two runs for the viewer: a program, started as `comparer.py STORE A B`.

On its standard output it pickles `("at", done, total)` as it goes, and at the end `("made", RunDiff)` or
`("failed", what `FootageError.told` says)`. It ends when its standard input does: with the viewer.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from typing import BinaryIO

from footage.analysis.runs.diff import RunDiff, diff_runs
from footage.errors import FootageError
from footage.storage import open_store

PARTS = 200
"""How often it tells how far it is, at the most."""
KINDNESS = 10
"""How much it stands back behind the viewer's own answers (`nice`)."""


def compare(path: str, a: str, b: str, out: BinaryIO) -> None:
    """Compare two runs of the store at `path` and write to `out` what is documented above."""
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        part = done * PARTS // max(total, 1)
        if part != told:
            told = part
            _say(out, "at", done, total)

    try:
        with open_store(path, create=False, readonly=True) as store:
            found: RunDiff = diff_runs(store, a, b, on_progress=tell)
        _say(out, "made", found)
    except FootageError as error:
        _say(out, "failed", error.told())
    except Exception as error:  # noqa: BLE001 - whoever waits is to be told
        _say(out, "failed", FootageError(f"The comparison failed: {type(error).__name__}: {error}").told())


def _say(out: BinaryIO, *words: object) -> None:
    pickle.dump(words, out)
    out.flush()


def _end_with_viewer() -> None:
    """Wait for the end of the standard input; the viewer writes nothing to it."""
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_viewer, daemon=True).start()
    os.nice(KINDNESS)
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what else is printed is no answer
        path, a, b = sys.argv[1:]
        compare(path, a, b, out)
