"""
What an exporter is: a module, or an object, that writes runs into a file of another form.

It is registered as an entry point of the group `footage.exporters`, under the name that it is given by to `--to`.
`footage plugins check NAME` looks whether it keeps what is promised here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from footage.storage.store import Store
from footage.trajectory import JSON

__all__ = ["Exported", "Exporter", "Progress", "Written"]

Progress = Callable[[int, int], None]
"""Is called with (done, total) of whatever the exporter counts."""


class Written(Protocol):
    """What was written."""

    def as_json(self) -> JSON:
        """Return at least {"path": str, "to": str, "runs": [id], "bytes": int}."""
        ...


class Exporter(Protocol):
    """
    What every exporter has.

    `MANY = True` says that a file holds any number of runs; without it there is always exactly one. `MACHINES = True`
    says that it takes along what lies beside the store: `export` is then given `with_machine` too.
    """

    NAME: str
    """As it is given to `--to`: the entry point's name."""
    ENDING: str
    """Of files of this format, with its dot and in small letters: it names the format where `--to` does not."""
    LINE: str
    """What is in the file, in a few words, for the help."""

    def export(
        self, store: Store, runs: Sequence[str], path: Path, /, *, overwrite: bool, on_progress: Progress
    ) -> Written:
        """
        Write the runs, and put the file in its place all at once: a failure leaves what was there.

        Raises RunNotFound, and UsageError where the file exists and `overwrite` was not asked for.
        """
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, for exporters that have no more to tell."""

    path: Path
    """The file."""
    to: str
    """The exporter's name."""
    runs: tuple[str, ...]
    """The runs' ids, in full."""
    bytes: int
    """Its size."""
    more: JSON = field(default_factory=dict)
    """What else stands in the JSON document."""

    def as_json(self) -> JSON:
        """Return {"path", "to", "runs", "bytes", …}."""
        return {"path": str(self.path), "to": self.to, "runs": list(self.runs), "bytes": self.bytes, **self.more}
