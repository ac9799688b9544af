"""Opening files that are no store, or cannot be used: the right error, one sentence, and not a byte changed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from drawn import page
from footage.errors import FootageError, NotAStore, StoreCorrupt, StoreError, StoreFull, StoreTooNew
from footage.storage import Store, open_store
from footage.storage.file.database import default_path
from footage.trajectory import FrameRole, Instant, OutcomeSource, RunStatus
from samples import CLICK, encoded, noise

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of Python >= 3.12, about fork()

Made = Callable[[Path], object]


def other_application(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 0x47504B47")
        connection.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT)")
        connection.commit()


def other_in_wal_mode(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT)")


def store_of_version(version: int) -> Made:
    def make(path: Path) -> None:
        with open_store(path) as store:
            store.begin_run(task="x").end()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")

    return make


def cut_store(length: int) -> Made:
    def make(path: Path) -> None:
        store_of_version(2)(path)
        path.write_bytes(path.read_bytes()[:length])

    return make


WRONG: dict[str, tuple[Made, type[StoreError]]] = {
    "text": (lambda path: path.write_text("run,step\n1,2\n"), NotAStore),
    "a picture": (lambda path: path.write_bytes(encoded(page("Desk"))), NotAStore),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), NotAStore),
    "a short file": (lambda path: path.write_bytes(b"SQLite format 3\0"), NotAStore),
    "a zip": (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(200)), NotAStore),
    "a folder": (lambda path: path.mkdir(), NotAStore),
    "a pipe": (os.mkfifo, NotAStore),
    "a device": (lambda path: path.symlink_to("/dev/null"), NotAStore),
    "a loop of links": (lambda path: path.symlink_to(path), StoreError),
    "another application's database": (other_application, NotAStore),
    "another application's database in WAL mode": (other_in_wal_mode, NotAStore),
    "a newer store": (store_of_version(99), StoreTooNew),
    "the head of a store": (cut_store(100), StoreError),
    "half a store": (cut_store(50_000), StoreError),
}


def fingerprint(folder: Path) -> dict[str, bytes | None]:
    """Return what lies in a folder: names, and the bytes of files."""
    ours = (".db-wal", ".db-shm")  # SQLite's own, beside what is a store
    found = [path for path in folder.rglob("*") if not path.name.endswith(ours)]
    return {str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else None for path in found}


@pytest.mark.parametrize("options", [{}, {"create": False}, {"readonly": True}], ids=["write", "no create", "read"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_refused_in_one_sentence_and_left_alone(
    tmp_path: Path, wrong: str, options: dict[str, bool]
) -> None:
    make, expected = WRONG[wrong]
    path = tmp_path / "runs.db"
    make(path)
    before = fingerprint(tmp_path)
    with pytest.raises(expected) as caught:
        open_store(path, **options).runs()
    assert type(caught.value) is expected or expected is StoreError
    assert os.path.realpath(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith(".")
    assert fingerprint(tmp_path) == before


def test_another_database_gets_no_files_beside_it(tmp_path: Path) -> None:
    other_in_wal_mode(tmp_path / "runs.db")
    with pytest.raises(NotAStore):
        open_store(tmp_path / "runs.db")
    assert [path.name for path in tmp_path.iterdir()] == ["runs.db"]


@pytest.mark.parametrize("options", [{"create": False}, {"readonly": True}])
def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, options: dict[str, bool]) -> None:
    with pytest.raises(NotAStore, match="There is no store at"):
        open_store(tmp_path / "new" / "runs.db", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"create": False}, {"readonly": True}])
def test_an_empty_file_is_no_store_to_read(tmp_path: Path, options: dict[str, bool]) -> None:
    path = tmp_path / "runs.db"
    path.touch()
    with pytest.raises(NotAStore, match="empty"):
        open_store(path, **options)
    assert path.stat().st_size == 0
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_file_becomes_a_store_to_record_into(tmp_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=tmp_path) as file, open_store(file.name) as store:
        store.begin_run(task="x").end()
        assert store.run("@1").task == "x"


def test_a_store_whose_making_was_cut_short_is_made_now(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 0x464F4F54")
    with open_store(path) as store:
        store.begin_run().end()
    with open_store(path, readonly=True) as store:
        assert store.count_runs() == 1


@pytest.mark.parametrize("table", ["document", "run", "atlas"])
def test_a_making_that_fails_in_the_middle_leaves_nothing_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    from footage.storage.schema import tables, v1

    def fails(db: object, name: str, *arguments: object, **options: object) -> None:
        if name == table:
            raise KeyboardInterrupt
        real(db, name, *arguments, **options)  # type: ignore[arg-type]  # passed on

    real = tables.table
    monkeypatch.setattr(v1, "table", fails)
    with pytest.raises(KeyboardInterrupt):
        open_store(tmp_path / "runs.db")
    monkeypatch.undo()
    with open_store(tmp_path / "runs.db") as store:
        store.begin_run().end()
        assert store.count_runs() == 1


# --- damaged, but a store ---


def filled(path: Path) -> None:
    with open_store(path) as store:
        for _ in range(5):
            writer = store.begin_run(task="x")
            index = writer.intend(CLICK)
            writer.frame(noise(300, 200), captured=Instant.now(), roles=[(index, FrameRole.AFTER)])
            writer.end()


@pytest.mark.parametrize("seed", range(20))
def test_a_store_with_bad_pages_answers_or_says_that_it_is_damaged(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "runs.db"
    filled(path)
    data = bytearray(path.read_bytes())
    start = 4096 * (1 + seed * (len(data) // 4096 - 2) // 20)
    data[start : start + 2000] = noise(20, 40, seed=seed).tobytes()[:2000]
    path.write_bytes(data)
    with contextlib.suppress(StoreError), open_store(path, readonly=True) as store:
        for run in store.runs():
            (store.steps(run.id), store.turns(run.id))
            for frame in store.frames(run.id):
                assert np.array_equal(store.pixels(frame.picture), noise(300, 200))


ROWS = {
    "a status": "UPDATE run SET status = 'recorging'",
    "a kind": "UPDATE run SET kind = ''",
    "a machine": "UPDATE run SET machine = '{'",
    "a divergence": "UPDATE run SET divergence = '{}'",
    "an outcome": "UPDATE outcome SET source = 'x'",
    "arguments": "UPDATE step SET arguments = '{\"a'",
    "a space": "UPDATE step SET space = '{\"x\": 1}'",
    "a step's status": "UPDATE step SET status = 'x'",
    "delivered": "UPDATE step SET delivered = '3'",
    "a role": "UPDATE frame_role SET role = 'x'",
    "a region": "UPDATE frame SET region = '[1]'",
    "content": "UPDATE turn SET content = '['",
    "text that is no UTF-8": "UPDATE run SET task = CAST(x'ff41' AS TEXT)",
}


@pytest.mark.parametrize("sql", ROWS.values(), ids=ROWS.keys())
def test_a_damaged_row_is_said_to_be_damaged(tmp_path: Path, sql: str) -> None:
    with open_store(tmp_path / "runs.db") as store:
        writer = store.begin_run()
        writer.begin_turn(model="m", started=Instant.now())
        index = writer.intend(CLICK)
        writer.frame(noise(3, 3), captured=Instant.now(), roles=[(index, FrameRole.AFTER)])
        writer.outcome("success", OutcomeSource.SELF)
        writer.end()
        with store.database.transaction() as connection:
            connection.execute(sql)
        with pytest.raises(StoreCorrupt, match="amaged"):
            (store.runs(), store.steps("@1"), store.turns("@1"))


# --- rights ---


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder that every user may look into."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_somebody(call: Callable[[], object]) -> str:
    """Call in a child process without the rights of root; return what went wrong, or "fine"."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = "fine"
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            call()
        except FootageError as error:
            said = f"{type(error).__name__}: {error.message} {error.hint}"
        except BaseException as error:  # noqa: BLE001 - the parent will show it
            said = f"{error!r}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def read_one(path: Path) -> None:
    with open_store(path) as store:
        assert store.database.readonly
        assert store.run("@1").task == "x"
        assert store.runs(status="recording") == []
        store.pixels(store.frames("@1")[0].picture)


