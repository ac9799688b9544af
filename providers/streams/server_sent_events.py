"""Server-sent events, as they arrive and as they are written (https://html.spec.whatwg.org, 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from footage.trajectory import JSON

__all__ = ["EventReader", "event"]


class EventReader:
    """Cuts a byte stream into events."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[JSON]:
        """Yield the data of each event completed by `chunk`; data that is no JSON object is passed over."""
        self._rest = (self._rest + chunk).replace(b"\r\n", b"\n")
        while b"\n\n" in self._rest:
            event, self._rest = self._rest.split(b"\n\n", 1)
            lines = [line[5:].lstrip() for line in event.split(b"\n") if line.startswith(b"data:")]
            try:
                data = json.loads(b"\n".join(lines).decode("utf-8", "replace"))
            except ValueError:
                continue
            if isinstance(data, dict):
                yield data


def event(data: JSON, name: str = "") -> bytes:
    """Return one event with JSON for its data."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()
