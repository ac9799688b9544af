"""The gate before a guest's RFB server: held, open, and for clients of every kind. The guest is a server made here."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import numpy as np
import pytest

from footage.machines.rfb.rfb_connection import PIXELS, Stream
from footage.machines.rfb.rfb_gate import Gate
from footage.trajectory import Pixels

WIDTH, HEIGHT = 4, 3
KEY = struct.pack(">BBxxI", 4, 1, ord("a"))
ASK = struct.pack(">BBHHHH", 3, 0, 0, 0, WIDTH, HEIGHT)
ASK_FOR_NEWS = struct.pack(">BBHHHH", 3, 1, 0, 0, WIDTH, HEIGHT)
ENCODINGS = struct.pack(">BxHi", 2, 1, 0)
NOTHING_NEW = b"\x02"  # the bell: a whole message of one byte


class Guest:
    """A server that keeps what it is sent, and answers each request for the screen with the bell."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard = b""
        self.news = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            link, _ = self._listener.accept()
        except OSError:
            return
        link.sendall(b"RFB 003.008\n")
        link.recv(12)
        link.sendall(b"\x01\x01")
        link.recv(1)
        link.sendall(bytes(4))
        link.recv(1)
        link.sendall(struct.pack(">HH", WIDTH, HEIGHT) + PIXELS + struct.pack(">I", 5) + b"guest")
        while data := link.recv(1024):
            with self.news:
                self.heard += data
                self.news.notify_all()
            if data.endswith(ASK):
                link.sendall(NOTHING_NEW)
        link.close()

    def wait_for(self, what: bytes) -> None:
        with self.news:
            assert self.news.wait_for(lambda: what in self.heard, timeout=10), self.heard

    def close(self) -> None:
        self._listener.close()
        self._thread.join(10)


class Pages:
    """A scene: the next picture with each input."""

    def __init__(self) -> None:
        self.pictures = [np.full((HEIGHT, WIDTH, 3), shade, np.uint8) for shade in (10, 20, 30)]
        self.at = 0
        self.looks = 0

    def picture(self) -> Pixels:
        return self.pictures[self.at]

    def touched(self) -> None:
        self.at += 1

    def looked(self) -> None:
        self.looks += 1


@pytest.fixture
def guest() -> Iterator[Guest]:
    made = Guest()
    yield made
    made.close()


@pytest.fixture
def admitted() -> list[str]:
    return []


@pytest.fixture
def gate(guest: Guest, admitted: list[str]) -> Iterator[Gate]:
    def admit(act: Callable[[], object]) -> None:
        admitted.append("input")
        act()

    made = Gate(guest.address, admit, lambda *at: admitted.append(f"pointer {at}"))
    yield made
    made.close()


@contextmanager
def connected(gate: Gate, version: bytes = b"RFB 003.008") -> Iterator[Stream]:
    host, port = gate.address.split(":")
    stream = Stream(socket.create_connection((host, int(port)), timeout=10))
    assert stream.take(12) == b"RFB 003.008\n"
    stream.send(version + b"\n")
    if version == b"RFB 003.003":
        assert stream.numbers("I") == (1,)
    else:
        assert stream.take(2) == b"\x01\x01"
        stream.send(b"\x01")
    if version == b"RFB 003.008":
        assert stream.take(4) == bytes(4)
    stream.send(b"\x01")
    assert stream.numbers("HH") == (WIDTH, HEIGHT)
    assert stream.take(16) == PIXELS
    assert stream.take(stream.numbers("I")[0]) == b"guest"
    with closing(stream):
        yield stream


def shade(stream: Stream) -> int:
    """Receive one update of the whole screen, in the guest's own form of pixels; return its shade."""
    assert stream.numbers("BxH") == (0, 1)
    assert stream.numbers("HHHHi") == (0, 0, WIDTH, HEIGHT, 0)
    pixels = np.frombuffer(stream.take(4 * WIDTH * HEIGHT), np.uint8).reshape(HEIGHT, WIDTH, 4)
    assert (pixels[:, :, :3] == pixels[0, 0, 0]).all()
    return int(pixels[0, 0, 0])


@pytest.mark.parametrize("version", [b"RFB 003.003", b"RFB 003.007", b"RFB 003.008"])
def test_an_open_gate_lets_everything_through(gate: Gate, guest: Guest, admitted: list[str], version: bytes) -> None:
    with connected(gate, version) as client:
        client.send(ENCODINGS + KEY)
        guest.wait_for(ENCODINGS + KEY)
        assert admitted == ["input"]
        client.send(struct.pack(">BBHH", 5, 1, 2, 1) + KEY)
        guest.wait_for(ENCODINGS + KEY + KEY)  # the pointer goes another way
        assert admitted == ["input", "pointer (2, 1, 1)", "input"]
        client.send(ASK)
        assert client.take(1) == NOTHING_NEW


