"""
The gate's process: passes the connections of a display's clients on, and looks at the screen before it lets input in.

    python -m footage.machines.desktop.gate.gate_process SOCKET SERVER AUTHORITY FRAMEBUFFER PID CONTROL

Clients connect to SOCKET, the server listens at SERVER and draws into FRAMEBUFFER, and is process PID; whoever records
connects to CONTROL. That one is never waited for: the screen is copied here, and what it does not take in is lost to
it, which it is told. So a recorder that is slow, or dead, is no matter to the programs.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import queue
import select
import selectors
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from footage.machines.desktop.display.still_picture import StillScreen
from footage.machines.desktop.gate.events import Decoder
from footage.machines.desktop.gate.passing import Way
from footage.machines.desktop.gate.server_connection import Server
from footage.machines.desktop.gate.x_requests import Request, RequestReader
from footage.machines.shared.call_inputs import InputSorter, Sorted, calls_of
from footage.trajectory import JSON, Instant

__all__ = ["main"]

_ON_THEIR_WAY, _MOST, _KEPT = 64, 100_000, 4
"""
Events that may wait to be told with their frames, and without; and copies of the screen whose memory is used again.
"""
_TURNS = 64
"""How often programs are asked for what they had sent: one that never stops sending is not waited for."""
_PATIENCE = 1.0
"""Seconds that the recorder gets to take an event in."""
_SWITCH_SECONDS = 0.0005
"""Nobody whose input passes waits for long until the thread that tells has had its turn; Python's own is 5 ms."""
_PRIORITY = -5
HOLD = 0.012
"""Seconds that input is held at most until the screen can be copied whole."""


class _Client:
    """One program's connection, and the one to the server that belongs to it."""

    def __init__(self, gate: _Gate, near: socket.socket, number: int) -> None:
        self.number = number
        self.near = near
        self.far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.far.connect(gate.server_path)
        for each in (self.near, self.far):
            each.setblocking(False)
        self._gate = gate
        self._reader = RequestReader(gate.server.numbers)
        self._up, self._down = Way(self.near, self.far), Way(self.far, self.near)

    def ready(self, events: dict[socket.socket, int]) -> bool:
        """Pass on what there is; False once the connection has ended, either way."""
        try:
            for way in (self._up, self._down):
                if way.waits:
                    way.flush()
                elif not way.ended and events.get(way.source, 0) & selectors.EVENT_READ:
                    self._pass(way)
        except OSError:
            return False
        # What the server said last still reaches the program; what a program asked last, the server.
        return not (self._down.ended and not self._down.waits) and not (self._up.ended and self._down.ended)

    def _pass(self, way: Way) -> None:
        received = way.receive()
        if received is None:
            return
        piece, descriptors = received
        if way is self._down or not len(piece):
            way.send(piece, descriptors)
        else:
            for part in self._reader.feed(bytes(piece)):
                if isinstance(part, Request):
                    self._gate.let_in(part, self.number)
                    part = part.data  # noqa: PLW2901 - it goes on as it came
                way.send(part, descriptors)
                descriptors = []
            if descriptors:
                way.send(b"", descriptors)
        way.flush()

    def interests(self) -> list[tuple[socket.socket, int]]:
        """Return what each socket is waited for."""
        found = []
        for way, back in ((self._up, self._down), (self._down, self._up)):
            reads = 0 if way.waits or way.ended else selectors.EVENT_READ
            writes = selectors.EVENT_WRITE if back.waits else 0
            found.append((way.source, reads | writes))
        return found

    def close(self) -> None:
        """End both connections."""
        for way in (self._up, self._down):
            way.drop()
        for each in (self.near, self.far):
            each.close()


@dataclass(slots=True)
class _Shot:
    """A copy of the screen."""

    raw: bytearray
    captured: Instant
    whole: bool


