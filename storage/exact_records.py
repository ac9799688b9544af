"""
Exact recordings: what it takes to execute the very same instructions of a virtual machine again.

A run has at most one: a record log, the snapshot it starts from, checkpoints on the way, and facts that must be the
same again (hashes of the emulator and of what it boots, the command line). Instants in it are instruction counts.
The store does not know what is in the files.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from footage.errors import StoreError
from footage.storage.artefacts import Artefact, Artefacts, PreparedFile
from footage.storage.requests.chains import dump_json
from footage.storage.rows.row_checks import checked, sound
from footage.storage.rows.to_rows import insert, update
from footage.storage.store import Store
from footage.storage.writer import RunWriter
from footage.trajectory import JSON, Guarantee

__all__ = ["Checkpoint", "ExactRecording", "NewCheckpoint", "Timeline", "exact_recording", "keep_exact_recording"]

Timeline = Sequence[tuple[int, int]]
"""Pairs of (instruction count, monotonic ns of the host), both growing: when the guest was where."""


@dataclass(frozen=True, slots=True)
class NewCheckpoint:
    """A snapshot on its way into the store."""

    name: str
    icount: int
    path: Path


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A snapshot made while recording; the first one is where the recording starts."""

    name: str
    """Of the snapshot within its file."""
    icount: int
    step: int | None
    """The first step of the run that lies after it; None where none does."""
    artefact: Artefact


@dataclass(frozen=True, slots=True)
class ExactRecording:
    """One run's exact recording."""

    run: str
    log: Artefact
    end: int
    """Instruction count at the end of the log."""
    facts: JSON
    """What must be the same again; the machine's affair."""
    timeline: Timeline = field(repr=False)
    checkpoints: tuple[Checkpoint, ...]
    """In the order of their instants."""

    def before(self, icount: int) -> Checkpoint:
        """Return the last checkpoint at or before an instant (else the first)."""
        instants = [checkpoint.icount for checkpoint in self.checkpoints]
        return self.checkpoints[max(bisect_right(instants, icount) - 1, 0)]

    def for_step(self, step: int) -> Checkpoint:
        """Return the last checkpoint from which a step can be reached (else the first)."""
        fitting = [c for c in self.checkpoints if c.step is not None and c.step <= step]
        return fitting[-1] if fitting else self.checkpoints[0]


def keep_exact_recording(
    store: Store,
    writer: RunWriter,
    *,
    log: Path,
    end: int,
    checkpoints: Sequence[NewCheckpoint],
    facts: JSON,
    timeline: Timeline,
) -> None:
    """
    Store a run's exact recording; the files are moved into the store. The run's guarantee is `exact` from then on.

    All or nothing: without the log or the first checkpoint nothing can be replayed. Raises StoreError, StoreFull.
    """
    if not checkpoints:
        raise StoreError("An exact recording needs the snapshot that it starts from.")
    files = Artefacts(store.database)
    starts = _starts(store, writer.run_id)
    prepared: list[PreparedFile] = []
    try:
        prepared.append(files.prepare(log, move=True))
        for checkpoint in checkpoints:
            file = files.prepare(checkpoint.path, move=True)
            prepared.append(file)
        with writer.event("exact recording") as (connection, subject):
            kept = files.insert(connection, writer.row, prepared[0], "record-log")
            values = {"run": writer.row, "log": kept.id, "end_icount": end, "facts": dump_json(facts)}
            subject.append(insert(connection, "exact", values | {"timeline": _packed(timeline)}))
            for checkpoint, file in zip(checkpoints, prepared[1:], strict=True):
                made = files.insert(connection, writer.row, file, "checkpoint", about={"name": checkpoint.name})
                step = next((index for at, index in starts if at >= checkpoint.icount), None)
                values = {"run": writer.row, "name": checkpoint.name, "icount": checkpoint.icount, "step": step}
                insert(connection, "checkpoint", values | {"artefact": made.id})
            update(connection, "run", writer.row, {"guarantee": Guarantee.EXACT})
    finally:
        for file in prepared:
            file.path.unlink(missing_ok=True)


def _packed(timeline: Timeline) -> bytes:
    return zlib.compress(json.dumps([list(pair) for pair in timeline]).encode())


def _unpacked(data: bytes) -> Timeline:
    try:
        return [(int(icount), int(ns)) for icount, ns in json.loads(zlib.decompress(data))]
    except zlib.error as error:
        raise ValueError(f"its timeline is damaged: {error}") from error


def _starts(store: Store, run: str) -> list[tuple[int, int]]:
    """Return (instruction count, index) of each step whose beginning is known: by its input, else by its screens."""
    found = []
    for step in store.steps(run):
        screens = (frame.icount for held in step.frames.values() for frame in held if frame.icount is not None)
        begun = step.icounts[0] if step.icounts else min(screens, default=None)
        if begun is not None:
            found.append((begun, step.index))
    return found


def exact_recording(store: Store, reference: str) -> ExactRecording | None:
    """Return a run's exact recording; None where it has none. Raises RunNotFound, StoreCorrupt."""
    run = store.run(reference)
    row_id = store.row_id(run.id)
    if store.database.row("SELECT 1 FROM sqlite_master WHERE name = 'exact'") is None:
        return None  # a file of an older version, open for reading
    row = store.database.row("SELECT * FROM exact WHERE run = ?", row_id)
    if row is None:
        return None
    artefacts = {artefact.id: artefact for artefact in Artefacts(store.database).of_run(row_id)}
    rows = store.database.rows("SELECT * FROM checkpoint WHERE run = ? ORDER BY icount", row_id)
    with checked(f"the exact recording of {run.id}"):
        sound(row)
        checkpoints = tuple(
            Checkpoint(found["name"], found["icount"], found["step"], artefacts[found["artefact"]])
            for found in map(sound, rows)
        )
        timeline = _unpacked(row["timeline"])
        if not checkpoints:
            raise LookupError("no snapshot")
        facts = dict(json.loads(row["facts"]))
        return ExactRecording(run.id, artefacts[row["log"]], row["end_icount"], facts, timeline, checkpoints)
