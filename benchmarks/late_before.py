"""
Whether the frame before a call is from before it, for agents that act at once by different clients.

    python benchmarks/late_before.py                                        a few calls by each client
    python benchmarks/late_before.py --client vnc --runs 10 --calls 40      400 calls by one
    python benchmarks/late_before.py --client xdotool raw --busy 4          beside four loops that take the processor

`footage record` records an agent that is told to click, call by call, by a service on loopback. What it clicks is a
window that covers the screen and paints a block of the call's own colour beside each click. So each frame tells which
calls it is from before and after: by the blocks, and by the pointer. `raw` writes X requests to the display's socket
itself, `vnc` speaks RFB to a server of its own (Xtigervnc); the others act by the library or program of their name.

Columns: `before`, calls that have such a frame. `late`: it shows the pointer or the block of its own call. `stale`: it
lacks the block of the call before, though that was painted before the model was asked for this one. `none`: calls
without one; `unsaid`: those of which no gap tells at their step. `after`, `wrong` and `none` are the same of the frames
after: wrong is one that lacks its own pointer, or shows the next call's. Ends with 1 where anything is late, stale,
wrong or unsaid.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/helpers"))

from acting_agent import Display, Remote

CLIENTS = ("xdotool", "pyautogui", "pynput", "raw", "vnc")
LIBRARIES = {"pyautogui": "python3-xlib", "pynput": "python-xlib"}
"""The folders that `scripts/make-environment` keeps them in."""
COLUMNS = ("calls", "before", "late", "stale", "none", "unsaid", "after", "wrong", "none after", "unsaid after")
FAULTS = ("late", "stale", "unsaid", "wrong", "unsaid after")
WIDTH, HEIGHT = 1024, 700
_GROUND = 0x406080
_POINTER = slice(0, 14), slice(0, 9)
"""Rows and columns from a point on, in which the pointer shows that points there."""


def point(call: int) -> tuple[int, int]:
    """Return where a call clicks: far from the calls around it."""
    place = call * 11 % 40
    return 120 + 100 * (place % 8), 120 + 110 * (place // 8)


def colour(call: int) -> tuple[int, int, int]:
    """Return the colour that is painted for a call."""
    return 5 + call % 250, 90, 200 - call // 250


# --- the agent, run by `footage record` ---------------------------------------------------------------------------


class PyAutoGui:
    """Acts by PyAutoGUI."""

    def __init__(self) -> None:
        import pyautogui  # type: ignore[import-untyped,import-not-found,unused-ignore]

        pyautogui.PAUSE = 0
        self._hands: Any = pyautogui

    def click(self, x: int, y: int) -> None:
        self._hands.click(x, y)


class Pynput:
    """Acts by pynput."""

    def __init__(self) -> None:
        from pynput import mouse  # type: ignore[import-untyped,import-not-found,unused-ignore]

        self._hands: Any = mouse.Controller()
        self._left: Any = mouse.Button.left

    def click(self, x: int, y: int) -> None:
        self._hands.position = (x, y)
        self._hands.click(self._left)


class RawX:
    """Acts by a connection of its own to the display: move, press and release in one piece."""

    def __init__(self) -> None:
        number = os.environ["DISPLAY"].rpartition(":")[2].partition(".")[0]
        proof = Path(os.environ["XAUTHORITY"]).read_bytes()[-16:] if "XAUTHORITY" in os.environ else b""
        name = b"MIT-MAGIC-COOKIE-1" if proof else b""
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.connect(f"/tmp/.X11-unix/X{number}")
        head = struct.pack("<BxHHHHxx", 0x6C, 11, 0, len(name), len(proof))
        self._link.sendall(head + name + bytes(-len(name) % 4) + proof)
        self._file = self._link.makefile("rb")
        accepted, length = struct.unpack("<B5xH", self._file.read(8))
        self._file.read(4 * length)
        assert accepted == 1, "the display lets nobody in"
        self._link.sendall(struct.pack("<BxHHxx", 98, 4, 5) + b"XTEST\0\0\0")  # QueryExtension
        self._test = self._file.read(32)[9]

    def click(self, x: int, y: int) -> None:
        acts = ((6, 0, x, y), (4, 1, 0, 0), (5, 1, 0, 0))  # MotionNotify, ButtonPress, ButtonRelease
        fakes = [struct.pack("<BBHBBxxII8xhh8x", self._test, 2, 9, kind, at, 0, 0, *to) for kind, at, *to in acts]
        self._link.sendall(b"".join(fakes) + struct.pack("<BxH", 43, 1))  # GetInputFocus: an answer tells of the end
        self._file.read(32)


HANDS: dict[str, Callable[[], Any]] = {
    "xdotool": Display, "pyautogui": PyAutoGui, "pynput": Pynput, "raw": RawX, "vnc": Remote
}  # fmt: skip


def agent(client: str, delay: float, log: Path) -> None:
    """Carry out what the service says, and note when each call was asked for (monotonic, ns)."""
    window = subprocess.Popen(painting(log), stdout=subprocess.PIPE) if client != "vnc" else None
    if window is not None:
        assert window.stdout is not None
        window.stdout.readline()
    hands = HANDS[client]()
    messages: list[Any] = [{"role": "user", "content": "Click about."}]
    width, height = (WIDTH, HEIGHT) if client == "vnc" else (1280, 800)  # the desktop's
    tool = {"type": "computer_20251124", "name": "computer", "display_width_px": width, "display_height_px": height}
    with (log / "asked").open("w", buffering=1) as asked:
        while True:
            asked.write(f"{time.monotonic_ns()}\n")
            body = json.dumps({"model": "m", "max_tokens": 99, "messages": messages, "tools": [tool]}).encode()
            headers = {"content-type": "application/json", "x-api-key": "none"}
            url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
            with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as response:
                content = json.load(response)["content"]
            calls = [block for block in content if block["type"] == "tool_use"]
            if not calls:
                break
            hands.click(*calls[0]["input"]["coordinate"])
            time.sleep(delay)
            result = {"type": "tool_result", "tool_use_id": calls[0]["id"], "content": "Done."}
            messages += [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
    if window is not None:
        window.terminate()


# --- the window -----------------------------------------------------------------------------------------------------


def painting(log: Path, display: str = "") -> list[str]:
    """Return the command of the window; it writes a line once it is there."""
    return [sys.executable, __file__, "--paint", str(log), display]


def paint(log: Path, name: str) -> None:
    """Cover a display, and paint beside each click; note when that is done (monotonic, ns)."""
    from Xlib import X, display

    shown = display.Display(name or None)
    screen = shown.screen()
    font = shown.open_font("cursor")
    arrow = font.create_glyph_cursor(font, 68, 69, (0, 0, 0), (65535, 65535, 65535))
    size = screen.width_in_pixels, screen.height_in_pixels
    events = X.ButtonPressMask | X.ExposureMask
    made = {"background_pixel": _GROUND, "event_mask": events, "override_redirect": 1, "cursor": arrow}
    window = screen.root.create_window(0, 0, *size, 0, screen.root_depth, **made)
    window.map()
    brush, count, there = window.create_gc(), 0, False
    with (log / "painted").open("w", buffering=1) as painted:
        while True:
            event = shown.next_event()
            if event.type == X.Expose and not there:
                there = True
                print("there", flush=True)
            if event.type == X.ButtonPress:
                red, green, blue = colour(count)
                brush.change(foreground=red << 16 | green << 8 | blue)
                window.fill_rectangle(brush, event.event_x - 9, event.event_y - 9, 8, 8)
                shown.sync()
                painted.write(f"{time.monotonic_ns()}\n")
                count += 1


# --- the recording --------------------------------------------------------------------------------------------------


@contextmanager
def service(calls: int) -> Iterator[str]:
    """Serve a model that asks for so many clicks, one a reply; yields its address."""

    class Model(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            number = sum(message["role"] == "assistant" for message in asked["messages"])
            given = {"action": "left_click", "coordinate": point(number)}
            use = {"type": "tool_use", "id": f"call_{number}", "name": "computer", "input": given}
            said: Any = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m"}
            said |= {"content": [use] if number < calls else [{"type": "text", "text": "Done."}]}
            said |= {"stop_reason": "tool_use" if number < calls else "end_turn", "stop_sequence": None}
            data = json.dumps(said | {"usage": {"input_tokens": 1, "output_tokens": 1}}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def machine(client: str, folder: Path) -> Iterator[str]:
    """Yield the machine that a client acts on; the VNC server is started here, with the window on it."""
    if client != "vnc":
        yield "desktop"
        return
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    there, here = os.pipe()
    command = ["Xtigervnc", "-displayfd", str(here), "-rfbport", str(port), "-localhost", "-depth", "24", "-ac"]
    command += ["-geometry", f"{WIDTH}x{HEIGHT}", "-SecurityTypes", "None"]
    with (folder / "server").open("wb") as log, subprocess.Popen(command, stderr=log, pass_fds=[here]) as server:
        os.close(here)
        try:
            with os.fdopen(there) as told:
                display = f":{told.readline().strip()}"
            with subprocess.Popen(painting(folder, display), stdout=subprocess.PIPE) as window:
                assert window.stdout is not None
                window.stdout.readline()
                try:
                    yield f"vnc:127.0.0.1:{port}"
                finally:
                    window.terminate()
        finally:
            server.terminate()


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Take the processor with so many processes."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def record(client: str, calls: int, delay: float, folder: Path) -> Counter[str]:
    """Record one run and return what was seen of it, by column."""
    store = folder / "runs.db"
    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "XAUTHORITY"}}
    acts = [sys.executable, __file__, "--act", client, str(delay), str(folder)]
    if client in LIBRARIES:
        acts = ["env", f"PYTHONPATH={Path(sys.prefix) / 'clients' / LIBRARIES[client]}", *acts]
    with service(calls) as address, machine(client, folder) as name:
        command = [sys.executable, "-m", "footage", "record", "--store", str(store), "--machine", name, "--", *acts]
        subprocess.run(
            command, env={**environment, "ANTHROPIC_BASE_URL": address}, check=True, stderr=subprocess.DEVNULL
        )
    return judged(store, folder)


# --- the judgement --------------------------------------------------------------------------------------------------


def judged(path: Path, log: Path) -> Counter[str]:
    """Return the counts of a run, by column, and the gaps by their reasons."""
    import numpy as np

    from footage.storage import open_store
    from footage.trajectory import FrameRole

    asked, painted = ([int(line) for line in (log / name).read_text().split()] for name in ("asked", "painted"))
    found: Counter[str] = Counter()
    with open_store(path, readonly=True) as store:
        (run,) = store.runs()
        gaps = store.gaps(run.id)
        found.update(f"gap: {gap.reason}" for gap in gaps)
        for call, step in enumerate(store.steps(run.id)):
            shown = {role: np.asarray(store.pixels(frames[-1].picture)) for role, frames in step.frames.items()}
            said = sum(gap.step == step.index for gap in gaps)
            before, after = shown.get(FrameRole.BEFORE), shown.get(FrameRole.AFTER)
            found["calls"] += 1
            if before is None:
                found["none"] += 1
                found["unsaid"] += not said
            else:
                found["before"] += 1
                found["late"] += points_at(before, call) or has_block(before, call)
                was_painted = 0 < call <= len(painted) and painted[call - 1] < asked[call]
                found["stale"] += was_painted and not has_block(before, call - 1)
            if after is None:
                found["none after"] += 1
                found["unsaid after"] += not said
            else:
                found["after"] += 1
                found["wrong"] += not points_at(after, call) or has_block(after, call + 1)
    return found


def points_at(pixels: Any, call: int) -> bool:
    """Tell whether the pointer is at a call's point on (height, width, 3) RGB."""
    x, y = point(call)
    around = pixels[y:, x:][_POINTER]
    return bool((around != pixels[5, 5]).any())


