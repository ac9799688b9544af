"""The vnc machine: the protocol against a server made of bytes, and real servers: TigerVNC and QEMU's own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footage.errors import MachineError, UsageError
from footage.machines.checking.check import check_machine
from footage.machines.opening import open_machine, reopen
from footage.machines.rfb import rfb_client as client
from footage.machines.rfb.encodings import ZRLE, Decoder
from footage.machines.rfb.rfb_client import RfbClient
from footage.machines.rfb.rfb_connection import Stream, _answer
from footage.machines.vnc.machine import Vnc
from footage.recorder.recording import record
from footage.replay.engine import replay_run
from footage.storage import Store
from footage.trajectory import Action, Cause, Pixels, Region, StepVerdict, Verdict
from vnc_server import free_port, tiger

PASSWORD = "s3cret!!"


# --- a server made of bytes ---------------------------------------------------------------------------------------


class Scripted:
    """Speaks the server's side of the handshake, then shows one picture, whatever it is asked."""

    def __init__(
        self,
        version: bytes = b"RFB 003.008\n",
        security: bytes = b"\x01\x01",
        then: bytes = b"",
        name: bytes = b"tiny",
    ) -> None:
        self.version, self.security, self.then, self.name = version, security, then, name
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError), self._listener, self._listener.accept()[0] as link:
            link.sendall(self.version)
            self.heard += link.recv(12)
            link.sendall(self.security)
            if self.security[-1:] == b"\x01" and b"003" in self.heard and not self.heard.startswith(b"RFB 003.003"):
                self.heard += link.recv(1)
                if self.heard.startswith(b"RFB 003.008"):
                    link.sendall(struct.pack(">I", 0))
            self.heard += link.recv(1)
            link.sendall(struct.pack(">HH16sI", 2, 1, b"", len(self.name)) + self.name)
            link.sendall(self.then)
            while data := link.recv(4096):
                self.heard += data
                if data[-10:-8] == b"\x03\x00":  # asked for a picture: two pixels, red and blue
                    link.sendall(struct.pack(">BxHHHHHi", 0, 1, 0, 0, 2, 1, 0) + bytes([255, 0, 0, 0, 0, 0, 255, 0]))

    def close(self) -> None:
        self._thread.join(5)


@pytest.mark.parametrize(
    ("version", "security", "agreed"),
    [
        (b"RFB 003.003\n", struct.pack(">I", 1), b"RFB 003.003"),
        (b"RFB 003.007\n", b"\x01\x01", b"RFB 003.007"),
        (b"RFB 003.008\n", b"\x02\x12\x01", b"RFB 003.008"),
        (b"RFB 003.889\n", b"\x01\x01", b"RFB 003.008"),
        (b"RFB 003.005\n", struct.pack(">I", 1), b"RFB 003.003"),
    ],
)
def test_each_version_of_the_protocol_is_spoken(version: bytes, security: bytes, agreed: bytes) -> None:
    server = Scripted(version, security)
    with closing(Vnc(server.address)) as machine:
        assert machine.screenshot().pixels.tolist() == [[[255, 0, 0], [0, 0, 255]]]
        assert machine.specification["name"] == "tiny"
    server.close()
    assert server.heard.startswith(agreed)


