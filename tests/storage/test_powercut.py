"""
No power cut loses what was acknowledged, or leaves a store that cannot be read and written on.

The recorder's own code writes through the SQLite that this Python has; powercuts.py says what is simulated and what is
not. FOOTAGE_POWERCUTS is the number of cuts.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from damage import fingerprint
from footage.errors import FootageError
from footage.storage import RunWriter, Store, open_store, verify_store
from footage.storage.file import connections as under_test
from footage.trajectory import Action, FrameRole, Instant, RunStatus, StepStatus
from powercuts import Tape, listening
from samples import ask, encoded, image_block, noise, result

if TYPE_CHECKING:
    from footage.trajectory import JSON, Step

COUNT = int(os.environ.get("FOOTAGE_POWERCUTS", "50"))
PARTS = 10
FIRST = int(os.environ.get("FOOTAGE_SEED", "0"))


class Acked(NamedTuple):
    """What the recorder was told is safe: a step in a status, a turn's request, or a frame's pixels."""

    run: str
    step: int
    status: StepStatus | None = None
    request: JSON | None = None
    pixels: str = ""


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    """From a store that does not exist yet over a run and many checkpoints to a closed one, opened again for a run."""
    path = tmp_path_factory.mktemp("taped") / "s.db"
    with pytest.MonkeyPatch.context() as patched, listening() as tape:
        patched.setattr(under_test, "CHECKPOINT_BYTES", 100_000)
        patched.setattr(under_test, "WAL_LIMIT_BYTES", 50_000)
        for steps in (12, 6):
            with open_store(path) as store:
                writer = store.begin_run(task="taped")
                for number in range(steps):
                    step(writer, number, tape)
                writer.end()
                tape.ack(Acked(writer.run_id, -1))
    assert sum(event.kind == "truncate" and event.path.endswith("-wal") for event in tape.events) > 2
    assert sum(event.kind == "sync" and event.path.endswith(".db") for event in tape.events) > 4
    return tape


def step(writer: RunWriter, number: int, tape: Tape) -> None:
    """Record a turn, its step and frames, each acknowledged when the call has returned."""
    picture = noise(96, 64, number)
    shown = result("c", image_block(encoded(picture)))
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}, *[shown] * number]}
    ask(writer, body)
    tape.ack(Acked(writer.run_id, number, request=body))
    assert writer.intend(Action("left_click", {"coordinate": [number, 1]}), turn=number) == number
    tape.ack(Acked(writer.run_id, number, StepStatus.INTENDED))
    writer.heartbeat()  # the one thing that is not synced
    writer.frame(picture, captured=Instant.now(), roles=[(number, FrameRole.BEFORE)])
    tape.ack(Acked(writer.run_id, number, pixels=fingerprint(picture)))
    writer.finish(number, status=StepStatus.EXECUTED, result_text=f"done {number}")
    tape.ack(Acked(writer.run_id, number, StepStatus.EXECUTED))


def cut_power(tape: Tape, seed: int, folder: Path, *, first: int = 1) -> tuple[Path, list[Acked]]:
    """Lay out what a cut at a random moment (from event `first` on) leaves; return path and what must be in it."""
    random = Random(seed)
    at = random.randrange(first, len(tape.events) + 1)
    for old in folder.glob("s.db*"):
        if old.is_file():
            old.unlink()
    for path, content in tape.disk(at, random).items():
        (folder / Path(path).name).write_bytes(content)
    if random.random() < 0.3:
        (folder / "s.db-shm").write_bytes(random.randbytes(32768))  # never synced: anything may be in it
    return folder / "s.db", tape.acknowledged(at)


def lost(store: Store, acknowledged: list[Acked]) -> list[Acked]:
    """Return what was acknowledged and is not there."""
    missing = []
    for acked in acknowledged:
        if acked.request is not None:
            turns = store.turns(acked.run)
            there = len(turns) > acked.step and len(messages(store, turns[acked.step].id)) == acked.step + 1
        elif acked.step < 0:
            there = store.run(acked.run).status is RunStatus.COMPLETED
        else:
            steps = store.steps(acked.run)
            there = len(steps) > acked.step and is_there(store, steps[acked.step], acked)
        missing += [] if there else [acked]
    return missing


def is_there(store: Store, found: Step, acked: Acked) -> bool:
    if acked.status:
        left = StepStatus.UNKNOWN if acked.status is StepStatus.INTENDED else acked.status  # the run is over
        return found.status in {left, StepStatus.EXECUTED}
    before = found.frame(FrameRole.BEFORE)
    return before is not None and fingerprint(store.pixels(before.picture)) == acked.pixels


def messages(store: Store, turn: int) -> list[JSON]:
    request = store.request(turn, pictures=True)
    found: list[JSON] = request["messages"] if request else []
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_acknowledged_is_lost_and_recording_goes_on(part: int, tape: Tape, tmp_path: Path) -> None:
    for seed in range(FIRST + part, FIRST + COUNT, PARTS):
        path, acknowledged = cut_power(tape, seed, tmp_path)
        with open_store(path) as store:
            assert lost(store, acknowledged) == [], f"seed {seed}"
            assert verify_store(store).bad == [], f"seed {seed}"
            writer = store.begin_run(task="after the cut")
            writer.end()
            assert store.run(writer.run_id).status is RunStatus.COMPLETED


def test_a_recorder_that_does_not_sync_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial itself is tried: with commits that are not synced, cuts lose what was acknowledged."""
    plain = under_test.Connections.transaction
    monkeypatch.setattr(under_test.Connections, "transaction", lambda self, **_: plain(self, durable=False))
    with listening() as tape, open_store(tmp_path / "s.db") as store:
        writer = store.begin_run(task="taped")
        begun = len(tape.events)
        for number in range(5):
            step(writer, number, tape)
        taped = Tape(tape.events[:])
        writer.end()
    (tmp_path / "cut").mkdir()
    found = 0
    for seed in range(20):
        path, acknowledged = cut_power(taped, seed, tmp_path / "cut", first=begun)
        try:
            with open_store(path) as cut:
                found += bool(lost(cut, acknowledged))
        except FootageError:
            found += 1
    assert found > 5


def test_a_change_without_a_wal_that_was_cut_short_is_undone(tmp_path: Path) -> None:
    """As in a copy that came without one: its first writer is on the way to have one again."""
    with open_store(tmp_path / "s.db") as store:
        store.begin_run(task="x").end()
    (tmp_path / "cut").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE half (done BLOB)")
        for _ in range(50):
            connection.execute("INSERT INTO half VALUES (randomblob(4000))")
        for name in ("s.db", "s.db-journal"):
            shutil.copyfile(tmp_path / name, tmp_path / "cut" / name)
    with open_store(tmp_path / "cut" / "s.db") as store:
        assert [run.task for run in store.runs()] == ["x"]
        assert verify_store(store).ok
        assert store.database.rows("SELECT name FROM sqlite_master WHERE name = 'half'") == []
