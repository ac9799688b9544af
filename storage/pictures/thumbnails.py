"""Thumbnails: made of checked pictures when they are asked for, and kept in memory while there is room."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict

from footage.errors import StoreCorrupt
from footage.storage.file.database import Database
from footage.storage.pictures.reading import PictureReader

__all__ = ["THUMBNAIL_WIDTH", "Thumbnails"]

THUMBNAIL_WIDTH = 240
"""Pixels; narrower pictures keep their width."""
KEPT_BYTES = 32 << 20  # about 4,000 of them
_QUALITY = 82


class Thumbnails:
    """The thumbnails of a store's pictures. Safe to use from any thread."""

    def __init__(self, database: Database, reader: PictureReader) -> None:
        self._database = database
        self._reader = reader
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()  # by hash: numbers may come again
        self._bytes = 0
        self._turn = threading.Lock()

    def get(self, picture: int, width: int) -> bytes:
        """Return a JPEG of at most `width` pixels across. Raises StoreCorrupt for a damaged or missing picture."""
        row = self._database.row("SELECT sha256 FROM picture WHERE id = ?", picture)
        if row is None:
            raise StoreCorrupt(f"Picture {picture} is not in the store.")
        key = str(row["sha256"]), width
        with self._turn:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = self._make(picture, width)
        with self._turn:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += len(made)
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return made

    def _make(self, picture: int, width: int) -> bytes:
        from PIL import Image

        image = Image.fromarray(self._reader.load(picture))
        if image.width > width:
            size = (width, max(1, round(image.height * width / image.width)))
            image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        out = io.BytesIO()
        image.save(out, "JPEG", quality=_QUALITY)
        return out.getvalue()
