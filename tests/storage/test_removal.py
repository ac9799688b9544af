"""Removing runs, freeing what they alone needed, retention; and what is left alone."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cli import call
from footage.errors import RunNotFound, StoreCorrupt, UsageError
from footage.storage import Store, open_store, verify_store
from footage.storage.artefacts import Artefacts
from footage.storage.upkeep.removal import collect, remove_runs, with_descendants
from footage.storage.upkeep.retention import Outdated, outdated
from footage.storage.upkeep.rewriting import rewrite
from footage.storage.upkeep.space import free_bytes, store_bytes
from footage.trajectory import FrameRole, Instant, OutcomeSource, Parent, RunKind
from samples import CLICK, ask, encoded, image_block, noise, result

TABLES = ("run", "step", "turn", "request", "document", "picture", "atlas", "frame", "event", "note", "tag", "family")
DAY = 86_400 * 10**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path) as opened:
        yield opened


def fill(store: Store, seed: int, parent: str | None = None, *, end: bool = True, steps: int = 3) -> str:
    """Record a run whose pictures come as frames and in requests; return its id."""
    kind = RunKind.FORK if parent else RunKind.RECORDED
    writer = store.begin_run(task=f"task {seed}", kind=kind, parent=Parent(parent, 0) if parent else None)
    messages = [{"role": "user", "content": f"hello {seed}"}]
    for number in range(steps):
        messages.append(result(f"c{number}", image_block(encoded(noise(90, 60, seed=1000 * seed + number)))))
        turn = ask(writer, {"system": "s", "messages": messages})
        index = writer.intend(CLICK, turn=turn, call_id=f"c{number}")
        picture = noise(100, 80, seed=7 if number == 0 else 2000 * seed + number)
        writer.frame(picture, captured=Instant.now(), roles=[(index, FrameRole.AFTER)])
    if end:
        writer.end()
    return writer.run_id


def counts(store: Store) -> dict[str, int]:
    return {table: store.database.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def shown(store: Store, run: str) -> list[np.ndarray]:
    """Return all pixels of a run, those of its requests too."""
    for turn in store.turns(run):
        assert store.request(turn.id, pictures=True)
    return [store.pixels(frame.picture) for frame in store.frames(run)]


def test_a_removed_run_leaves_nothing(store: Store) -> None:
    empty = counts(store)
    run = fill(store, 1)
    store.add_note(run, "look", step=1)
    store.add_tag(run, "x")
    store.add_outcome(run, "success", OutcomeSource.HUMAN)
    assert [gone.id for gone in remove_runs(store, [run])] == [run]
    collect(store)
    assert counts(store) == empty
    assert store.runs() == []
    with pytest.raises(RunNotFound):
        store.run(run)
    assert verify_store(store).ok


def test_other_families_are_not_touched(store: Store) -> None:
    kept = fill(store, 1)
    before, seen = counts(store), shown(store, kept)
    remove_runs(store, [fill(store, 2)])
    collect(store)
    assert counts(store) == before
    assert all(map(np.array_equal, shown(store, kept), seen))
    assert store.runs(text="task 1")
    assert verify_store(store).ok


def test_after_a_removal_only_the_families_of_the_removed_runs_are_looked_at(store: Store) -> None:
    mother, other = fill(store, 1), fill(store, 2)
    gone = remove_runs(store, [fill(store, 3, mother), fill(store, 4, other)])
    looked: list[tuple[int, int]] = []
    freed = collect(store, removed=gone[:1], on_progress=lambda *at: looked.append(at))
    assert looked == [(1, 1)]
    assert freed.pictures
    assert collect(store, removed=gone[:1]).pictures == 0
    assert collect(store).pictures == freed.pictures
    assert verify_store(store).ok


def test_a_run_goes_with_the_replays_and_forks_made_from_it_and_from_those(store: Store) -> None:
    mother = fill(store, 1)
    child = fill(store, 2, mother)
    grandchild = fill(store, 3, child)
    other = fill(store, 4, mother)
    assert [run.id for run in with_descendants(store, [child])] == [child, grandchild]
    remove_runs(store, [child])
    assert {run.id for run in store.runs()} == {mother, other}
    collect(store)
    shown(store, mother)
    shown(store, other)
    assert verify_store(store).ok
    assert {run.id for run in remove_runs(store, [mother])} == {mother, other}
    assert counts(store)["family"] == 0


def test_what_the_rest_of_the_family_needs_stays(store: Store) -> None:
    mother = fill(store, 1)
    before, seen = counts(store), shown(store, mother)
    remove_runs(store, [fill(store, 2, mother)])
    freed = collect(store)
    assert counts(store) == before
    assert (freed.pictures, freed.documents > 2, freed.busy_families) == (5, True, 0)  # the sixth is the mother's too
    assert all(map(np.array_equal, shown(store, mother), seen))


def test_a_run_that_is_being_recorded_is_refused_and_nothing_removed(store: Store) -> None:
    mother = fill(store, 1)
    child = fill(store, 2, mother, end=False)
    before = counts(store)
    with pytest.raises(UsageError, match=f"{child} is being recorded"):
        remove_runs(store, [mother])
    assert counts(store) == before


def test_a_family_that_somebody_records_into_is_left_alone(store: Store) -> None:
    mother = fill(store, 1)
    doomed = fill(store, 2, mother)
    writer = store.begin_run(kind=RunKind.FORK, parent=Parent(mother, 1))
    remove_runs(store, [doomed])
    freed = collect(store)
    assert (freed.pictures, freed.busy_families) == (0, 1)
    writer.frame(noise(100, 80, seed=7), captured=Instant.now())
    writer.end()
    assert collect(store).pictures == 5
    assert verify_store(store).ok


def test_a_family_is_left_alone_while_any_layer_has_a_run_open(store: Store) -> None:
    mother = fill(store, 1)
    doomed = fill(store, 2, mother)
    writer = store.begin_run(kind=RunKind.FORK, parent=Parent(mother, 1))
    other = store.join_run(writer.run_id, layer="proxy")
    writer.end()
    remove_runs(store, [doomed])
    assert collect(store).busy_families == 1
    with pytest.raises(UsageError, match="being recorded"):
        remove_runs(store, [writer.run_id])
    other.leave()
    assert collect(store).pictures == 5


def test_a_dry_run_counts_and_removes_nothing(store: Store) -> None:
    mother = fill(store, 1)
    remove_runs(store, [fill(store, 2, mother)])
    before = counts(store)
    told = collect(store, dry_run=True)
    assert counts(store) == before
    done = collect(store)
    assert (told.pictures, told.atlases, told.documents) == (done.pictures, done.atlases, done.documents)


def test_the_room_is_given_back_to_the_disk(store: Store) -> None:
    fill(store, 1)
    rewrite(store.path)
    small = store.path.stat().st_size
    remove_runs(store, [fill(store, 2, steps=60)])
    asked: list[str] = []
    with store.database.transaction() as connection:
        connection.set_trace_callback(asked.append)
    assert collect(store).freed_bytes > 500_000
    assert len([sql for sql in asked if "incremental_vacuum" in sql]) == 1  # for a thousand pages, not for each
    assert free_bytes(store.database) == 0
    store.close()
    assert store.path.stat().st_size < small + 100_000


def test_a_store_that_cannot_shrink_piece_by_piece_is_written_anew_once_nobody_records(path: Path) -> None:
    open_store(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for sql in ("PRAGMA journal_mode=DELETE", "PRAGMA auto_vacuum=NONE", "VACUUM"):
            connection.execute(sql)
    with open_store(path) as store:
        run, live = fill(store, 1, steps=30), store.begin_run()
        remove_runs(store, [run])
        assert collect(store).freed_bytes == 0
        assert free_bytes(store.database) > 100_000
        live.end()
        assert collect(store).freed_bytes > 100_000
        assert store.database.rows("PRAGMA auto_vacuum")[0][0] == 2
        assert verify_store(store).ok


def test_a_runs_files_go_with_it_and_shared_ones_with_the_last(store: Store, tmp_path: Path) -> None:
    files = Artefacts(store.database)
    runs = [fill(store, seed) for seed in (1, 2)]
    for name, owners in {"log": runs[:1], "disk": runs}.items():
        for owner in owners:
            source = tmp_path / name
            source.write_bytes(name.encode() * 1000)
            row = store.database.rows("SELECT id FROM run WHERE name = ?", owner)[0][0]
            files.put(row, source, name)
    assert len(list(files.folder.iterdir())) == 2
    remove_runs(store, runs[:1])
    assert collect(store).file_bytes == 3000
    assert len(list(files.folder.iterdir())) == 1
    remove_runs(store, runs[1:])
    collect(store)
    assert list(files.folder.iterdir()) == []


def test_nothing_is_freed_of_a_family_whose_layouts_cannot_be_read(store: Store) -> None:
    run = fill(store, 1)
    remove_runs(store, [fill(store, 2, run)])
    with store.database.transaction() as connection:
        connection.execute("UPDATE picture SET tiles = x'00' WHERE id = 1")
    before = counts(store)
    with pytest.raises(StoreCorrupt, match="layout"):
        collect(store)
    assert counts(store) == before


def test_a_reader_does_not_take_a_new_picture_for_a_removed_one_with_its_number(store: Store) -> None:
    run = fill(store, 1)
    with open_store(store.path, readonly=True) as viewer:
        old = viewer.frames(run)[-1].picture
        viewer.pixels(old)
        remove_runs(store, [run])
        collect(store)
        again = fill(store, 5)
        assert old in {frame.picture for frame in viewer.frames(again)}
        assert np.array_equal(viewer.pixels(old), shown(store, again)[-1])


# --- retention ---


def made_old(store: Store, run: str, days: float) -> str:
    """Set back all that says when somebody wrote into a run."""
    back = int(days * DAY)
    with store.database.transaction() as connection:
        sql = "UPDATE run SET started_wall = started_wall - ?, ended_wall = ended_wall - ? WHERE name = ?"
        connection.execute(sql, (back, back, run))
        sql = "UPDATE writer SET heartbeat_wall = heartbeat_wall - ? WHERE run = (SELECT id FROM run WHERE name = ?)"
        connection.execute(sql, (back, run))
    return run


def names(found: list[Outdated]) -> list[list[str]]:
    return [[run.id for run in each.runs] for each in found]


def test_families_that_nobody_wrote_into_for_so_long_are_outdated(store: Store) -> None:
    old = made_old(store, fill(store, 1), 100)
    with_young_fork = made_old(store, fill(store, 2), 100)
    fill(store, 3, with_young_fork)
    fill(store, 4)
    assert names(outdated(store, days=90)) == [[old]]
    assert names(outdated(store, days=101)) == []


def test_a_run_imported_today_of_a_recording_of_last_year_is_not_old(store: Store) -> None:
    run = fill(store, 1)
    with store.database.transaction() as connection:
        connection.execute("UPDATE run SET started_wall = 1, ended_wall = 2")
    assert names(outdated(store, days=1)) == []
    assert names(outdated(store, days=0)) == [[run]]


@pytest.mark.parametrize("protection", ["tag", "note", "live"])
def test_kept_noted_and_live_runs_protect_their_family(store: Store, protection: str) -> None:
    mother = made_old(store, fill(store, 1), 100)
    child = made_old(store, fill(store, 2, mother, end=protection != "live"), 100)
    if protection == "tag":
        store.add_tag(child, "keep")
    elif protection == "note":
        store.add_note(child, "strange")
    assert outdated(store, days=1, keep_bytes=0) == []
    assert names(outdated(store, days=1, kept_too=True)) == ([] if protection == "live" else [[mother, child]])


def test_the_oldest_go_until_the_rest_has_room(store: Store) -> None:
    runs = [made_old(store, fill(store, seed, steps=12), 50 - seed) for seed in range(4)]
    everything = outdated(store, keep_bytes=0)
    assert names(everything) == [[run] for run in runs]
    room = store_bytes(store.database) - everything[0].bytes - 1
    assert names(outdated(store, keep_bytes=room)) == [[runs[0]], [runs[1]]]
    assert names(outdated(store, keep_bytes=10**9)) == []
    remove_runs(store, runs[:2])
    collect(store)
    assert store_bytes(store.database) <= room


# --- the commands ---


def test_rm_removes_when_told_not_to_ask(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(path) as store:
        mother = fill(store, 1)
        child = fill(store, 2, mother)
        other = fill(store, 3)
    refused = call(capsys, "rm", mother, "--store", path)
    assert (refused.code, "takes a person's yes" in refused.err) == (2, True)
    told = call(capsys, "rm", mother, "--yes", "--json", "--store", path).document
    assert set(told["removed"]) == {mother, child}
    assert told["freed"]["freed_bytes"] > 0
    with open_store(path) as store:
        assert [run.id for run in store.runs()] == [other]
        assert verify_store(store).ok


def test_gc_removes_what_is_old_and_says_so_before(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(path) as store:
        old = made_old(store, fill(store, 1), 100)
        young = fill(store, 2)
    told = call(capsys, "gc", "--older-than", "90d", "--dry-run", "--store", path)
    assert old in told.out
    assert "would be removed" in told.out
    done = call(capsys, "gc", "--older-than", "12w", "--yes", "--json", "--store", path).document
    assert [each["run"] for each in done["removed"]] == [old]
    with open_store(path) as store:
        assert [run.id for run in store.runs()] == [young]


@pytest.mark.parametrize("option", [("--older-than", "soon"), ("--keep-bytes", "20 parsecs"), ("--older-than", "-3d")])
def test_gc_refuses_measures_that_are_none(
    path: Path, option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    open_store(path).close()
    assert call(capsys, "gc", *option, "--store", path).code == 2


def test_gc_of_an_empty_store_says_there_is_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_store(path).close()
    assert "Needed by no run: 0 pictures" in call(capsys, "gc", "--store", path).out