@pytest.mark.parametrize(
    ("security", "error", "said"),
    [
        (b"\x00" + struct.pack(">I", 9) + b"too many.", MachineError, "refuses: too many"),
        (b"\x01\x13", MachineError, "not spoken here: VeNCrypt"),
        (b"\x01\x02", UsageError, "asks for a password"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_told_in_one_sentence(
    security: bytes, error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOOTAGE_VNC_PASSWORD", raising=False)
    server = Scripted(security=security)
    with pytest.raises(error, match=said):
        Vnc(server.address)
    server.close()


RELEASE = struct.pack(">BBxxI", 4, 0, 0xFF13)
"""Of a key that nobody holds: QEMU drops it, and looks at its screen at once, as it does of all input."""


@pytest.mark.parametrize(("name", "released"), [(b"QEMU", True), (b"QEMU (lab)", True), (b"tiny", False)])
def test_a_server_that_looks_at_an_idle_screen_seldom_is_woken_for_each_look(name: bytes, released: bool) -> None:
    server = Scripted(name=name)
    with closing(Vnc(server.address)) as machine:
        machine.screenshot()
        assert (RELEASE in server.heard) is released
    server.close()
    assert server.heard.count(RELEASE) == (2 if released else 0)


@pytest.mark.parametrize(
    "press", [struct.pack(">BBxxI", 4, 1, 0xFF13), struct.pack(">BBHII", 255, 0, 1, 0xFF13, 0xC6)], ids=["RFB", "QEMU"]
)
def test_no_key_that_somebody_holds_is_released_to_wake_a_server(press: bytes) -> None:
    server = Scripted(name=b"QEMU")
    with closing(RfbClient(server.address)) as client:
        client.give(press)
        assert client.sync()
    server.close()
    assert press in server.heard
    assert RELEASE not in server.heard


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (b"\x63", "unknown kind: 99"),
        (struct.pack(">BxHHHHHi", 0, 1, 1, 0, 2, 1, 0), "outside its screen"),
        (struct.pack(">BxHHHHHi", 0, 1, 0, 0, 2, 1, 7), "not asked for: 7"),
        (struct.pack(">BxHHHHHi", 0, 1, 0, 0, 60000, 60000, -223), "no screen"),
        (b"\x03\0\0\0" + struct.pack(">I", 0x7FFFFFFF), "no screen"),
    ],
)
def test_nonsense_from_a_server_is_a_machine_error(then: bytes, said: str) -> None:
    server = Scripted(then=then)

    def look() -> None:
        with closing(Vnc(server.address)) as machine:
            for _ in range(50):
                machine.screenshot()

    with pytest.raises(MachineError, match=said):
        look()
    server.close()


def test_what_is_no_server_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address"):
        open_machine("vnc:nowhere")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(MachineError, match="no VNC server"):
        open_machine(f"vnc:127.0.0.1:{port}")
    with pytest.raises(UsageError, match="cannot be read"):
        open_machine(f"vnc:127.0.0.1:{port}", password_file=str(tmp_path / "missing"))


def tiles(*parts: bytes) -> Any:
    """Return what ZRLE tiles paint on a canvas of 4 x 2."""
    packed = zlib.compressobj()
    data = packed.compress(b"".join(parts)) + packed.flush(zlib.Z_SYNC_FLUSH)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack(">I", len(data)) + data)
        canvas = np.zeros((2, 4, 4), np.uint8)
        Decoder().paint(Stream(ours), ZRLE, Region(0, 0, 4, 2), canvas)
    return canvas[:, :, 0].tolist()


def colour(red: int) -> bytes:
    return bytes([red, 0, 0])


@pytest.mark.parametrize(
    ("tile", "painted"),
    [
        (b"\x00" + b"".join(colour(n) for n in range(8)), [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (b"\x01" + colour(9), [[9] * 4] * 2),
        (b"\x02" + colour(1) + colour(2) + bytes([0b01010000, 0b11110000]), [[1, 2, 1, 2], [2, 2, 2, 2]]),
        (
            b"\x03" + colour(1) + colour(2) + colour(3) + bytes([0b00011000, 0b10101010]),
            [[1, 2, 3, 1], [3, 3, 3, 3]],
        ),
        (b"\x05" + b"".join(colour(n) for n in range(1, 6)) + bytes([0x01, 0x23, 0x44, 0x44]), [[1, 2, 3, 4], [5] * 4]),
        (b"\x80" + colour(7) + b"\x04" + colour(8) + b"\x02", [[7] * 4, [7, 8, 8, 8]]),
        (b"\x82" + colour(5) + colour(6) + bytes([0x80, 0x05, 0x01, 0x01]), [[5] * 4, [5, 5, 6, 6]]),
    ],
)
def test_each_kind_of_tile_is_painted(tile: bytes, painted: list[list[int]]) -> None:
    assert tiles(tile) == painted


@pytest.mark.parametrize("tile", [b"\x11", b"\x81", b"\x80" + colour(7) + b"\x20", b"\x00", b"\x82" + colour(1)])
def test_tiles_that_make_no_sense_are_refused(tile: bytes) -> None:
    with pytest.raises(MachineError, match="cannot be read"):
        tiles(tile)


# --- TigerVNC -----------------------------------------------------------------------------------------------------


class OnDisplay:
    """A machine with a display that the check can open its window on, and that can be reset by hand."""

    def __init__(self, machine: Vnc, display: str) -> None:
        self._machine = machine
        self.environment = {"DISPLAY": display}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)

    def reset(self) -> None:
        self._machine._log.events.clear()


@pytest.mark.desktop
@pytest.mark.parametrize("compressed", [False, True])
def test_every_action_takes_effect_on_tigervnc(tmp_path: Path, compressed: bool) -> None:
    with tiger(tmp_path) as (address, display), closing(Vnc(address, compressed=compressed)) as machine:
        results = check_machine(OnDisplay(machine, display))
    assert [(result.name, result.detail) for result in results if not result.ok] == []
    assert len(results) > 25


@pytest.mark.desktop
def test_both_ways_of_sending_pixels_show_the_same_screen(tmp_path: Path) -> None:
    with tiger(tmp_path) as (address, display):
        command = ["xterm", "-display", display, "-geometry", "90x30+30+40", "-e", "ls -l --color /usr/bin; sleep 60"]
        with subprocess.Popen(command) as window:
            with closing(RfbClient(address)) as plain, closing(RfbClient(address, compressed=True)) as packed:
                calm = settled(lambda: synced(plain))
                packed.sync()
                assert (packed.picture() == calm).all()
                assert len(np.unique(calm.reshape(-1, 3), axis=0)) > 3
            window.terminate()


def synced(client: RfbClient) -> Pixels:
    client.sync()
    return client.picture()


def settled(look: Callable[[], Pixels], limit: float = 15.0) -> Pixels:
    """Return a screen that shows something and does not change any more, after `limit` seconds at the latest."""
    last, since, deadline = look(), time.monotonic(), time.monotonic() + limit
    while time.monotonic() < deadline:
        time.sleep(0.05)
        now = look()
        if now.shape != last.shape or (now != last).any():
            last, since = now, time.monotonic()
        elif now.max() > 0 and time.monotonic() - since > 0.6:
            break
    return last


@pytest.mark.desktop
def test_a_password_is_asked_for_checked_and_never_stored(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography")
    # The file of a VNC server holds the password as a client would answer with it to a key that everybody knows.
    known = bytes([23, 82, 107, 6, 35, 78, 88, 7]).decode("latin-1")
    (tmp_path / "sealed").write_bytes(_answer(known, PASSWORD.encode()))
    with tiger(tmp_path, "-SecurityTypes", "VncAuth", "-PasswordFile", str(tmp_path / "sealed")) as (address, _):
        monkeypatch.setenv("FOOTAGE_VNC_PASSWORD", "wrong")
        with pytest.raises(UsageError, match="refuses"):
            Vnc(address)
        monkeypatch.setenv("FOOTAGE_VNC_PASSWORD", PASSWORD)
        with closing(Vnc(address)) as machine, record("look", store=store, machine=machine) as run:
            run.watch(machine).perform(Action("mouse_move", {"coordinate": [5, 5]}))
        (tmp_path / "plain").write_text(f"{PASSWORD}\nmore")
        monkeypatch.delenv("FOOTAGE_VNC_PASSWORD")
        with closing(Vnc(address, password_file=str(tmp_path / "plain"))) as machine:
            assert machine.screenshot().size == (1024, 700)
    assert store.run(run.id).replayable == "anchored"
    assert not any(PASSWORD.encode() in file.read_bytes() for file in tmp_path.glob("runs.db*") if file.is_file())


@pytest.mark.desktop
@pytest.mark.parametrize("tells", [True, False])
def test_a_server_that_does_not_show_its_screen_in_time_is_not_taken_for_one_that_shows_it(
    tmp_path: Path, tells: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not tells:  # a server that knows no screens of several sizes
        monkeypatch.setattr(client, "_SIZES", -1)
    with tiger(tmp_path) as (address, display), closing(Vnc(address)) as machine, closing(machine.eye()) as eye:
        pid = int(subprocess.run(["pgrep", "-f", f"rfbport {address[10:]} "], capture_output=True, check=True).stdout)
        os.kill(pid, signal.SIGSTOP)
        assert eye.look() is None
        os.kill(pid, signal.SIGCONT)
        assert (machine._running().tells, eye.look() is not None) == (tells, True)
        at_display(display, "root.change_attributes(background_pixel=0x204060); root.clear_area()")
        shot = eye.look()
        assert shot is not None
        assert shot.pixels[5, 5].tolist() == [0x20, 0x40, 0x60]


@pytest.mark.desktop
def test_a_button_that_a_client_of_the_gate_holds_is_released_when_it_goes(tmp_path: Path) -> None:
    with tiger(tmp_path) as (address, display), closing(Vnc(address)) as machine:
        machine.door()
        with closing(RfbClient(machine.environment["FOOTAGE_VNC"])) as agent:
            agent.pointer(40, 50, 1)
            wait_until(lambda: left_button(display))
        wait_until(lambda: not left_button(display))


def at_display(display: str, code: str) -> str:
    """Run code with the root window of a display, as a program of its own; return what it prints."""
    begin = "import sys; from Xlib.display import Display; link = Display(sys.argv[1]); root = link.screen().root; "
    command = [sys.executable, "-c", f"{begin}{code}; link.sync()", display]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def left_button(display: str) -> bool:
    """Tell whether the left button is down."""
    return bool(int(at_display(display, "print(root.query_pointer().mask)")) & 1 << 8)


def wait_until(what: Callable[[], bool], limit: float = 20.0) -> None:
    deadline = time.monotonic() + limit
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_update_that_was_on_its_way_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve_late, args=(listener,), daemon=True).start()
        with closing(RfbClient(f"127.0.0.1:{listener.getsockname()[1]}")) as seen:
            for _ in range(3):
                assert seen.sync(10)
                red = int(seen.picture()[0, 0, 0])
                assert seen.sync(10)
                assert int(seen.picture()[0, 0, 0]) == red + 1


def serve_late(listener: socket.socket) -> None:
    """Serve one client: when a pixel is asked anew, news from before that come first; the answer is brighter."""
    link, _ = listener.accept()
    with link, link.makefile("rb") as file:
        link.sendall(b"RFB 003.008\n")
        file.read(12)
        link.sendall(b"\x01\x01")
        file.read(1)
        link.sendall(bytes(4))
        file.read(1)
        link.sendall(struct.pack(">HH16sI", 1, 1, b"", 4) + b"tiny")
        file.read(20)
        file.read(4 * struct.unpack(">BxH", file.read(4))[1])
        shade, size = 0, struct.pack(">HHHHiBxxxIHHHHI", 0, 0, 1, 1, -308, 1, 1, 0, 0, 1, 1, 0)
        with contextlib.suppress(OSError, struct.error):
            while True:
                _, incremental = struct.unpack(">BB8x", file.read(10))
                if incremental:
                    continue
                if shade:
                    link.sendall(struct.pack(">BxHHHHHi4B", 0, 1, 0, 0, 1, 1, 0, shade, 0, 0, 0))
                    time.sleep(0.05)
                shade += 1
                link.sendall(struct.pack(">BxH", 0, 2) + size)
                link.sendall(struct.pack(">HHHHi4B", 0, 0, 1, 1, 0, shade, 0, 0, 0))


SCREEN = ["xterm", "-geometry", "80x24+100+80", "-xrm", "XTerm*cursorBlink: false", "-e", "bash --norc --noprofile"]
TYPED = (
    Action("left_click", {"coordinate": [300, 200]}),
    Action("type", {"text": "echo 'Zażółć 12 + 30'"}),
    Action("key", {"text": "Return"}),
    Action("type", {"text": "printf '%s\\n' A b C"}),
    Action("key", {"text": "Return"}),
    Action("scroll", {"coordinate": [300, 200], "scroll_direction": "up", "scroll_amount": 2}),
)


@contextmanager
def terminal(folder: Path) -> Iterator[str]:
    """A server with a terminal on it; yields its address."""
    with tiger(folder) as (address, display):
        environment = os.environ | {"DISPLAY": display, "PS1": "$ ", "HOME": str(folder), "LANG": "C.UTF-8"}
        with subprocess.Popen(SCREEN, env=environment) as window:
            try:
                with closing(RfbClient(address)) as client:
                    settled(lambda: synced(client))
                yield address
            finally:
                window.terminate()


@pytest.mark.desktop
def test_a_run_on_tigervnc_is_reproduced_on_another_server_and_a_change_is_the_environment(
    tmp_path: Path, store: Store
) -> None:
    with terminal(tmp_path) as address, closing(Vnc(address)) as machine, record("type", store=store) as run:
        watched = run.watch(machine)
        for action in TYPED:
            watched.perform(action)
    with terminal(tmp_path) as address, closing(Vnc(address)) as machine:
        report = replay_run(store, run.id, machine, timeout=5)
        assert report.verdict in {Verdict.REPRODUCED, Verdict.COSMETIC}, report.steps
        assert [event.as_list() for event in machine.input_log] == [
            list(event) for step in store.steps(run.id) for event in step.delivered or ()
        ]
    with terminal(tmp_path) as address, closing(Vnc(address)) as machine:
        logged = []

        def plant(index: int, _total: int, _verdict: StepVerdict) -> None:
            logged.append(len(machine.input_log))
            if index == 1:
                with closing(RfbClient(address)) as somebody:  # another hand on the same keyboard
                    before = somebody.picture()
                    somebody.key(ord("!"), down=True)
                    somebody.key(ord("!"), down=False)
                    for _ in range(200):
                        somebody.sync()
                        if not np.array_equal(somebody.picture(), before):
                            break
                        time.sleep(0.02)

        report = replay_run(store, run.id, machine, timeout=3, on_step=plant)
        assert [step.verdict for step in report.steps][:4] == ["reproduced", "reproduced", "diverged", "unreached"]
        assert report.divergence is not None
        assert (report.divergence.a_step, report.divergence.cause) == (2, Cause.ENVIRONMENT)
        assert len(machine.input_log) == logged[1]


# --- QEMU ---------------------------------------------------------------------------------------------------------


@contextmanager
def boot_menu(folder: Path) -> Iterator[str]:
    """A machine without disks in QEMU, whose firmware shows a menu; yields its VNC server's address."""
    port = free_port()
    command = ["qemu-system-x86_64", "-m", "32", "-display", "none", "-net", "none", "-accel", "tcg"]
    command += ["-vnc", f"127.0.0.1:{port - 5900}", "-boot", "menu=on,splash-time=60000"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as server:
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                try:
                    RfbClient(f"127.0.0.1:{port}").close()
                    break
                except MachineError:
                    time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.mark.qemu
@pytest.mark.usefixtures("needs_qemu")
def test_a_run_on_qemus_own_server_is_reproduced_on_another(tmp_path: Path, store: Store) -> None:
    with boot_menu(tmp_path) as address, closing(Vnc(address)) as machine, record("boot", store=store) as run:
        first = settled(lambda: machine.screenshot().pixels, 4)
        watched = run.watch(machine)
        watched.perform(Action("key", {"text": "Escape"}))
        last = settled(lambda: machine.screenshot().pixels, 3)
        assert first.shape != last.shape or (first != last).any()
    assert store.run(run.id).machine is not None
    with boot_menu(tmp_path) as address, closing(Vnc(address)) as machine:
        report = replay_run(store, run.id, machine, timeout=15)
    assert {step.verdict for step in report.steps} <= {"reproduced", "cosmetic"}, report.steps


# --- safe by default ----------------------------------------------------------------------------------------------


def test_a_run_is_not_replayed_on_a_server_that_nobody_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTAGE_CONFIG", str(tmp_path / "footage.toml"))
    specification = {"driver": "vnc", "protocol": 1, "screen": [2, 1], "address": "127.0.0.1:5901"}
    with pytest.raises(UsageError, match="nobody said that this may be acted on") as refused:
        reopen(specification)
    assert "--machine vnc:127.0.0.1:5901" in refused.value.hint


def test_a_machine_of_the_configuration_is_reset_before_it_is_acted_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Scripted()
    config, mark = tmp_path / "footage.toml", tmp_path / "mark"
    monkeypatch.setenv("FOOTAGE_CONFIG", str(config))
    config.write_text(f'[machines.lab]\nmachine = "vnc:{server.address}"\nreset = ["touch", "{mark}"]\n')
    specification = {"driver": "vnc", "protocol": 1, "screen": [2, 1], "address": server.address}
    with closing(reopen(specification)) as machine:
        assert mark.exists()
        assert machine.screenshot().size == (2, 1)
    server.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("machines = 3", "must be a table"),
        ("[machines.lab]\nreset = ['x']", "lacks `machine`"),
        ("[machines", "cannot be read"),
        ('[machines."a:b"]\nmachine = "desktop"', "cannot be called"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    config = tmp_path / "footage.toml"
    monkeypatch.setenv("FOOTAGE_CONFIG", str(config))
    config.write_text(text)
    with pytest.raises(UsageError, match=said):
        open_machine("lab")
