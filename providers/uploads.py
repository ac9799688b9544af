"""Pictures that a request names by a file id: known where their upload passed the same recorder."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from email.message import Message
from typing import Any

from footage.providers.images import image_bytes, picture_size
from footage.trajectory import JSON, RawExchange

__all__ = ["UPLOADED_TO", "Uploads"]

UPLOADED_TO = "/v1/files"
"""The end of the path of an upload."""

LIMIT = 64 * 1024 * 1024
"""Bytes of pictures that are kept; the oldest are let go first."""


class Uploads:
    """Pictures by file id. Thread-safe."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def learn(self, exchange: RawExchange) -> None:
        """Take in an upload (`multipart/form-data`) and what the service said of it; others change nothing."""
        if exchange.method != "POST" or not exchange.path.split("?")[0].endswith(UPLOADED_TO):
            return
        content_type = {name.lower(): value for name, value in exchange.request_headers.items()}.get("content-type", "")
        try:
            found = json.loads(exchange.response)
        except ValueError:
            return
        name = found.get("id") if isinstance(found, dict) else None
        picture = next((part for part in _parts(content_type, exchange.request) if picture_size(part)), None)
        if not isinstance(name, str) or picture is None:
            return
        with self._lock:
            self._size += len(picture) - len(self._pictures.pop(name, b""))
            self._pictures[name] = picture
            while self._size > self._limit:
                self._size -= len(self._pictures.popitem(last=False)[1])

    def image_bytes(self, block: Any) -> bytes | None:
        """Return the picture of an image block, by itself or by its file id; None where it is not known."""
        source = block.get("source") if isinstance(block, dict) else None
        if isinstance(source, dict) and source.get("type") == "file":
            with self._lock:
                return self._pictures.get(str(source.get("file_id")))
        return image_bytes(block)

    def size_of(self, block: JSON) -> tuple[int, int] | None:
        """Return (width, height) of an image block's picture; None where it is not known."""
        image = self.image_bytes(block)
        return picture_size(image) if image else None


def _parts(content_type: str, body: bytes) -> list[bytes]:
    """Return the contents of a multipart body."""
    head = Message()
    head["content-type"] = content_type
    boundary = head.get_boundary()
    if not boundary:
        return []
    parts = body.split(b"--" + boundary.encode("latin-1", "replace"))[1:-1]
    return [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]
