"""The gate of a desktop's display: whatever passes it comes out as it went in, and nothing hangs on it."""

from __future__ import annotations

import array
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.machines.contract import Arrival, Gone
from footage.machines.desktop.gate.display_gate import Gate
from footage.machines.desktop.gate.passing import Way
from footage.machines.desktop.gate.x_requests import Numbers, Request, RequestReader
from footage.machines.desktop.machine import Desktop
from footage.machines.shared.call_inputs import Asked
from footage.trajectory import Action

NUMBERS = Numbers(test=132, input=131, input_event=66, big=133)


def setup(order: str) -> bytes:
    head = struct.pack(order + "BxHHHHxx", 0x6C if order == "<" else 0x42, 11, 0, 5, 3)
    return head + b"prove\0\0\0" + b"it!\0"


def plain(order: str, opcode: int = 127, words: int = 3) -> bytes:
    return struct.pack(order + "BBH", opcode, 0, words) + bytes(range(4)) * (words - 1)


def move(order: str) -> bytes:
    return struct.pack(order + "BBHBBxxIIxxxxxxxxhhxxxxxxxx", 132, 2, 9, 6, 0, 0, 0, 10, 20)


def send(order: str, kind: int) -> bytes:
    return struct.pack(order + "BBHII", 25, 0, 11, 7, 0) + bytes([kind]) + bytes(31)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
def test_input_is_found_however_the_stream_is_cut(order: str, size: int) -> None:
    big = plain(order) + struct.pack(order + "BBHI", 72, 0, 0, 30) + bytes(112)
    enable = struct.pack(order + "BBH", 133, 0, 1)
    held = [move(order), send(order, 2), send(order, 5 | 0x80)]
    parts = [
        setup(order),
        enable,
        held[0],
        big,
        plain(order),
        held[1],
        send(order, 33),
        held[2],
        plain(order, words=200),
    ]
    whole = b"".join(parts)
    reader, found, passed = RequestReader(NUMBERS), list[bytes](), b""
    for at in range(0, len(whole), size):
        for part in reader.feed(whole[at : at + size]):
            if isinstance(part, Request):
                found.append(part.data)
            passed += part.data if isinstance(part, Request) else part
    assert passed == whole
    assert [part for part in found if part[0] != 25 or part[12] & 0x7F in {2, 5}] == held


def test_what_is_no_x_passes_unread() -> None:
    reader = RequestReader(NUMBERS)
    assert list(reader.feed(b"GET / HTTP/1.0\r\n\r\n")) == [b"GET / HTTP/1.0\r\n\r\n"]
    broken = RequestReader(NUMBERS)
    rest = struct.pack("<BBH", 1, 0, 0) + move("<")
    assert b"".join(p for p in broken.feed(setup("<") + rest) if isinstance(p, bytes)) == setup("<") + rest


