"""
The relay's side of a recording that is made in another process: copies of all that passes go there.

That process may die, hang or be slow; nobody who passes something on ever waits for it, but for the moment until a
tool call is stored. What it has not confirmed is kept, within limits, and told again to the one that takes its place.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from footage.providers.contract import Provider
from footage.providers.streams.aws_events import events_reader
from footage.recorder.proxy.copy_protocol import HELD, Kind, Passing, pack, read_copies

__all__ = ["CopyTee", "Link"]

LIMIT = 128 * 1024 * 1024
"""Bytes that are kept until they are confirmed; of more, the oldest exchanges are lost."""
_RETRY_SECONDS = 0.05


@dataclass(slots=True)
class _Kept:
    """An exchange that is not confirmed yet."""

    run: str
    messages: list[tuple[Kind, bytes]] = field(default_factory=list)
    size: int = 0
    told: bool = False
    lost: int = 0
    """Where it is none, but tells of those that are lost: how many."""


class Link:
    """A connection to the recording process, by the path of its Unix socket; made anew whenever it breaks."""

    def __init__(self, path: str, *, limit: int = LIMIT) -> None:
        self._path = path
        self._limit = limit
        self._changed = threading.Condition()
        self._kept: dict[int, _Kept] = {}
        self._outbox: deque[tuple[int, Kind, bytes]] = deque()
        self._holds: dict[tuple[int, int], threading.Event] = {}
        self._losses: dict[str, int] = {}
        """The number under which it is kept, by run, that exchanges are lost."""
        self._size = 0
        self._count = 0
        self._ready = False
        self._gone = False
        """Whether the other side of this connection is gone: it may die before it ever was ready."""
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="footage-link", daemon=True)
        self._thread.start()

    def tee(self, passing: Passing) -> CopyTee:
        """Return what tells of a request."""
        with self._changed:
            self._count += 1
            self._kept[self._count] = _Kept(passing.run)
            tee = CopyTee(self, self._count, passing.provider)
        self.tell(tee.number, Kind.OPEN, passing.dump(), later=True)
        return tee

    def tell(self, exchange: int, kind: Kind, payload: bytes = b"", *, later: bool = False) -> None:
        """
        Have a message sent; one of an exchange that is lost is passed over.

        `later`: together with the next one that is not. Of a request nothing counts before all of it has passed, and
        whoever copies it until then takes time from the one who passes it on.
        """
        with self._changed:
            kept = self._kept.get(exchange)
            if kept is None:
                return
            kept.messages.append((kind, payload))
            kept.size += len(payload)
            self._size += len(payload)
            self._outbox.append((exchange, kind, payload))
            while self._size > self._limit:
                self._lose(next(number for number, each in self._kept.items() if each.size))
            if not later:
                self._changed.notify_all()

    def hold(self, exchange: int, number: int, piece: bytes, until_ns: int | None = None) -> threading.Event | None:
        """
        Tell of a piece; return the event of its being stored, None where nobody is there to store it.

        It is held back until `until_ns` at most (None: as long as it takes).
        """
        stored = threading.Event()
        with self._changed:
            if self._ready and exchange in self._kept:
                self._holds[exchange, number] = stored
            else:
                stored.set()
        self.tell(exchange, Kind.HELD, HELD.pack(number, until_ns or 0) + piece)
        return None if stored.is_set() else stored

    def wait(self, seconds: float) -> bool:
        """Wait until somebody is there who records; False where that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready, timeout=seconds)

    def close(self, seconds: float = 10.0) -> int:
        """Wait until everything is confirmed, for as long as some of it is every `seconds`; return what is not."""
        with self._changed:
            left = len(self._kept) + 1
            while 0 < len(self._kept) < left:
                left = len(self._kept)
                self._changed.wait_for(lambda: len(self._kept) < left, timeout=seconds)  # noqa: B023 - waits here
            left = sum(kept.lost or 1 for kept in self._kept.values())
            self._closed = True
            self._changed.notify_all()
        self._thread.join(1.0)
        return left

    def _lose(self, exchange: int) -> None:
        lost = self._kept.pop(exchange)
        self._size -= lost.size
        self._unsay(exchange)
        if lost.told:
            self._outbox.append((exchange, Kind.LOST, b""))
        number = self._losses.get(lost.run, 0)
        loss = self._kept.get(number)
        if loss is None or loss.told:
            self._count += 1
            number = self._losses[lost.run] = self._count
            loss = self._kept[number] = _Kept(lost.run)
        self._unsay(number)
        loss.lost += 1
        loss.messages = [(Kind.GONE, json.dumps([loss.run, loss.lost]).encode())]
        self._outbox.append((number, *loss.messages[0]))

    def _unsay(self, number: int) -> None:
        self._outbox = deque(entry for entry in self._outbox if entry[0] != number)

    # --- the thread ---

    def _work(self) -> None:
        while not self._closed:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(self._path)
                self._gone = False
                reader = threading.Thread(target=self._read, args=(connection,), name="footage-answers", daemon=True)
                reader.start()
                self._send(connection)
                connection.shutdown(socket.SHUT_RDWR)
                reader.join()
            self._down()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=_RETRY_SECONDS)

    def _read(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as file:
            for kind, exchange, payload in read_copies(file):
                with self._changed:
                    self._answered(kind, exchange, payload)
        self._down()

    def _answered(self, kind: Kind, exchange: int, payload: bytes) -> None:
        if kind is Kind.READY:
            self._ready = True
            self._outbox = deque(self._again())
        elif kind is Kind.STORED and (stored := self._holds.pop((exchange, int.from_bytes(payload, "big")), None)):
            stored.set()
        elif kind is Kind.DONE and exchange in self._kept:
            self._size -= self._kept.pop(exchange).size
        self._changed.notify_all()

    def _again(self) -> Iterable[tuple[int, Kind, bytes]]:
        """Yield everything that is not confirmed, from its beginning."""
        for exchange, kept in self._kept.items():
            for kind, payload in kept.messages:
                yield exchange, Kind.AGAIN if kept.told and kind is Kind.OPEN else kind, payload

    def _send(self, connection: socket.socket) -> None:
        """Send until the connection breaks, or all is confirmed at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._gone or self._closed)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._outbox or self._closed or not self._ready)
                if not self._ready or not self._outbox:
                    return
                exchange, kind, payload = self._outbox.popleft()
                if exchange in self._kept:
                    self._kept[exchange].told = True
            connection.sendall(pack(kind, exchange, payload))

    def _down(self) -> None:
        """Let go of whatever waits for a process that is gone."""
        with self._changed:
            self._ready, self._gone = False, True
            holds, self._holds = self._holds, {}
            self._changed.notify_all()
        for stored in holds.values():
            stored.set()


class CopyTee:
    """A `Tee` that copies. It reads no more of a reply than whether a piece may complete a tool call."""

    def __init__(self, link: Link, number: int, provider: Provider | None) -> None:
        self._link = link
        self.number = number
        self._provider = provider
        self.reads_on = provider is not None
        self._unframe: Callable[[bytes], bytes] | None = None
        self._holding = False
        self._plain = True
        self._rest = b""
        self._held = 0

    def sent(self, piece: bytes) -> None:
        """Tell of a piece of the request."""
        self._link.tell(self.number, Kind.SENT, piece, later=True)

    def asked(self) -> None:
        """Tell that the request is on its way."""
        self._link.tell(self.number, Kind.ASKED)

    def answered(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Tell of the beginning of a reply."""
        given = list(headers)
        named = {name.lower(): value.lower() for name, value in given}
        self._holding = self.reads_on and status < 400
        self._unframe = events_reader(named.get("content-type", ""))
        self._plain = named.get("content-encoding", "identity") == "identity"
        self._link.tell(self.number, Kind.ANSWERED, json.dumps([status, given]).encode())

    def pass_by(self, piece: bytes, until_ns: int | None = None) -> threading.Event | None:
        """Tell of a piece of the reply; the event of its being stored, where it may complete a tool call."""
        if self._holding and self._may_complete(piece):
            self._held += 1
            return self._link.hold(self.number, self._held, piece, until_ns)
        self._link.tell(self.number, Kind.PIECE, piece)
        return None

    def _may_complete(self, piece: bytes) -> bool:
        if not self._plain:
            return True
        if self._unframe is None:
            return piece.rstrip().endswith(b"}")
        whole, found, self._rest = (self._rest + self._unframe(piece)).replace(b"\r\n", b"\n").rpartition(b"\n\n")
        return bool(found) and self._provider is not None and self._provider.may_complete(whole)

    def ahead(self) -> None:
        """Tell that a held piece was let go."""
        self._link.tell(self.number, Kind.AHEAD)

    def hang_up(self) -> None:
        """Tell that the agent is gone."""
        self._link.tell(self.number, Kind.HANG_UP)

    def end(self, error: str = "") -> None:
        """Tell that the exchange is over."""
        self._link.tell(self.number, Kind.END, error.encode("utf-8", "replace"))

    def drop(self) -> None:
        """Tell that the request never was complete."""
        self._link.tell(self.number, Kind.DROPPED)