def has_block(pixels: Any, call: int) -> bool:
    """Tell whether the block of a call is painted on (height, width, 3) RGB."""
    x, y = point(call)
    return tuple(int(value) for value in pixels[y - 5, x - 5]) == colour(call)


def missing(client: str) -> str:
    """Return what a client lacks here; "" where it can be tried."""
    if client in LIBRARIES and not (Path(sys.prefix) / "clients" / LIBRARIES[client] / client).exists():
        return "the library"
    program = {"xdotool": "xdotool", "vnc": "Xtigervnc"}.get(client, "")
    return program if program and shutil.which(program) is None else ""


def tell(client: str, found: Counter[str], seconds: float, loads: Sequence[float]) -> None:
    """Print a line of the table, and under it the gaps of these runs by their reasons."""
    counts = "".join(f"{found[column]:>{max(8, len(column) + 2)}}" for column in COLUMNS)
    print(f"{client:<10}{counts}{seconds:>8.0f}{min(loads):>7.1f}-{max(loads):.1f}", flush=True)
    for reason, count in sorted(found.items()):
        if reason.startswith("gap: "):
            print(f"{'':<10}{count:>8} {reason}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", nargs="+", choices=CLIENTS, default=CLIENTS, metavar="CLIENT", help=f"{CLIENTS}")
    parser.add_argument("--runs", type=int, default=1, help="recordings by each client")
    parser.add_argument("--calls", type=int, default=20, help="clicks in each recording")
    parser.add_argument("--busy", type=int, default=0, help="loops that take the processor meanwhile")
    parser.add_argument("--delay", type=float, default=0.5, help="seconds between a click and the next request")
    chosen = parser.parse_args()
    widths = "".join(f"{column:>{max(8, len(column) + 2)}}" for column in COLUMNS)
    print(f"{'client':<10}{widths}{'seconds':>8}{'load':>9}", flush=True)
    faults = 0
    for client in chosen.client:
        if lacks := missing(client):
            print(f"{client:<10} not tried: {lacks} is not installed", flush=True)
            continue
        found: Counter[str] = Counter()
        begun, loads = time.monotonic(), []
        for _ in range(chosen.runs):
            with tempfile.TemporaryDirectory(prefix="footage-late-") as folder, busy(chosen.busy):
                found += record(client, chosen.calls, chosen.delay, Path(folder))
            loads.append(os.getloadavg()[0])
        tell(client, found, time.monotonic() - begun, loads)
        faults += sum(found[column] for column in FAULTS) + (chosen.runs * chosen.calls - found["calls"])
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--act"]:
        agent(sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
    elif sys.argv[1:2] == ["--paint"]:
        paint(Path(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(main())