def test_keys_go_the_pointers_way_in_the_order_they_came_and_the_server_gets_those_that_are_left(
    guest: Guest,
) -> None:
    done: list[object] = []

    def strike(symbol: int, down: bool, number: int) -> bool:
        done.append((symbol, down, number))
        return symbol != ord("z")

    def admit(act: Callable[[], object]) -> None:
        done.append("server")
        act()

    unknown = struct.pack(">BBxxI", 4, 1, ord("z"))
    with closing(Gate(guest.address, admit, lambda *at: done.append(at), strike)) as gate, connected(gate) as client:
        numbered = struct.pack(">BBHII", 255, 0, 0, ord("a"), 30)
        client.send(KEY + struct.pack(">BBHH", 5, 1, 2, 1) + numbered + unknown)
        guest.wait_for(unknown)
        assert done == [(ord("a"), True, 0), (2, 1, 1), (ord("a"), False, 30), (ord("z"), True, 0), "server"]
        assert guest.heard == unknown


def test_what_a_client_did_before_it_went_is_carried_out(guest: Guest) -> None:
    going, done = threading.Event(), threading.Event()
    seen: list[int] = []

    def strike(symbol: int, down: bool, number: int) -> bool:
        assert down
        assert number == 0
        assert going.wait(10)
        seen.append(symbol)
        if len(seen) == 100:
            done.set()
        return True

    with closing(Gate(guest.address, lambda act: act(), lambda *_: None, strike)) as gate:
        with connected(gate) as client:
            client.send(ASK)
            assert client.take(1) == NOTHING_NEW
            client.send(KEY * 100)
        going.set()
        assert done.wait(10)


def test_what_was_not_carried_out_when_the_connections_are_ended_is_dropped(guest: Guest) -> None:
    begun, going = threading.Event(), threading.Event()
    seen: list[int] = []

    def strike(symbol: int, _down: bool, _number: int) -> bool:
        seen.append(symbol)
        begun.set()
        assert going.wait(10)
        return True

    with closing(Gate(guest.address, lambda act: act(), lambda *_: None, strike)) as gate, connected(gate) as client:
        client.send(KEY * 100)
        assert begun.wait(10)
        gate.disconnect()
        (worker,) = [each for each in threading.enumerate() if each.name == "footage-gate-input"]
        going.set()
        worker.join(10)
        assert not worker.is_alive()
        assert seen == [ord("a")]


def test_a_held_gate_shows_the_scene_and_keeps_the_input(gate: Gate, guest: Guest, admitted: list[str]) -> None:
    scene = Pages()
    gate.hold(scene)
    with connected(gate) as client:
        client.send(ENCODINGS + ASK)
        assert shade(client) == 10
        client.send(ASK_FOR_NEWS)  # nothing is new yet
        client.send(KEY)
        assert shade(client) == 20
        guest.wait_for(ENCODINGS)
        assert (guest.heard, admitted) == (ENCODINGS, [])
        assert scene.looks >= 1


def test_opened_it_gives_a_client_that_waits_the_whole_screen_of_the_guest(gate: Gate, guest: Guest) -> None:
    gate.hold(Pages())
    with connected(gate) as client:
        client.send(ASK)
        assert shade(client) == 10
        client.send(ASK_FOR_NEWS)
        client.send(KEY)  # answered before the gate opens: what waits is the request below
        assert shade(client) == 20
        client.send(ASK_FOR_NEWS + ENCODINGS)
        guest.wait_for(ENCODINGS)
        gate.open()
        assert client.take(1) == NOTHING_NEW  # the guest's own answer
        assert guest.heard == ENCODINGS + ASK
        client.send(KEY)
        guest.wait_for(KEY)


def test_pixels_come_in_the_form_that_a_client_wants(gate: Gate) -> None:
    gate.hold(Pages())
    with connected(gate) as client:
        form = struct.pack(">BBBBHHHBBBxxx", 16, 16, 1, 1, 31, 63, 31, 11, 5, 0)
        client.send(b"\0xxx" + form + ASK)
        assert client.numbers("BxH") == (0, 1)
        assert client.numbers("HHHHi") == (0, 0, WIDTH, HEIGHT, 0)
        (value, *rest) = client.numbers(f"{WIDTH * HEIGHT}H")
        assert set(rest) == {value}
        assert value == (1 << 11) | (2 << 5) | 1  # 10 of 255, in 5, 6 and 5 bits


def test_a_client_that_speaks_otherwise_is_shown_out(gate: Gate) -> None:
    with connected(gate) as client:
        client.send(b"\x63")
        assert client.some(1) == b""
