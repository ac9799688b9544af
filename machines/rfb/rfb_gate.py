"""
A gate before a guest's RFB server: what another process does to the guest passes here.

Input is let in only while the guest runs: QEMU drops what comes while it is stopped for a look. While the gate is held,
clients see a scene in the place of the guest's screen, and what they do goes to the scene: so an agent can go once more
through what its machine has behind it already. The protocol is RFC 6143, with QEMU's own messages.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from footage.errors import FootageError, MachineError
from footage.machines.rfb.rfb_connection import Stream, introduced

if TYPE_CHECKING:
    from footage.machines.exact_contract import Scene
    from footage.machines.rfb.rfb_door import VncDoor
    from footage.trajectory import Pixels

__all__ = ["Gate"]

_FORMAT, _ENCODINGS, _ASK, _KEY, _POINTER, _TEXT, _QEMU = 0, 2, 3, 4, 5, 6, 255
_UPDATES, _FENCE = 150, 248
_LENGTHS: Mapping[int, int] = {_FORMAT: 19, _ENCODINGS: 3, _ASK: 9, _KEY: 7, _POINTER: 5, _TEXT: 7, 250: 3, 251: 7}
_LENGTHS = {**_LENGTHS, _UPDATES: 9, _FENCE: 8}
"""Bytes of a message after its kind, as far as they are always there."""
_QEMU_LENGTHS = {0: 10, 1: 2}
"""The same for QEMU's own messages, by the kind within them: a key with its code, sound."""
_QEMU_KEY = bytes([_QEMU, 0])
_SOUND_FORMAT, _SOUND_FORMAT_LENGTH = 2, 6
_INPUT = frozenset({_KEY, _POINTER, _TEXT, _QEMU})
_DELIBERATE = 0.05
"""Seconds: clients that follow the screen ask again sooner than that after an update."""
_LARGEST = 1 << 20
_PIECE = 1 << 16


Admit = Callable[[Callable[[], object]], object]
"""Carries out what gives the guest input by way of the server, when it may have some."""
Strike = Callable[[int, bool, int], bool]
"""Presses or releases a key: its X symbol, whether it goes down, its number or 0. False where that is left undone."""