def test_a_read_only_file_in_a_read_only_folder_is_read_and_left_alone(shared: Path) -> None:
    path = shared / "runs.db"
    filled(path)
    path.chmod(0o444)
    shared.chmod(0o555)
    before = sorted(shared.iterdir()), path.read_bytes()
    assert as_somebody(lambda: read_one(path)) == "fine"
    assert (sorted(shared.iterdir()), path.read_bytes()) == before


def test_a_read_only_file_is_not_recorded_into(shared: Path) -> None:
    path = shared / "runs.db"
    filled(path)
    path.chmod(0o444)

    def record() -> None:
        with open_store(path) as store:
            store.begin_run()

    assert as_somebody(record).startswith("StoreError: ")


def test_a_folder_without_room_for_a_lock_says_so(shared: Path) -> None:
    path = shared / "runs.db"
    filled(path)
    shutil.rmtree(shared / "runs.db-files")
    path.chmod(0o666)
    shared.chmod(0o555)

    def record() -> None:
        with open_store(path) as store:
            store.begin_run()

    said = as_somebody(record)
    assert said.startswith("StoreError: ")
    assert "write permission" in said


def test_a_store_in_a_folder_that_may_not_be_entered_says_so(shared: Path) -> None:
    inner = shared / "private"
    inner.mkdir(mode=0o700)
    filled(inner / "runs.db")
    if os.getuid() != 0:
        inner.chmod(0)
    said = as_somebody(lambda: open_store(inner / "runs.db"))
    inner.chmod(0o700)
    assert said.startswith("StoreError: ")
    assert "Permission denied" in said


