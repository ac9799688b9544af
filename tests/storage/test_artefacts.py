"""Files beside the store, and the exact recordings that are made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from footage.errors import StoreCorrupt, StoreError
from footage.storage import RunWriter, Store, verify_store
from footage.storage.artefacts import Artefacts
from footage.storage.exact_records import ExactRecording, NewCheckpoint, exact_recording, keep_exact_recording
from footage.trajectory import Action, FrameRole, Instant, StepStatus


def files_of(store: Store) -> list[str]:
    folder = Artefacts(store.database).folder
    return sorted(path.read_text() for path in folder.iterdir()) if folder.is_dir() else []


def made(folder: Path, text: str) -> Path:
    path = folder / f"made-{text}"
    path.write_text(text)
    return path


def test_a_file_is_kept_under_its_hash_and_found_again(store: Store, tmp_path: Path) -> None:
    writer, artefacts = store.begin_run(), Artefacts(store.database)
    source = made(tmp_path, "a log")
    kept = artefacts.put(writer.row, source, "record-log", about={"name": "x"})
    assert source.exists()
    assert artefacts.path(kept, check=True).read_text() == "a log"
    assert artefacts.path(kept).name == kept.sha256
    assert artefacts.of_run(writer.row) == [kept]
    assert (kept.bytes, kept.about) == (5, {"name": "x"})
    writer.end()


def test_a_moved_file_is_gone_from_where_it_was(store: Store, tmp_path: Path) -> None:
    writer, source = store.begin_run(), made(tmp_path, "a log")
    Artefacts(store.database).put(writer.row, source, "record-log", move=True)
    assert not source.exists()
    assert files_of(store) == ["a log"]
    writer.end()


def test_a_file_that_two_runs_share_stays_until_both_are_gone(store: Store, tmp_path: Path) -> None:
    artefacts = Artefacts(store.database)
    writers = [store.begin_run(), store.begin_run()]
    first, second = (artefacts.put(w.row, made(tmp_path, "the same"), "checkpoint") for w in writers)
    assert artefacts.remove(first) == 0
    assert files_of(store) == ["the same"]
    assert artefacts.remove(second) == len("the same")
    assert files_of(store) == []
    for writer in writers:
        writer.end()


def test_files_go_with_their_run(store: Store, tmp_path: Path) -> None:
    writer, artefacts = store.begin_run(), Artefacts(store.database)
    artefacts.put(writer.row, made(tmp_path, "a log"), "record-log")
    writer.end()
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM run WHERE id = ?", (writer.row,))
    assert artefacts.remove_unused() == len("a log")


def test_what_a_dead_process_left_behind_is_removed_and_what_a_live_one_prepares_stays(
    store: Store, tmp_path: Path
) -> None:
    artefacts = Artefacts(store.database)
    waiting = artefacts.prepare(made(tmp_path, "on its way"))
    dead = waiting.path.with_name(f"{waiting.sha256}.999999999.part")
    dead.write_text("left")
    assert artefacts.remove_unused() == len("left")
    assert files_of(store) == ["on its way"]


def test_a_missing_or_changed_file_is_damage(store: Store, tmp_path: Path) -> None:
    writer, artefacts = store.begin_run(), Artefacts(store.database)
    kept = artefacts.put(writer.row, made(tmp_path, "a log"), "record-log")
    path = artefacts.path(kept)
    assert verify_store(store).ok
    path.write_text("a fog")
    assert [bad.kind for bad in verify_store(store).bad] == ["artefact"]
    with pytest.raises(StoreCorrupt, match="damaged"):
        artefacts.path(kept, check=True)
    path.write_text("a longer log")
    with pytest.raises(StoreCorrupt, match="damaged"):
        artefacts.path(kept)
    path.unlink()
    with pytest.raises(StoreCorrupt, match="missing"):
        artefacts.path(kept)
    writer.end()


def exact_run(store: Store, folder: Path) -> tuple[RunWriter, ExactRecording]:
    """Record three steps that begin at 100, 200 and 300 instructions, with checkpoints at 50 and 200."""
    writer = store.begin_run(machine={"driver": "qemu", "screen": [8, 8]})
    for number in range(3):
        index = writer.intend(Action("left_click", {"coordinate": [1, 1]}))
        at = 100 * (number + 1)
        picture = np.full((8, 8, 3), number, np.uint8)
        writer.frame(picture, captured=Instant.now(), roles=[(index, FrameRole.BEFORE)], icount=at - 1)
        writer.finish(index, status=StepStatus.EXECUTED, icounts=[at, at + 5])
    checkpoints = [NewCheckpoint("start", 50, made(folder, "s")), NewCheckpoint("one", 200, made(folder, "one"))]
    keep_exact_recording(
        store,
        writer,
        log=made(folder, "log"),
        end=400,
        checkpoints=checkpoints,
        facts={"qemu": "abc"},
        timeline=[(50, 1_000), (400, 9_000)],
    )
    writer.end()
    found = exact_recording(store, writer.run_id)
    assert found is not None
    return writer, found


def test_an_exact_recording_is_read_as_it_was_written(store: Store, tmp_path: Path) -> None:
    writer, found = exact_run(store, tmp_path)
    assert (found.run, found.end, found.facts) == (writer.run_id, 400, {"qemu": "abc"})
    assert list(found.timeline) == [(50, 1_000), (400, 9_000)]
    assert [(c.name, c.icount, c.step) for c in found.checkpoints] == [("start", 50, 0), ("one", 200, 1)]
    assert store.run(writer.run_id).replayable == "exact"
    steps = store.steps(writer.run_id)
    assert [step.icounts for step in steps] == [(100, 105), (200, 205), (300, 305)]
    assert [frame.icount for frame in store.frames(writer.run_id)] == [99, 199, 299]
    assert files_of(store) == ["log", "one", "s"]


def test_the_nearest_checkpoint_before_a_step_or_an_instant_is_taken(store: Store, tmp_path: Path) -> None:
    _, found = exact_run(store, tmp_path)
    assert [found.for_step(step).name for step in range(4)] == ["start", "one", "one", "one"]
    assert [found.before(at).name for at in (0, 60, 199, 200, 350)] == ["start", "start", "start", "one", "one"]


def test_without_its_first_snapshot_nothing_is_stored(store: Store, tmp_path: Path) -> None:
    writer = store.begin_run()
    with pytest.raises(StoreError):
        keep_exact_recording(store, writer, log=made(tmp_path, "log"), end=1, checkpoints=[], facts={}, timeline=[])
    missing = [NewCheckpoint("start", 0, tmp_path / "missing")]
    with pytest.raises(OSError, match="missing"):
        keep_exact_recording(
            store, writer, log=made(tmp_path, "log"), end=1, checkpoints=missing, facts={}, timeline=[]
        )
    assert exact_recording(store, writer.run_id) is None
    assert files_of(store) == []
    assert store.run(writer.run_id).guarantee is None
    writer.end()


def test_a_run_without_one_has_no_exact_recording(store: Store) -> None:
    writer = store.begin_run()
    writer.end()
    assert exact_recording(store, writer.run_id) is None


def test_a_damaged_timeline_is_told_of(store: Store, tmp_path: Path) -> None:
    writer, _ = exact_run(store, tmp_path)
    with store.database.transaction() as connection:
        connection.execute("UPDATE exact SET timeline = x'00'")
    with pytest.raises(StoreCorrupt, match="timeline"):
        exact_recording(store, writer.run_id)
