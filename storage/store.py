"""The store: one SQLite file with everybody's runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Self

from footage.storage.file.database import Database, default_path
from footage.storage.pictures.parts import Parts
from footage.storage.pictures.reading import PictureReader
from footage.storage.pictures.signatures import signatures_of
from footage.storage.pictures.thumbnails import THUMBNAIL_WIDTH, Thumbnails
from footage.storage.store_parts.run_beginnings import RunBeginnings
from footage.storage.store_parts.run_labels import RunLabels
from footage.trajectory import Pixels

__all__ = ["Store", "open_store"]


def open_store(path: str | Path | None = None, *, create: bool = True, readonly: bool = False) -> Store:
    """
    Open a store: `path`, else `FOOTAGE_STORE`, else `footage.db` in the user's data directory.

    Opening after a crash is the recovery. Raises NotAStore, StoreTooNew or StoreError.
    """
    return Store(Path(path).expanduser() if path is not None else default_path(), create=create, readonly=readonly)


class Store(RunLabels, RunBeginnings):
    """
    One store. A context manager; may be used from any thread.

    `run` and `reference` name a run as `run()` takes it; RunNotFound where none fits, or more than one. All raise
    StoreError once it is closed; what writes raises it too where the store is open for reading only, and StoreFull
    where the disk has no room.
    """

    def __init__(self, path: Path, *, create: bool = True, readonly: bool = False) -> None:
        self.database = Database(path, create=create, readonly=readonly)
        """The file as SQLite has it, for modules of footage."""
        self.path = self.database.path
        """Where the file lies."""
        self._pictures = PictureReader(self.database)
        self._thumbnails = Thumbnails(self.database, self._pictures)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self.database.close()

    # --- pictures ---

    def pixels(self, picture: int) -> Pixels:
        """Return a picture's pixels, (height, width, 3) RGB, checked by their hash. `picture` is `Frame.picture`.

        Raises StoreCorrupt where they do not fit it, and where the store has no such picture.
        """
        return self._pictures.load(picture)

    def forget_pictures(self) -> None:
        """Read pictures anew from here on: some may have been removed, and their numbers given to others."""
        self._pictures.forget()

    def parts(self, a: int, b: int) -> Parts | None:
        """
        Return the part of two pictures that differs, without loading either; unchecked, see `Parts`.

        None where that cannot be told: load both then. Call `forget_pictures` before the first of many.
        """
        return self._pictures.parts(a, b)

    def signatures(self, pictures: Collection[int], on_made: Callable[[], None] = lambda: None) -> dict[int, bytes]:
        """
        Return what pictures look like from afar, by their ids: grey means of 40x25 cells, 1000 bytes, row by row.

        They are stored with their pictures; one that is not is made and kept, and `on_made` is called.
        """
        return signatures_of(self.database, self._pictures, pictures, on_made)

    def thumbnail(self, picture: int, *, width: int = THUMBNAIL_WIDTH) -> bytes:
        """Return a picture as a JPEG of at most `width` pixels across, made now or kept. Raises StoreCorrupt."""
        return self._thumbnails.get(picture, width)
