"""Foreign `.footage` files: whatever is in them, the store is as it was, and the reason is said."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from families import every_row, full_family
from footage.errors import FootageError, NotAStore, StoreCorrupt, StoreTooNew
from footage.interchange.exporters.footage_writer import write_footage_file
from footage.interchange.importers.own.footage_child import clean_copy
from footage.interchange.importers.own.footage_reader import import_footage_file, is_footage_file
from footage.storage import Store, open_store, verify_store

MUTANTS = 240
SECONDS = 10.0
Change = Callable[[sqlite3.Connection], object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound file with a family in it."""
    folder = tmp_path_factory.mktemp("sound")
    with open_store(folder / "runs.db") as store:
        write_footage_file(store, [full_family(store)], folder / "a.footage", with_machine=True)
    return folder / "a.footage"


@contextlib.contextmanager
def changing(sound: Path, folder: Path) -> Iterator[sqlite3.Connection]:
    path = shutil.copy(sound, folder / "changed.footage")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        yield connection


def sql(*statements: str) -> Change:
    return lambda connection: [connection.execute(statement) for statement in statements]


HOSTILE: dict[str, tuple[Change, str]] = {
    "a view": (sql("CREATE VIEW extra AS SELECT 1"), "a view that no store has"),
    "a view for a table": (sql("ALTER TABLE note RENAME TO n", "CREATE VIEW note AS SELECT * FROM n"), "no store has"),
    "a trigger": (
        sql("CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END"),
        "a trigger that no store has",
    ),
    "a trigger of ours, changed": (
        sql("DROP TRIGGER search_run_put", "CREATE TRIGGER search_run_put AFTER INSERT ON run BEGIN SELECT 1; END"),
        "a trigger that no store has",
    ),
    "an unknown table": (sql("CREATE TABLE extra (a)"), "a table that no store has"),
    "a virtual table": (sql("CREATE VIRTUAL TABLE extra USING fts5(a)"), "that no store has"),
    "our virtual table, another one": (
        sql("DROP TABLE search", "CREATE VIRTUAL TABLE search USING fts5(text, content='run')"),
        "that no store has",
    ),
    "an unknown column": (sql("ALTER TABLE run ADD COLUMN extra TEXT"), "a column that no store has"),
    "a generated column": (
        sql("ALTER TABLE note DROP COLUMN text", "ALTER TABLE note ADD COLUMN text TEXT AS (upper(step))"),
        "a column that no store has",
    ),
    "an index that computes": (
        sql("DROP INDEX idx_run_model", "CREATE INDEX idx_run_model ON run (upper(model))"),
        "computes something",
    ),
    "a path for a name": (sql("UPDATE run SET name = '../../etc/x' WHERE parent IS NULL"), "no name of a run"),
    "a path for a family": (sql("UPDATE family SET name = '/tmp/x'"), "no name of a run"),
    "an unknown kind": (sql("UPDATE run SET kind = 'other'"), "other"),
    "an unknown role": (sql("UPDATE frame_role SET role = 'other' WHERE id = 1"), "other"),
    "a huge picture": (sql("UPDATE picture SET width = 2000000000"), ""),
    "a wrong hash": (sql("UPDATE picture SET sha256 = 'x'"), "picture"),
    "no atlas": (sql("DELETE FROM atlas"), "atlas"),
    "a broken layout": (sql("UPDATE picture SET tiles = x'00' WHERE tiles IS NOT NULL"), ""),
    "a broken atlas": (sql("UPDATE atlas SET image = x'00'"), ""),
    "a changed document": (sql("UPDATE document SET body = x'7b7d'"), "hash"),
    "a missing document": (sql("DELETE FROM document WHERE id = 2"), "document"),
    "edits without an end": (sql("UPDATE request SET predecessor = id"), ""),
    "edits that are no list": (sql("UPDATE request SET edits = '7'"), ""),
    "deep JSON": (
        lambda c: c.execute("UPDATE step SET arguments = ?", ("[" * 100_000 + "]" * 100_000,)),
        "",
    ),
    "JSON of a wrong type": (sql("UPDATE step SET arguments = '[]'"), "wrong type"),
    "no JSON": (sql("UPDATE turn SET content = 'x'"), ""),
    "a frame of nobody": (sql("PRAGMA foreign_keys=OFF", "UPDATE frame SET run = 999"), "run that is not there"),
    "holes in the events": (sql("DELETE FROM event WHERE sequence = 1"), "events"),
    "wrong counts": (sql("UPDATE run SET steps = 99"), "99"),
    "no runs": (sql("DELETE FROM run"), ""),
    "a wrong artefact": (sql("UPDATE artefact SET sha256 = '../../x'"), "damaged"),
    "an artefact without its pieces": (sql("DELETE FROM artefact_piece"), "missing"),
    "no UTF-8": (
        sql("UPDATE run SET task = CAST(x'ff41' AS TEXT)"),
        "",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_store_wrote_is_refused(sound: Path, tmp_path: Path, name: str) -> None:
    change, reason = HOSTILE[name]
    with changing(sound, tmp_path) as connection:
        change(connection)
    with pytest.raises(StoreCorrupt) as told:
        clean_copy(tmp_path / "changed.footage", tmp_path / "copy.db", seconds=SECONDS)
    assert reason in told.value.message
    assert len(told.value.message) < 600


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("PRAGMA application_id=1", NotAStore),
        ("PRAGMA user_version=99", StoreTooNew),
        ("PRAGMA user_version=0", StoreCorrupt),
        ("CREATE VIEW extra AS SELECT 1", StoreCorrupt),
        ("UPDATE run SET name = '../../../etc/passwd' WHERE parent IS NULL", StoreCorrupt),
    ],
)
def test_the_reason_comes_from_the_child_and_the_store_is_unchanged(
    sound: Path, store: Store, tmp_path: Path, statement: str, error: type[FootageError]
) -> None:
    full_family(store)
    before = every_row(store)
    with changing(sound, tmp_path) as connection:
        connection.execute(statement)
    with pytest.raises(error) as told:
        import_footage_file(store, tmp_path / "changed.footage")
    assert str(tmp_path / "changed.footage") in told.value.message
    assert every_row(store) == before
    assert {path.name for path in tmp_path.iterdir()} <= {
        "changed.footage", "runs.db", "runs.db-wal", "runs.db-shm", "runs.db-files"
    }  # fmt: skip


