"""The recording process's side of a `Link`: what is copied there drives the same tees as in one process."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass
from functools import partial

from footage.recorder.proxy.copy_protocol import HELD, Kind, Passing, pack, read_copies
from footage.recorder.proxy.writer_process.observers import Tee
from footage.recorder.proxy.writer_process.routing import Lanes

__all__ = ["LOST", "Intake"]

_CUT = "The process that passes requests on was killed in the middle of this one."
LOST = "Exchanges are missing: more was passed on than could be recorded."
"""The gap where the process that passes requests on could not remember any more."""


@dataclass(slots=True)
class _Open:
    """An exchange that is being told."""

    run: str
    tee: Tee
    asked: bool = False
    """Whether its request is complete."""


class Intake:
    """Takes connections from a Unix socket that listens, for as long as the process lives; records into `lanes`."""

    def __init__(self, listener: socket.socket, lanes: Lanes) -> None:
        self._listener = listener
        self._lanes = lanes
        self._changed = threading.Condition()
        self._links: list[_Link] = []
        threading.Thread(target=self._accept, name="footage-intake", daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether an exchange is under way."""
        with self._changed:
            return any(link.open for link in self._links)

    def wait(self, seconds: float) -> bool:
        """Wait until nobody is there who passes requests on; False where that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._links, timeout=seconds)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                link = _Link(connection, self._lanes)
                with self._changed:
                    self._links.append(link)
                threading.Thread(target=self._serve, args=(link,), name="footage-link", daemon=True).start()

    def _serve(self, link: _Link) -> None:
        with self._changed:  # of a process that was killed, the end comes first
            self._changed.wait_for(lambda: self._links[0] is link)
        try:
            link.serve()
        finally:
            with self._changed:
                self._links.remove(link)
                self._changed.notify_all()


class _Link:
    """One connection."""

    def __init__(self, connection: socket.socket, lanes: Lanes) -> None:
        self._connection = connection
        self._lanes = lanes
        self._lock = threading.Lock()
        self.open: dict[int, _Open] = {}

    def serve(self) -> None:
        """Take in what is told until the other side is gone."""
        self._say(Kind.READY, 0)
        with self._connection, self._connection.makefile("rb") as file:
            for kind, exchange, payload in read_copies(file):
                self._take(kind, exchange, payload)
        for known in self.open.values():
            if known.asked:
                known.tee.end(_CUT)
            else:
                known.tee.drop()

    def _take(self, kind: Kind, exchange: int, payload: bytes) -> None:
        if kind in {Kind.OPEN, Kind.AGAIN}:
            passing = Passing.load(payload, again=kind is Kind.AGAIN)
            self.open[exchange] = _Open(passing.run, self._lanes.tee(passing))
        elif kind is Kind.GONE:
            run, lost = json.loads(payload)
            self._lanes.gap(run, LOST, lost=lost)
            self._lanes.stored(run, lambda: self._say(Kind.DONE, exchange))
        elif (known := self.open.get(exchange)) is None:
            return
        elif kind is Kind.HELD:
            number, until_ns = HELD.unpack_from(payload)
            stored = known.tee.pass_by(payload[HELD.size :], until_ns or None)
            answer = partial(self._say, Kind.STORED, exchange, number.to_bytes(4, "big"))
            if stored is None:
                answer()
            else:
                self._lanes.settled(known.run, answer)
        elif kind in {Kind.END, Kind.DROPPED, Kind.LOST}:
            del self.open[exchange]
            self._close(kind, known.tee, payload)
            self._lanes.stored(known.run, lambda: self._say(Kind.DONE, exchange))
        else:
            known.asked = known.asked or kind is Kind.ASKED
            self._tell(kind, known.tee, payload)

    @staticmethod
    def _close(kind: Kind, tee: Tee, payload: bytes) -> None:
        if kind is Kind.DROPPED:
            tee.drop()
        else:
            tee.end(payload.decode("utf-8") if kind is Kind.END else LOST)

    @staticmethod
    def _tell(kind: Kind, tee: Tee, payload: bytes) -> None:
        if kind is Kind.SENT:
            tee.sent(payload)
        elif kind is Kind.ASKED:
            tee.asked()
        elif kind is Kind.ANSWERED:
            status, headers = json.loads(payload)
            tee.answered(status, [(name, value) for name, value in headers])
        elif kind is Kind.PIECE:
            tee.pass_by(payload, time.monotonic_ns())
        elif kind is Kind.HANG_UP:
            tee.hang_up()
        elif kind is Kind.AHEAD:
            tee.ahead()

    def _say(self, kind: Kind, exchange: int, payload: bytes = b"") -> None:
        with self._lock, contextlib.suppress(OSError):
            self._connection.sendall(pack(kind, exchange, payload))
