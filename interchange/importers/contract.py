"""
What an importer is: a module, or an object, that reads the recordings of one other tool.

It is registered as an entry point of the group `footage.importers`, under the name that it is given by to `--format`.
`footage plugins check NAME --example FILE` looks whether it keeps what is promised here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from footage.interchange.importers.draft import DraftRun
from footage.interchange.importers.entry import Entry

__all__ = ["AFTER_OWN", "Importer", "WithExample"]

AFTER_OWN = 0
"""The priority of an importer that names none: footage's own, which have 10 to 160, are asked before it."""


class Importer(Protocol):
    """
    What every importer has.

    It may have `PRIORITY`, a number: the higher is asked first, equals by their names. One that knows its files more
    surely than another that might take them says a higher number than that one.
    """

    NAME: str
    """As it is shown, given to `--format`, and stored with each run: the entry point's name."""
    LINE: str
    """What it looks for, in a few words, for the help."""

    def recognise(self, entry: Entry) -> bool:
        """
        Tell whether the entry is a recording of this format, by its content and never by its name alone.

        It is asked for every file and folder, so it looks at `entry.kind` and `entry.head` first. Raises nothing but
        BadImport, which says why the file cannot be looked at: the user is told where no other importer takes it.
        """
        ...

    def read(self, entry: Entry) -> Iterator[DraftRun]:
        """
        Yield the runs in a recognised entry; the same bytes give the same `identity` each time.

        All that is read goes through `entry`, whose limits hold. Raises BadImport where nothing of it can be read.
        """
        ...


@runtime_checkable
class WithExample(Protocol):
    """What an importer has that brings an example for its check."""

    def write_example(self, folder: Path) -> Path:
        """Write a small recording of this format into an empty folder; return the file or folder to be imported."""
        ...
