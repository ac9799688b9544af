"""`.footage` files: a family goes out and comes back without loss."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cli import sample_in
from families import every_row, full_family, said_of
from footage.errors import RunNotFound, StoreCorrupt, UsageError
from footage.interchange.exporters.footage_writer import write_footage_file
from footage.interchange.importers.own.footage_reader import import_footage_file, is_footage_file
from footage.storage import Store, open_store, verify_store
from footage.storage.artefacts import Artefacts
from footage.storage.exact_records import exact_recording
from footage.storage.family_copy import DERIVED, TABLES
from places import STORES


def trusted(said: list[Any], **changes: Any) -> list[Any]:
    """Return what was said, as if it was trusted: that is the one thing that an import changes."""
    return [{**one, "run": {**one["run"], "trusted": True, **changes}} for one in said]


def without_files(said: list[Any]) -> list[Any]:
    """Return what was said, without what lies beside the store."""
    return [{**one, "artefacts": [], "run": {**one["run"], "guarantee": None}} for one in said]


def test_every_table_is_copied_or_made_anew(store: Store) -> None:
    tables = {row[0] for row in store.database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == set(TABLES) | DERIVED


def test_every_reference_is_translated(store: Store) -> None:
    for table, references in TABLES.items():
        declared = {row["from"]: row["table"] for row in store.database.rows(f"PRAGMA foreign_key_list({table})")}
        assert declared.items() <= references.items()


def test_a_family_comes_back_as_it_was(store: Store, tmp_path: Path) -> None:
    full_family(store, "another one")
    run = full_family(store)
    full_family(store, "a third")
    before = every_row(store)
    report = write_footage_file(store, [run], tmp_path / "a.footage", with_machine=True)
    assert every_row(store) == before
    assert report.runs == tuple(one.id for one in store.family(run))
    assert report.bytes == (tmp_path / "a.footage").stat().st_size
    assert report.left_out == ()
    with open_store(tmp_path / "b.db") as other:
        full_family(other, "was here before")
        found = import_footage_file(other, tmp_path / "a.footage")
        assert found.runs == report.runs
        assert not found.renamed
        assert not any(other.run(one).trusted for one in found.runs)
        assert trusted(said_of(other, run)) == said_of(store, run)


def test_a_machine_s_files_stay_behind_unless_asked_for(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    report = write_footage_file(store, [run], tmp_path / "a.footage")
    assert [(one["kind"], one["bytes"], one["run"]) for one in report.left_out] == [
        ("log", 5, run),
        ("snapshot", 10, run),
    ]
    with open_store(tmp_path / "b.db") as other:
        import_footage_file(other, tmp_path / "a.footage")
        assert other.run(run).guarantee == "anchored"
        assert without_files(trusted(said_of(other, run))) == without_files(said_of(store, run))


def test_a_machine_s_files_lie_beside_the_new_store(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    write_footage_file(store, [run], tmp_path / "a.footage", with_machine=True)
    with open_store(tmp_path / "a.footage", readonly=True) as opened:
        write_footage_file(opened, [run], tmp_path / "b.footage", with_machine=True)
    with open_store(tmp_path / "b.db") as other:
        import_footage_file(other, tmp_path / "b.footage")
        folder = Artefacts(other.database).folder
        assert sorted(path.read_bytes() for path in folder.iterdir()) == [b"a log", b"a snapshot"]
        recording = exact_recording(other, run)
        assert recording
        assert recording.checkpoints[0].artefact.bytes == len(b"a snapshot")


def test_the_sample_goes_through_two_stores_and_comes_back(tmp_path: Path) -> None:
    with open_store(sample_in(tmp_path)) as store:
        roots = sorted({run.family for run in store.runs()})
        write_footage_file(store, roots, tmp_path / "a.footage")
        with open_store(tmp_path / "b.db") as other:
            import_footage_file(other, tmp_path / "a.footage")
            write_footage_file(other, roots, tmp_path / "b.footage")
        with open_store(tmp_path / "c.db") as third:
            import_footage_file(third, tmp_path / "b.footage")
            for root in roots:
                assert trusted(said_of(third, root)) == said_of(store, root)
            assert third.count_runs() == store.count_runs()


def test_the_file_is_a_store_and_stands_alone(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    made = tmp_path / "out" / "a.footage"
    made.parent.mkdir()
    write_footage_file(store, [run], made)
    assert [path.name for path in made.parent.iterdir()] == ["a.footage"]
    assert is_footage_file(made.read_bytes()[:100])
    with open_store(made, readonly=True) as opened:
        assert verify_store(opened).ok
        assert opened.run(run).task == store.run(run).task


def test_several_families_travel_together(store: Store, tmp_path: Path) -> None:
    runs = [full_family(store, f"task {number}") for number in range(3)]
    report = write_footage_file(store, [runs[0], runs[2], runs[2]], tmp_path / "a.footage")
    assert {runs[0], runs[2]} < set(report.runs)
    assert runs[1] not in report.runs


def test_importing_twice_adds_nothing(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    write_footage_file(store, [run], tmp_path / "a.footage")
    with open_store(tmp_path / "b.db") as other:
        import_footage_file(other, tmp_path / "a.footage")
        before = every_row(other)
        again = import_footage_file(other, tmp_path / "a.footage")
        assert (again.runs, again.known) == ((), (run,))
        assert every_row(other) == before
    assert import_footage_file(store, tmp_path / "a.footage").runs == ()


def test_a_run_whose_id_is_taken_gets_another(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    write_footage_file(store, [run], tmp_path / "a.footage")
    children = [one.id for one in store.family(run)][1:]
    with open_store(tmp_path / "b.db") as other:
        mine = other.begin_run(task="mine")
        mine.end()
        with other.database.transaction() as connection:
            connection.execute("UPDATE run SET name = ? WHERE name = ?", (children[0], mine.run_id))
        found = import_footage_file(other, tmp_path / "a.footage")
        assert list(found.renamed) == [children[0]]
        assert other.run(children[0]).task == "mine"
        renamed = other.run(found.renamed[children[0]])
        assert renamed.parent
        assert (renamed.task, renamed.parent.run) == ("again", run)


def test_a_run_that_is_being_recorded_is_interrupted_in_the_file(store: Store, tmp_path: Path) -> None:
    writer = store.begin_run(task="still going")
    write_footage_file(store, [writer.run_id], tmp_path / "a.footage")
    with open_store(tmp_path / "a.footage", readonly=True) as opened:
        assert opened.run(writer.run_id).status == "interrupted"
    writer.end()


def test_nothing_is_overwritten_unasked(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    (tmp_path / "a.footage").write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        write_footage_file(store, [run], tmp_path / "a.footage")
    with pytest.raises(UsageError, match="exists already"):
        write_footage_file(store, [run], store.path, overwrite=True)
    with pytest.raises(UsageError, match="No such file"):
        write_footage_file(store, [run], tmp_path / "nowhere" / "a.footage")
    with pytest.raises(RunNotFound):
        write_footage_file(store, ["zzz"], tmp_path / "b.footage")
    assert (tmp_path / "a.footage").read_text() == "precious"
    write_footage_file(store, [run], tmp_path / "a.footage", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_damage_is_told_of_and_not_handed_on(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    with store.database.transaction() as connection:
        connection.execute("UPDATE document SET body = CAST(body || ' ' AS BLOB) WHERE id = 2")
    with pytest.raises(StoreCorrupt, match="does not fit its hash"):
        write_footage_file(store, [run], tmp_path / "a.footage")
    assert not (tmp_path / "a.footage").exists()


@pytest.mark.parametrize("name", ["v1.db", "v2.db"])
def test_files_of_old_versions_come_in(store: Store, name: str) -> None:
    path = STORES / name
    (run,) = import_footage_file(store, path).runs
    assert store.run(run).task == "a task"
    assert verify_store(store).ok


def test_the_store_itself_and_a_store_in_use_are_refused(store: Store, tmp_path: Path) -> None:
    full_family(store)
    with pytest.raises(UsageError, match="the store itself"):
        import_footage_file(store, store.path)
    with open_store(tmp_path / "b.db") as other, pytest.raises(UsageError, match="in use"):
        import_footage_file(other, store.path)


def test_an_export_leaves_the_reader_usable(store: Store, tmp_path: Path) -> None:
    run = full_family(store)
    write_footage_file(store, [run], tmp_path / "a.footage")
    store.add_tag(run, "after")
    assert store.run(run).tags == ("nightly", "after")
    with sqlite3.connect(tmp_path / "a.footage") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()