class Gate:
    """
    Listens on this host, from the moment it is made until `close`.

    `server` is where the guest's own server is: host:port, or `unix:path`.
    Every client gets a connection of its own to that server. Open unless it is held. `point` moves the pointer to
    (x, y), with these buttons down (bit 0 is the left one), in the server's place; without it, the server does so.
    `strike` does the same for a key, if it can: it gets the key's X symbol, whether it goes down, and its number on a
    PC's keyboard where the client tells that, else 0.
    `give` gives the server a message of input, the pointer's or a key's, by a connection of the machine's own.
    `door` looks at the screen before input is let in. Where the server asks for a `password`, so does the gate.
    """

    def __init__(
        self,
        server: str,
        admit: Admit,
        point: Callable[[int, int, int], object] | None,
        strike: Strike = lambda _symbol, _down, _number: False,
        *,
        give: Callable[[bytes], object] | None = None,
        door: VncDoor | None = None,
        password: str | None = None,
    ) -> None:
        self.server = server
        self.admit = admit
        self.point = point
        self.strike = strike
        self.give = give
        self.door = door
        self.password = password
        self.scene: Scene | None = None
        self._clients: weakref.WeakSet[_Client] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        """Where it listens, host:port."""
        self._thread = threading.Thread(target=self._listen, name="footage-gate", daemon=True)
        self._thread.start()

    def hold(self, scene: Scene) -> None:
        """Show a scene from now on. To be called before anybody has connected."""
        self.scene = scene

    def refresh(self) -> None:
        """Send clients what the scene shows now, where they wait for it."""
        for client in self._present():
            client.refresh()

    def open(self) -> None:
        """Let everybody through to the guest from now on. Safe to call twice."""
        self.scene = None
        for client in self._present():
            client.let_through()

    def close(self) -> None:
        """End all connections. Safe to call twice."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disconnect()

    def disconnect(self) -> None:
        """End the connections there are; what their clients did and was not carried out yet is dropped."""
        for client in self._present():
            client.drop()

    def _present(self) -> list[_Client]:
        with self._lock:
            return list(self._clients)

    def _listen(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            client = _Client(self, link)
            with self._lock:
                self._clients.add(client)
            threading.Thread(target=client.serve, name="footage-gate-client", daemon=True).start()


class _Format(NamedTuple):
    """How a client wants its pixels: bits, byte order, and for red, green and blue the maximum and the shift."""

    bits: int
    big: bool
    maxima: tuple[int, int, int]
    shifts: tuple[int, int, int]

    @classmethod
    def parsed(cls, data: bytes) -> _Format:
        bits, _, big, true_colour, red, green, blue, *shifts = struct.unpack(">BBBBHHHBBBxxx", data)
        if bits not in {8, 16, 32} or not true_colour:
            raise MachineError("Pixels with a palette are not spoken here.")
        return cls(bits, bool(big), (red, green, blue), (shifts[0], shifts[1], shifts[2]))

    def encoded(self, pixels: Pixels) -> bytes:
        """Return pixels, (height, width, 3) RGB, in this form."""
        import numpy as np

        whole = np.zeros(pixels.shape[:2], np.uint32)
        for channel, (most, shift) in enumerate(zip(self.maxima, self.shifts, strict=True)):
            value = pixels[:, :, channel].astype(np.uint32)
            whole |= (value if most == 255 else (value * most + 127) // 255) << shift
        return whole.astype(f"{'>' if self.big else '<'}u{self.bits // 8}").tobytes()


class _Client:
    """One client's connection, and the one to the server that belongs to it."""

    def __init__(self, gate: Gate, link: socket.socket) -> None:
        self._gate = gate
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link = link
        self._near = Stream(link)
        self._far: Stream | None = None
        self._lock = threading.RLock()
        self._through = False
        self._waiting: tuple[int, int, int, int] | None = None
        self._sent: Pixels | None = None
        self._sent_at = 0.0
        self._asked_at = 0.0
        self._dropped = False
        self._held: dict[bytes, bytes] = {}
        """What releases the keys and buttons that it holds down: a server does so when a client goes."""
        self._messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    # --- its life ---

    def serve(self) -> None:
        """Serve it to its end. What it has sent is carried out, though it has gone meanwhile."""
        try:
            self._greet()
            if self._gate.scene is None:
                self.let_through()
            threading.Thread(target=self._carry_out, name="footage-gate-input", daemon=True).start()
            if self._gate.door is not None:
                self._gate.door.join(self._link)
            while True:
                self._take()
        except (FootageError, OSError, struct.error):
            self.close()
        finally:
            self._messages.put(b"")

    def _take(self) -> None:
        """Read the next message, and have it carried out."""
        kind, door = self._near.take(1), self._gate.door
        if door is not None:
            door.comes()
        try:
            self._messages.put(self._read(kind))
        except BaseException:
            self._done()
            raise

    def _carry_out(self) -> None:
        """Do what messages say, in their order: the guest may be slower than the client."""
        while whole := self._messages.get():
            try:
                if not self._dropped:
                    self._message(whole)
            except (FootageError, OSError, struct.error):
                self.close()
            finally:
                self._done()
        self._release()

    def _release(self) -> None:
        """Release what the client holds down, where its input went by the machine's own connection."""
        far, held = self._far, [*self._held.values()]
        with contextlib.suppress(FootageError):
            for message in held:
                assert far is not None  # something was let in
                self._let_in(message, far)

    def _done(self) -> None:
        if self._gate.door is not None:
            self._gate.door.is_in()

    def close(self) -> None:
        """End both connections. Safe to call twice."""
        self._near.close()
        if self._far is not None:
            self._far.close()

    def drop(self) -> None:
        """End both connections, and carry out nothing more."""
        self._dropped = True
        self.close()

    def let_through(self) -> None:
        """Pass on what the server sends from now on; the screen that the client waits for comes whole."""
        with self._lock:
            if self._through or self._far is None:
                return
            self._through = True
            waiting, self._waiting = self._waiting, None
            threading.Thread(target=self._back, args=(self._far,), name="footage-gate-back", daemon=True).start()
            if waiting is not None:
                self._far.send(struct.pack(">BBHHHH", _ASK, 0, *waiting))

    def refresh(self) -> None:
        """Send the scene, if it is another than before and the client waits."""
        with self._lock, contextlib.suppress(FootageError):
            scene = self._gate.scene
            if scene is not None and self._waiting is not None and (picture := scene.picture()) is not self._sent:
                self._send(picture, self._waiting)
                self._waiting = None

    def _greet(self) -> None:
        """Introduce the server, whatever version of the protocol the client speaks."""
        self._near.be_patient(30.0)
        self._near.send(b"RFB 003.008\n")
        version, kind = self._near.take(12)[:11], 1 if self._gate.password is None else 2
        if version in {b"RFB 003.007", b"RFB 003.008"}:
            self._near.send(bytes([1, kind]))
            self._near.take(1)
        else:
            self._near.send(struct.pack(">I", kind))
        if self._gate.password is not None:
            self._near.prove(self._gate.password)
        elif version == b"RFB 003.008":
            self._near.send(bytes(4))
        self._near.take(1)
        far, said = introduced(self._gate.server, self._gate.password)
        far.be_patient(None)
        self._near.be_patient(None)
        self._format = _Format.parsed(said[4:20])
        self._near.send(said)
        with self._lock:
            self._far = far

    def _back(self, far: Stream) -> None:
        """Pass on what the server sends."""
        try:
            while piece := far.some(_PIECE):
                self._near.send(piece)
        except FootageError:
            pass
        self.close()

    # --- messages ---

    def _message(self, whole: bytes) -> None:
        kind = whole[0]
        if kind == _FORMAT:
            self._format = _Format.parsed(whole[4:20])
        with self._lock:
            far, scene = self._far, None if self._through else self._gate.scene
            assert far is not None  # the greeting is over
            if kind in {_FORMAT, _ENCODINGS}:
                far.send(whole)
                return
            if scene is None:
                self.let_through()
            elif kind == _ASK:
                self._show(scene, *struct.unpack(">xBHHHH", whole))
        if scene is not None and kind in _INPUT:
            scene.touched()
            self._gate.refresh()
        elif scene is None and kind in _INPUT:
            self._let_in(whole, far)
        elif scene is None:
            far.send(whole)

    def _let_in(self, message: bytes, far: Stream) -> None:
        """Give the guest the input of a message, and have the door look first."""
        if self._gate.door is not None:
            self._gate.door.let_in(message, self, lambda: self._give(message, far))
        else:
            self._give(message, far)

    def _give(self, message: bytes, far: Stream) -> None:
        """Give the guest the input of a message: by the machine's own ways where it has some, else by the server."""
        if self._gate.give is not None and message[0] != _TEXT:
            self._gate.give(message)
            self._hold(message)
        elif message[0] == _POINTER and self._gate.point is not None:
            buttons, x, y = struct.unpack(">xBHH", message)
            self._gate.point(x, y, buttons)
        elif not self._struck(message):
            self._gate.admit(lambda: far.send(message))

    def _hold(self, message: bytes) -> None:
        """Take note of what a message holds down, or releases."""
        if message[0] == _POINTER:
            buttons, x, y = struct.unpack(">xBHH", message)
            what, down, release = message[:1], bool(buttons), struct.pack(">BBHH", _POINTER, 0, x, y)
        elif message[0] == _KEY:
            what, down, release = message[4:], bool(message[1]), message[:1] + b"\0" + message[2:]
        elif message[:2] == _QEMU_KEY:
            what, down, release = message[4:], message[2:4] != b"\0\0", message[:2] + b"\0\0" + message[4:]
        else:
            return
        self._held.pop(what, None)
        if down:
            self._held[what] = release

    def _struck(self, message: bytes) -> bool:
        """Press or release the key that a message names; False where it names none, or the server has to do that."""
        if message[0] == _KEY:
            down, symbol = struct.unpack(">xBxxI", message)
            return self._gate.strike(symbol, bool(down), 0)
        if message[:2] == _QEMU_KEY:
            down, symbol, number = struct.unpack(">xxHII", message)
            return self._gate.strike(symbol, bool(down), number)
        return False

    def _read(self, kind: bytes) -> bytes:
        """Return a message that begins so, whole."""
        take = self._near.take
        if kind[0] == _QEMU:
            inner = take(1)
            rest = take(_QEMU_LENGTHS.get(inner[0], 0))
            sound = inner[0] == 1 and rest == struct.pack(">H", _SOUND_FORMAT)
            return kind + inner + rest + (take(_SOUND_FORMAT_LENGTH) if sound else b"")
        if kind[0] not in _LENGTHS:
            raise MachineError(f"A client sent a message of an unknown kind: {kind[0]}.")
        rest = take(_LENGTHS[kind[0]])
        more = 0
        if kind[0] == _ENCODINGS:
            more = 4 * struct.unpack(">xH", rest)[0]
        elif kind[0] == _TEXT:
            more = abs(struct.unpack(">xxxi", rest)[0])
        elif kind[0] == _FENCE:
            more = rest[7]
        elif kind[0] == 251:  # another size is asked for: so many screens
            more = 16 * rest[5]
        if more > _LARGEST:
            raise MachineError(f"A client sent a message of {more} bytes.")
        return kind + rest + take(more)

    def _show(self, scene: Scene, incremental: int, x: int, y: int, width: int, height: int) -> None:
        """Answer a request for the screen with the scene's, at once or when it changes."""
        now = time.monotonic()
        if not incremental or now - self._sent_at > _DELIBERATE:
            scene.looked()
        picture = scene.picture()
        if incremental and picture is self._sent:
            self._waiting = x, y, width, height
        else:
            self._send(picture, (x, y, width, height))

    def _send(self, picture: Pixels, place: tuple[int, int, int, int]) -> None:
        x, y, width, height = place
        part = picture[y : y + height, x : x + width]
        head = struct.pack(">BxHHHHHi", 0, 1, x, y, part.shape[1], part.shape[0], 0)
        self._near.send(head + self._format.encoded(part))
        self._sent_at = time.monotonic()
        if part.shape == picture.shape:
            self._sent = picture