def test_a_query_without_an_end_is_stopped(sound: Path, tmp_path: Path) -> None:
    with changing(sound, tmp_path) as connection:
        many = "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n LIMIT 300000)"
        (run,) = connection.execute("SELECT min(id) FROM run").fetchone()
        connection.execute(f"INSERT INTO gap (run, reason) {many} SELECT {run}, hex(zeroblob(20)) FROM n")
    with pytest.raises(StoreCorrupt, match="interrupted"):
        clean_copy(tmp_path / "changed.footage", tmp_path / "copy.db", seconds=0.01)


def test_no_damage_ends_in_anything_but_a_reason(sound: Path, tmp_path: Path) -> None:
    original = sound.read_bytes()
    chance = random.Random(7)
    refused = 0
    for number in range(MUTANTS):
        mutant, copied = tmp_path / f"{number}.footage", tmp_path / f"{number}.db"
        mutant.write_bytes(mutated(original, chance, number % 6))
        with contextlib.suppress(FootageError):
            refused += 1
            clean_copy(mutant, copied, seconds=SECONDS)
            refused -= 1  # what was hit was free, or an index: then everything is as it was
            with open_store(copied, readonly=True) as opened:
                assert verify_store(opened).ok
        for path in [mutant, *tmp_path.glob(f"{number}.db*")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert refused > MUTANTS / 3


def mutated(data: bytes, chance: random.Random, way: int) -> bytes:
    """Return a file with some of its bytes changed, in one of six ways."""
    changed = bytearray(data)
    if way == 0:
        return data[: chance.randrange(len(data))]
    if way == 1:  # anywhere
        for _ in range(chance.choice((1, 8, 64, 512))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    elif way == 2:  # the header, after what tells whose file it is
        at = chance.choice([*range(16, 68), *range(72, 100)])
        changed[at] = chance.randrange(256)
    elif way == 3:  # the beginning of a page: its kind, its cells
        page = chance.randrange(len(data) // 4096) * 4096
        at = page + chance.randrange(12)
        changed[at : at + 2] = struct.pack(">H", chance.randrange(65536))
    elif way == 4:  # a page in the place of another
        pages = len(data) // 4096
        a, b = chance.randrange(1, pages) * 4096, chance.randrange(pages) * 4096
        changed[a : a + 4096] = data[b : b + 4096]
    else:  # a stretch of zeros
        at = chance.randrange(len(data))
        changed[at : at + 2048] = bytes(len(changed[at : at + 2048]))
    return bytes(changed)


def test_a_file_is_told_by_its_head(sound: Path) -> None:
    head = sound.read_bytes()[:100]
    assert is_footage_file(head)
    assert not is_footage_file(head[:60])
    assert not is_footage_file(b"SQLite format 3\0" + bytes(84))
    assert not is_footage_file(b"")


def test_the_reader_may_not_take_much_memory(
    sound: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An atlas that says it has 260 million pixels is not decoded."""
    from footage.interchange.importers.own import footage_child

    assert footage_child.MEMORY <= 1 << 30
    with changing(sound, tmp_path) as connection:
        connection.execute("UPDATE atlas SET columns = 511, count = 261000")
    with pytest.raises(StoreCorrupt):
        import_footage_file(store, tmp_path / "changed.footage")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StoreCorrupt, match="ended with code 1"):
        import_footage_file(store, sound)
