"""What pictures look like from afar: stored with them, and made again where they are not."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from drawn import page, pixels
from footage.errors import StoreCorrupt
from footage.interchange.exporters.footage_writer import write_footage_file
from footage.interchange.importers.own.footage_reader import import_footage_file
from footage.storage import open_store
from footage.storage.pictures.signatures import GRID, signature_of
from footage.trajectory import Instant, Pixels
from places import STORES

NOW = Instant("boot", 1, 1)


def stored(path: Path, *screens: Pixels | bytes) -> list[int]:
    with open_store(path) as store:
        writer = store.begin_run(task="t")
        frames = [writer.frame(screen, captured=NOW, roles=[]) for screen in screens]
        writer.end()
        return [row["picture"] for row in store.database.rows("SELECT picture FROM frame ORDER BY id")][: len(frames)]


def test_a_picture_is_stored_with_its_signature(tmp_path: Path) -> None:
    screen = pixels(page())
    (picture,) = stored(tmp_path / "s.db", screen)
    with open_store(tmp_path / "s.db", readonly=True) as store:
        made: list[None] = []
        assert store.signatures([picture], lambda: made.append(None)) == {picture: signature_of(screen)}
        assert not made


def test_a_signature_of_an_older_store_is_made_once_and_kept(tmp_path: Path) -> None:
    old = Path(shutil.copy(STORES / "v3.db", tmp_path))
    with open_store(old) as store:
        (run,) = store.runs()
        ids = [frame.picture for step in store.steps(run.id) for frames in step.frames.values() for frame in frames]
        made: list[None] = []
        first = store.signatures(ids, lambda: made.append(None))
        assert set(first.values()) == {bytes([9]) * 1000, bytes([40]) * 1000}
        assert len(made) == 2
        assert store.signatures(ids, lambda: made.append(None)) == first
        assert len(made) == 2


def test_an_older_store_that_cannot_be_written_is_asked_each_time(tmp_path: Path) -> None:
    old = Path(shutil.copy(STORES / "v3.db", tmp_path))
    with open_store(old, readonly=True) as store:
        assert store.signatures([1])[1] in {bytes([9]) * 1000, bytes([40]) * 1000}


def test_a_signature_of_another_size_is_made_anew(tmp_path: Path) -> None:
    screen = pixels(page())
    (picture,) = stored(tmp_path / "s.db", screen)
    with open_store(tmp_path / "s.db") as store:
        with store.database.transaction() as connection:
            connection.execute("UPDATE picture SET signature = x'00'")
        assert store.signatures([picture]) == {picture: signature_of(screen)}


def test_a_damaged_picture_has_none(tmp_path: Path) -> None:
    (picture,) = stored(tmp_path / "s.db", pixels(page()))
    with open_store(tmp_path / "s.db") as store:
        with store.database.transaction() as connection:
            connection.execute("UPDATE picture SET signature = NULL, sha256 = 'ff'")
        with pytest.raises(StoreCorrupt):
            store.signatures([picture])


@pytest.mark.parametrize("size", [(1, 1), (7, 900), (25, 40), (768, 1024), (800, 1281), (2160, 3840)])
def test_pictures_of_any_size_have_one(size: tuple[int, int]) -> None:
    screen = np.full((*size, 3), 77, np.uint8)
    assert signature_of(screen) == bytes([77]) * (GRID[0] * GRID[1])


def test_a_cell_is_the_mean_of_its_part_of_the_screen() -> None:
    screen = np.zeros((800, 1280, 3), np.uint8)
    screen[32:64, 64:96] = 200
    grid = np.frombuffer(signature_of(screen), np.uint8).reshape(GRID[1], GRID[0])
    assert np.argwhere(grid).tolist() == [[1, 2]]
    assert grid[1, 2] == 200


def test_a_signature_is_not_taken_from_a_foreign_file(tmp_path: Path) -> None:
    screen = pixels(page())
    stored(tmp_path / "s.db", screen)
    with open_store(tmp_path / "s.db") as store:
        with store.database.transaction() as connection:
            connection.execute("UPDATE picture SET signature = zeroblob(1000)")
        (run,) = store.runs()
        write_footage_file(store, [run.id], tmp_path / "run.footage")
    with open_store(tmp_path / "other.db") as other:
        import_footage_file(other, tmp_path / "run.footage")
        (picture,) = [row[0] for row in other.database.rows("SELECT id FROM picture")]
        assert other.signatures([picture]) == {picture: signature_of(screen)}