def test_descriptors_travel_with_their_bytes_and_nobody_reads_ahead() -> None:
    (near, a), (b, far) = socket.socketpair(), socket.socketpair()
    with near, a, b, far:
        for each in (a, b):
            each.setblocking(False)
        way = Way(a, b)
        inner, outer = os.pipe()
        rights = array.array("i", [outer])
        near.sendmsg([b"one"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        os.close(outer)
        received = way.receive()
        assert received is not None
        way.send(*received)
        data, given, _, _ = socket.recv_fds(far, 10, 4)
        os.write(given[0], b"through")
        assert (data, os.read(inner, 10)) == (b"one", b"through")
        os.close(given[0])
        os.close(inner)
        while not way.waits:
            way.send(bytes(100_000), [])
        near.close()
        got = 0
        way.ended = way.receive() is not None
        while got % 100_000 or way.waits:
            way.flush()
            got += len(far.recv(1 << 16))
        way.flush()
        assert far.recv(1) == b""


@pytest.fixture(scope="module")
def desktop() -> Iterator[Desktop]:
    with Desktop() as machine:
        machine.door()
        yield machine


@pytest.fixture
def heard(desktop: Desktop) -> Iterator[list[Arrival]]:
    arrivals: list[Arrival] = []
    gate = desktop.door()
    gate.listen(lambda heard: arrivals.append(heard) if isinstance(heard, Arrival) else None)
    yield arrivals
    gate.close()


def run(desktop: Desktop, *command: str, timeout: float = 30) -> str:
    done = subprocess.run(
        command, env=os.environ | dict(desktop.environment), capture_output=True, text=True, check=True, timeout=timeout
    )
    return done.stdout


def until(arrivals: list[Arrival], count: int) -> None:
    deadline = time.monotonic() + 10
    while len(arrivals) < count and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.desktop
def test_each_call_is_held_until_its_frame_is_taken_and_its_input_is_told(
    desktop: Desktop, heard: list[Arrival]
) -> None:
    calls = [Asked(0, Action("left_click", {"coordinate": [850, 400]})), Asked(1, Action("type", {"text": "Hä"}))]
    desktop.door().expect(calls, time.monotonic_ns())
    run(desktop, "xdotool", "mousemove", "850", "400", "click", "1", "type", "Hä")
    until(heard, 9)
    first, second = ([each for each in heard if each.sorted.step == step] for step in (0, 1))
    assert [each.sorted.event.as_list() for each in first] == [
        ["move", 850, 400],
        ["button_down", 1, 850, 400],
        ["button_up", 1, 850, 400],
    ]
    typed = [each.sorted.event.values[0] for each in second if each.sorted.event.kind == "key_down"]
    assert [key for key in typed if key != "Shift_L"] == ["H", "ä"]
    for each in (first, second):
        assert [arrival.sorted.begins for arrival in each] == [True] + [False] * (len(each) - 1)
        shot = each[0].shot
        assert shot is not None
        assert shot.captured.monotonic_ns <= each[0].sorted.event.at_ns
    assert run(desktop, "xdotool", "getmouselocation").startswith("x:850 y:400")


@pytest.mark.desktop
def test_input_goes_on_while_a_program_keeps_the_server_to_itself(desktop: Desktop, heard: list[Arrival]) -> None:
    code = """
from Xlib import X, display
from Xlib.ext import xtest
d = display.Display()
d.grab_server()
for x in (300, 400):
    xtest.fake_input(d, X.MotionNotify, x=x, y=300)
    d.sync()
d.ungrab_server()
d.sync()
"""
    run(desktop, sys.executable, "-c", code, timeout=10)
    until(heard, 2)
    assert [each.sorted.event.values for each in heard] == [(300, 300), (400, 300)]
    assert heard[0].shot is not None


@pytest.mark.desktop
def test_input_passes_though_nobody_takes_in_what_is_told_of_it(desktop: Desktop) -> None:
    stuck = threading.Event()
    gate = desktop.door()

    def hang(_: object) -> None:
        stuck.wait(20)

    gate.listen(hang)
    try:
        script = "for i in $(seq 40); do xdotool mousemove 5$i 5$i; done"
        run(desktop, "sh", "-c", script)
        assert run(desktop, "xdotool", "getmouselocation").startswith("x:540 y:540")
    finally:
        stuck.set()
        gate.close()


@pytest.mark.desktop
@pytest.mark.usefixtures("heard")
def test_large_pictures_and_many_requests_come_through_as_they_are(desktop: Desktop) -> None:
    code = """
import os
import queue
from Xlib import X, display
d = display.Display()
root = d.screen().root
width, height = 600, 50
data = os.urandom(width * height * 4)
pixmap = root.create_pixmap(width, height, d.screen().root_depth)
gc = pixmap.create_gc()
for n in range(60):
    pixmap.put_image(gc, 0, 0, width, height, X.ZPixmap, d.screen().root_depth, 0, data)
got = pixmap.get_image(0, 0, width, height, X.ZPixmap, 0xFFFFFFFF).data
assert all(got[i:i + 3] == data[i:i + 3] for i in range(0, len(data), 4))
for n in range(500):
    d.intern_atom(f"ATOM_{n % 50}")
print("whole")
"""
    assert run(desktop, sys.executable, "-c", code, timeout=120) == "whole\n"


@pytest.mark.desktop
@pytest.mark.usefixtures("heard")
def test_a_program_that_dies_takes_nobody_with_it(desktop: Desktop) -> None:
    code = "from Xlib import display; d = display.Display(); print('up', flush=True); import time; time.sleep(60)"
    environ = os.environ | dict(desktop.environment)
    programs = [
        subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True) for _ in range(5)
    ]
    for program in programs:
        with program:
            assert program.stdout is not None
            assert program.stdout.readline() == "up\n"
            program.send_signal(signal.SIGKILL)
    assert run(desktop, "xdotool", "getdisplaygeometry") == "1280 800\n"


@pytest.mark.desktop
def test_the_display_of_the_gate_asks_for_the_cookie_too(desktop: Desktop) -> None:
    stranger = {"DISPLAY": desktop.environment["DISPLAY"], "XAUTHORITY": os.devnull, "PATH": os.environ["PATH"]}
    refused = subprocess.run(["xdotool", "getmouselocation"], env=stranger, capture_output=True, check=False)
    assert refused.returncode != 0


@pytest.mark.desktop
def test_after_a_reset_the_gate_opens_on_the_same_display() -> None:
    with Desktop() as machine:
        assert isinstance(machine.door(), Gate)
        where = machine.environment["DISPLAY"]
        machine.reset()
        machine.door()
        assert machine.environment["DISPLAY"] == where
        assert run(machine, "xdotool", "getdisplaygeometry") == "1280 800\n"
        number = int(where[1:])
    assert not Path(f"/tmp/.X11-unix/X{number}").exists()


@pytest.mark.desktop
def test_a_gate_that_is_killed_is_told_of_and_one_that_is_closed_is_not() -> None:
    with Desktop() as desktop:
        said: queue.SimpleQueue[object] = queue.SimpleQueue()
        gate = desktop.door()
        gate.listen(said.put)
        gate.close()
        gate.listen(said.put)
        commands = ((int(path.parent.name), path.read_bytes()) for path in Path("/proc").glob("[0-9]*/cmdline"))
        (pid,) = (pid for pid, command in commands if b"gate.gate_process" in command and said_to(gate) in command)
        os.kill(pid, signal.SIGKILL)
        assert said.get(timeout=30) == Gone()
        assert said.empty()


def said_to(gate: Gate) -> bytes:
    """Return the path that a gate's process was told to listen at for who records."""
    return str(gate._control_path).encode()