class _Teller:
    """Tells the recorder, in a thread of its own: input goes on meanwhile."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[socket.socket, JSON, _Shot | None]] = queue.SimpleQueue()
        self._free: list[bytearray] = []
        self._lost = 0
        threading.Thread(target=self._work, name="footage-teller", daemon=True).start()

    def tell(self, recorder: socket.socket, said: JSON, shot: _Shot | None = None) -> None:
        """Have something told; with more than a few frames on their way, without its own."""
        waiting = self._waiting.qsize()
        if waiting < _MOST:
            self._waiting.put((recorder, said, shot if waiting <= _ON_THEIR_WAY else None))
        else:
            self._lost += 1

    def begin(self) -> None:
        """Count losses from now on: somebody else listens."""
        self._lost = 0

    def memory(self) -> bytearray | None:
        """Return memory of an earlier copy that was told."""
        return self._free.pop() if self._free else None

    def _work(self) -> None:
        while True:
            recorder, said, shot = self._waiting.get()
            try:
                self._send(recorder, said, shot)
            except OSError:  # it is gone, or has taken nothing in for long
                self._lost += 1
            if shot is not None and len(self._free) < _KEPT:
                self._free.append(shot.raw)

    def _send(self, recorder: socket.socket, said: JSON, shot: _Shot | None) -> None:
        said = said | {"lost": self._lost}
        rights = []
        descriptor = -1
        try:
            if shot is not None:
                descriptor = os.memfd_create("footage-frame")
                os.write(descriptor, shot.raw)
                at = shot.captured
                said |= {"captured": [at.boot_id, at.monotonic_ns, at.wall_ns], "whole": shot.whole}
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
            select.select([], [recorder], [], _PATIENCE)
            recorder.sendmsg([json.dumps(said).encode()], rights, socket.MSG_NOSIGNAL)
        finally:
            if descriptor >= 0:
                os.close(descriptor)


class _Gate:
    """Everything that this process has."""

    def __init__(self, arguments: list[str]) -> None:
        own, self.server_path, authority, framebuffer, process, control = arguments
        self.server = Server(self.server_path, Path(authority))
        self._decoder = Decoder(self.server)
        self._screen = StillScreen(Path(framebuffer), int(process))
        self._sorter = InputSorter()
        self._recorder: socket.socket | None = None
        self._teller = _Teller()
        self._answered: list[JSON] = []
        """What the model was told of since all was let in."""
        self._clients: dict[socket.socket, _Client] = {}
        self._count = 0
        self._selector = selectors.DefaultSelector()
        self._registered: dict[socket.socket, int] = {}
        self._control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        for listener, path in ((self._control, control), (self._listener, own)):
            with contextlib.suppress(FileNotFoundError):
                Path(path).unlink()
            listener.bind(path)
            listener.listen(128)
            listener.setblocking(False)
        self._watch(self._control, selectors.EVENT_READ)
        self._watch(self._listener, selectors.EVENT_READ)
        self._watch(self.server.socket, selectors.EVENT_READ)

    def serve(self) -> None:
        """Pass on until the server is gone."""
        while True:
            ready: dict[socket.socket, int] = {}
            for key, events in self._selector.select():
                assert isinstance(key.fileobj, socket.socket)
                ready[key.fileobj] = events
            if self._recorder in ready:
                self._hear()
            if self._control in ready:
                self._greet()
            if self.server.socket in ready:
                self.server.read()
            if self._listener in ready:
                self._accept()
            self._serve_clients(ready)
            self._end_answered()

    def _serve_clients(self, ready: dict[socket.socket, int]) -> None:
        for client in {self._clients[each] for each in ready if each in self._clients}:
            if client.ready(ready):
                for each, events in client.interests():
                    self._watch(each, events)
            else:
                self._forget(client)

    def _end_answered(self) -> None:
        """Take note of what the model was told, once all is let in that programs had sent by then."""
        answered, self._answered = self._answered, []
        if not answered:
            return
        for _ in range(_TURNS):
            waiting = {client.near for client in self._clients.values()}
            ready, _, _ = select.select(list(waiting), [], [], 0)
            if not ready:
                break
            self._serve_clients(dict.fromkeys(ready, selectors.EVENT_READ))
        for said in answered:
            moved = self._sorter.answered(said["answered"], said["since"]) if said["answered"] else []
            if self._recorder is not None:
                self._teller.tell(self._recorder, said | {"moved": moved})

    def _watch(self, each: socket.socket, events: int) -> None:
        known = self._registered.get(each, 0)
        if events == known:
            return
        if not known:
            self._selector.register(each, events)
        elif not events:
            self._selector.unregister(each)
        else:
            self._selector.modify(each, events)
        self._registered[each] = events

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    self._count += 1
                    client = _Client(self, near, self._count)
                except OSError:  # the server takes no more, which the program is to see
                    near.close()
                    continue
                for each, events in client.interests():
                    self._clients[each] = client
                    self._watch(each, events)

    def _forget(self, client: _Client) -> None:
        for each in (client.near, client.far):
            self._watch(each, 0)
            self._registered.pop(each, None)
            self._clients.pop(each, None)
        client.close()

    # --- input ---

    def let_in(self, request: Request, client: int) -> None:
        """Look at the screen where an input begins something; tell of it."""
        event = self._decoder.read(request)
        if event is None or self._recorder is None:
            return
        self._hear()  # a call that was told of before its agent heard of it is known
        if self._recorder is None:
            return
        found = self._sorter.sort(event, client, self._decoder.pointer)
        shot = self._look() if found.look else None
        self._tell([self._sorter.let_in(found, time.monotonic_ns())], shot)
        if self._decoder.pointer is None:
            self.server.ask_for_pointer()

    def _look(self) -> _Shot | None:
        """Copy the screen, into memory that is there already where it can be."""
        with contextlib.suppress(OSError, MemoryError):
            raw, whole = self._screen.take(HOLD, self._teller.memory())
            return _Shot(raw, Instant.now(), whole)
        return None

    # --- the recorder ---

    def _greet(self) -> None:
        with contextlib.suppress(OSError):
            recorder, _ = self._control.accept()
            recorder.setblocking(False)
            self._drop_recorder()
            self._sorter = InputSorter()
            self._teller.begin()
            self._recorder = recorder
            self._watch(recorder, selectors.EVENT_READ)

    def _drop_recorder(self) -> None:
        if self._recorder is not None:
            self._watch(self._recorder, 0)
            self._registered.pop(self._recorder, None)
            self._recorder.close()
            self._recorder = None

    def _hear(self) -> None:
        while self._recorder is not None:
            try:
                data = self._recorder.recv(1 << 20)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._drop_recorder()
                return
            said = json.loads(data)
            if "calls" in said:
                self._tell(self._sorter.expect(calls_of(said["calls"]), said["since"]), None)
            if "answered" in said:
                self._answered.append(said)

    def _tell(self, found: list[Sorted], shot: _Shot | None) -> None:
        if self._recorder is not None:
            for each in found:
                said: JSON = {"number": each.number, "step": each.step, "begins": each.begins}
                said |= {"event": each.event.as_list(), "at": each.event.at_ns}
                self._teller.tell(self._recorder, said, shot)


def main(arguments: list[str]) -> None:
    """Serve until the server is gone."""
    gate = _Gate(arguments)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_SECONDS)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)  # where this user may: everybody waits for it
    with contextlib.suppress(OSError):
        gate.serve()
