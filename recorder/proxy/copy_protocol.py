"""
What the process that passes requests on tells the one that records them: copies of all that passes, over a socket.

Each message is a kind (one byte), the length of what follows, the number of the exchange, and its bytes. The first of
an exchange says what it is; the recording process answers when a held piece is stored, and when all of it is.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum
from typing import BinaryIO

from footage.providers.contract import Provider
from footage.providers.registry import provider_asked
from footage.trajectory import Instant

__all__ = ["HELD", "Kind", "Passing", "pack", "read_copies"]

_HEAD = struct.Struct(">BIQ")
HELD = struct.Struct(">IQ")
"""What a held piece begins with: its number, and until when it is held (monotonic, ns; 0: as long as it takes)."""


class Kind(IntEnum):
    """What a message tells."""

    OPEN = 1
    AGAIN = 2
    """Like OPEN, of an exchange that was told before, to a recording process that died."""
    SENT = 3
    ASKED = 4
    ANSWERED = 5
    PIECE = 6
    HELD = 7
    """A piece, after what `HELD` says, for which STORED is waited for."""
    HANG_UP = 8
    END = 9
    DROPPED = 10
    """The request never was complete."""
    LOST = 11
    """What was told of this exchange to this process, and what follows, is lost: too much waits to be recorded."""
    AHEAD = 12
    """A held piece was let go before it was stored."""
    GONE = 13
    """No exchange: the name of a run, and how many of its exchanges are lost, as JSON."""
    READY = 20
    """From here on from the recording process: it listens."""
    STORED = 21
    """A held piece is, whose number of four bytes follows."""
    DONE = 22


@dataclass(frozen=True, slots=True)
class Passing:
    """A request that is to be passed on, and by which name it came."""

    run: str
    service: str
    method: str
    path: str
    headers: list[tuple[str, str]] = field(repr=False)
    started: Instant
    again: bool = False

    @property
    def provider(self) -> Provider | None:
        """The provider whose model it asks for a reply; None for any other request."""
        return provider_asked(self.method, self.path, dict(self.headers))

    def dump(self) -> bytes:
        """Return it as bytes."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps(found | {"started": asdict(self.started)}).encode("utf-8", "surrogatepass")

    @classmethod
    def load(cls, data: bytes, *, again: bool) -> Passing:
        """Return what `dump` wrote."""
        found = json.loads(data.decode("utf-8", "surrogatepass"))
        started = Instant(**found.pop("started"))
        headers = [(name, value) for name, value in found.pop("headers")]
        return cls(**{**found, "headers": headers, "started": started, "again": again})


def pack(kind: Kind, exchange: int, payload: bytes = b"") -> bytes:
    """Return one message."""
    return _HEAD.pack(kind, len(payload), exchange) + payload


def read_copies(file: BinaryIO) -> Iterator[tuple[Kind, int, bytes]]:
    """Yield messages until the other side is gone; one that was cut off is passed over."""
    try:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            kind, length, exchange = _HEAD.unpack(head)
            payload = file.read(length)
            if len(payload) < length:
                return
            yield Kind(kind), exchange, payload
    except OSError:
        return