def test_a_file_that_may_not_be_read_says_so(shared: Path) -> None:
    path = shared / "runs.db"
    filled(path)
    path.chmod(0)
    said = as_somebody(lambda: open_store(path, readonly=True))
    assert said.startswith("StoreError: ")


def test_a_store_that_cannot_be_made_says_so(shared: Path) -> None:
    shared.chmod(0o555)
    for path in (shared / "runs.db", shared / "sub" / "runs.db"):
        said = as_somebody(lambda path=path: open_store(path))  # type: ignore[misc]  # mypy cannot infer a default
        assert said.startswith("StoreError: ")
        assert "Permission denied" in said


def test_a_store_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        open_store(tmp_path / "file" / "runs.db")


def test_a_store_open_for_reading_refuses_to_write(tmp_path: Path) -> None:
    filled(tmp_path / "runs.db")
    with open_store(tmp_path / "runs.db", readonly=True) as store:
        for call in (store.begin_run, lambda: store.add_tag("@1", "x"), lambda: store.join_run("@1", layer="x")):
            with pytest.raises(StoreError, match="reading only"):
                call()


def test_a_reader_needs_no_lock_and_leaves_no_trace_of_one(tmp_path: Path) -> None:
    filled(tmp_path / "runs.db")
    shutil.rmtree(tmp_path / "runs.db-files")
    with open_store(tmp_path / "runs.db", readonly=True) as store:
        assert [run.status for run in store.runs()] == [RunStatus.COMPLETED] * 5
    assert not (tmp_path / "runs.db-files").exists()


def test_a_copy_without_a_wal_is_recorded_into_durably(tmp_path: Path) -> None:
    filled(tmp_path / "runs.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    with open_store(tmp_path / "copy.db") as store:
        assert store.count_runs() == 5
        writer = store.begin_run()
        writer.intend(CLICK)
        with store.database.transaction() as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
            assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


# --- no room ---


def test_a_full_disk_is_named_and_what_was_stored_stays(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as store:
        writer = store.begin_run()
        first = writer.frame(noise(100, 100), captured=Instant.now())
        limit(store, 1)
        with pytest.raises(StoreFull, match="No room left"):
            writer.frame(noise(900, 900), captured=Instant.now())
        assert len(store.frames("@1")) == 1
        limit(store, 1 << 30)
        second = writer.frame(noise(900, 900), captured=Instant.now())
        assert store.pixels(store.frame(second).picture).shape == (900, 900, 3)
        assert store.pixels(store.frame(first).picture).shape == (100, 100, 3)


def test_a_store_that_could_not_be_begun_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        open_store(tmp_path / "runs.db")
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def limit(store: Store, pages: int) -> None:
    """Let the file grow no further (SQLite never goes below what it holds), as a full disk would."""
    with store.database.transaction() as connection:
        connection.execute(f"PRAGMA max_page_count={pages}")


# --- where it is ---


def test_the_store_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTAGE_STORE", str(tmp_path / "named.db"))
    with open_store() as store:
        assert store.path == tmp_path / "named.db"
    monkeypatch.setenv("FOOTAGE_STORE", "~/mine.db")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / "mine.db"
    monkeypatch.delenv("FOOTAGE_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_path() == tmp_path / "data" / "footage" / "footage.db"
