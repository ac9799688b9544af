"""
Pictures in a request: out when it is stored, back in when it is rebuilt.

In place of a picture stands `{"type": "footage", "picture": id, "sha256": of the bytes that were sent, …}`. What came
with the type `footage` is kept as `{"type": "footage", "literal": …}`, so that nothing which an agent sends can name a
picture of the store. Where pictures stand is known to `footage.providers.request_parts`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from footage.errors import BadPicture
from footage.providers.request_parts import MARK, change_pictures
from footage.storage.file.database import Database
from footage.storage.pictures.reading import PictureReader
from footage.storage.pictures.writing import PictureWriter
from footage.trajectory import JSON

__all__ = ["PictureTaker", "changed_pictures", "is_as_stored", "pictures_in", "put_back", "renumbered"]


class PictureTaker:
    """Takes pictures out of one run's requests and stores them, each once."""

    def __init__(self, database: Database, pictures: PictureWriter) -> None:
        self._database = database
        self._pictures = pictures
        self._stored: dict[bytes, JSON] = {}
        self._latest: dict[int, tuple[str, JSON]] = {}

    def take(self, value: Any, *, copied: bool = False) -> Any:
        """Return the value without its pictures; `copied`: it comes from the store, and names them already."""
        # Histories are re-sent whole: a string that is the very object of the request before is not hashed again.
        before, latest = self._latest, dict[int, tuple[str, JSON]]()

        def replace(source: JSON) -> JSON:
            if source.get("type") == MARK:
                return source if copied else _literally(source)
            data = source.get("data")
            if source.get("type") != "base64" or not isinstance(data, str):
                return source
            known = before.get(id(data))
            mark = known[1] if known and known[0] is data else self._mark(data)
            if mark is None:
                return source
            latest[id(data)] = data, mark
            extra = {name: item for name, item in source.items() if name not in {"type", "data"}}
            return {**mark, **extra}

        taken = change_pictures(value, replace)
        self._database.after_commit(lambda: setattr(self, "_latest", latest))
        return taken

    def _mark(self, data: str) -> JSON | None:
        """Store a picture and return what stands for it; None where the data is no picture."""
        key = hashlib.blake2b(data.encode("utf-8", "replace"), digest_size=16).digest()
        if key in self._stored:
            return self._stored[key]
        try:
            sent = base64.b64decode(data, validate=True)
            picture = self._pictures.store(self._pictures.prepare(sent))
        except (binascii.Error, ValueError, BadPicture):
            return None
        mark = {"type": MARK, "picture": picture, "sha256": hashlib.sha256(sent).hexdigest()}
        self._database.after_commit(lambda: self._stored.__setitem__(key, mark))
        return mark


def _literally(source: JSON) -> JSON:
    """Return what is kept of an object that only looks as if it named a picture of the store."""
    return {"type": MARK, "literal": source, **({"as": "literal"} if "as" in source else {})}


def pictures_in(value: Any) -> set[int]:
    """Return the ids of the pictures that a stored request names."""
    found: set[int] = set()

    def note(source: JSON) -> JSON:
        if source.get("type") == MARK and "picture" in source:
            found.add(source["picture"])
        return source

    change_pictures(value, note)
    return found


def changed_pictures(value: Any, change: Callable[[JSON], JSON]) -> Any:
    """Return a copy of a stored request's part; `change` gets the source of each picture, and returns another."""
    return change_pictures(value, change)


def renumbered(value: Any, numbers: Mapping[int, int]) -> Any:
    """Return a copy of a stored request's part that names the same pictures by other ids. Raises KeyError."""

    def renumber(source: JSON) -> JSON:
        if source.get("type") != MARK or "picture" not in source:
            return source
        return {**source, "picture": numbers[source["picture"]]}

    return change_pictures(value, renumber)


def is_as_stored(stored: Any, sent: Any) -> bool:
    """Tell whether a stored request's part is the same as one with its pictures in it, byte for byte."""

    def named(source: JSON) -> JSON:
        literal = source.get("literal")
        return literal if isinstance(literal, dict) else {key: item for key, item in source.items() if key != "picture"}

    def hashed(source: JSON) -> JSON:
        data = source.get("data")
        if source.get("type") != "base64" or not isinstance(data, str):
            return source
        try:
            digest = hashlib.sha256(base64.b64decode(data, validate=True)).hexdigest()
        except (binascii.Error, ValueError):
            return source
        return {"type": MARK, "sha256": digest, **{k: v for k, v in source.items() if k not in {"type", "data"}}}

    return bool(change_pictures(stored, named) == change_pictures(sent, hashed))


def put_back(value: Any, reader: PictureReader) -> Any:
    """Return the value with its pictures in base64: the bytes as they came where those were kept, else as PNG."""

    def replace(source: JSON) -> JSON:
        if source.get("type") != MARK:
            return source
        if isinstance(literal := source.get("literal"), dict):
            return literal
        if not isinstance(source.get("picture"), int):
            return source
        extra = {key: item for key, item in source.items() if key not in {"type", "picture", "sha256"}}
        return {"type": "base64", **extra, **_encoded(source["picture"], reader)}

    return change_pictures(value, replace)


def _encoded(picture: int, reader: PictureReader) -> JSON:
    import io

    from PIL import Image

    pixels = reader.load(picture)  # checks the hash
    data = reader.original(picture)
    if data is not None:
        return {"data": base64.b64encode(data).decode("ascii")}
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return {"media_type": "image/png", "data": base64.b64encode(out.getvalue()).decode("ascii")}
