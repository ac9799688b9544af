"""
What the gate before a desktop's display costs: the display itself beside the way through the gate.

    python benchmarks/gate.py [rounds]

`click` is a move and a click by a client that stays connected, until the server has dealt with it; through the gate
each is a call of its own, whose frame is taken before. `xdotool` is the same by a program of its own. The others are
pictures a second: of a page that scrolls and of a moving picture in Chromium (the one that CHROMIUM names), and of raw
pictures of 640x360 sent as fast as they are taken. The ways take turns, `rounds` times (3 by default); ratios are the
medians of those of the pairs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from footage.machines.desktop.machine import Desktop
from footage.machines.shared.call_inputs import Asked
from footage.trajectory import Action

CLICKS, COMMANDS, SECONDS = 100, 15, 4.0
SCROLLING = """<body style="margin:0;font:16px sans-serif"><script>
for (let n = 0; n < 400; n++) document.write(
  `<p style="background:hsl(${n * 9},60%,80%)">line ${n} of a long page</p>`);
let frames = 0;
function step() { frames++; scrollBy(0, 7); if (scrollY + innerHeight >= document.body.scrollHeight - 9) scrollTo(0, 0);
  requestAnimationFrame(step); }
step();
</script>"""
MOVING = """<body style="margin:0"><canvas id=c width=800 height=450></canvas><script>
const context = c.getContext("2d"); let frames = 0;
function step() { frames++; for (let n = 0; n < 60; n++) {
  context.fillStyle = `hsl(${Math.random() * 360},70%,50%)`;
  context.fillRect(Math.random() * 760, Math.random() * 420, 80, 60); }
  requestAnimationFrame(step); }
step();
</script>"""
CLICKER = """
import sys, time
from Xlib import X, display
from Xlib.ext import xtest
d = display.Display()
d.sync()
for line in sys.stdin:
    n = int(line)
    begun = time.perf_counter()
    xtest.fake_input(d, X.MotionNotify, x=400 + n % 50, y=760)
    xtest.fake_input(d, X.ButtonPress, 3)
    xtest.fake_input(d, X.ButtonRelease, 3)
    d.sync()
    print(1000 * (time.perf_counter() - begun), flush=True)
"""
PAINTER = """
import sys, time
from Xlib import X, display
d = display.Display()
screen = d.screen()
window = screen.root.create_window(0, 0, 640, 360, 0, screen.root_depth, override_redirect=1)
window.map()
gc = window.create_gc()
strips = [bytes([n % 256]) * (640 * 90 * 4) for n in range(8)]
d.sync()
count, end = 0, time.perf_counter() + float(sys.argv[1])
while time.perf_counter() < end:
    for strip in range(4):
        window.put_image(gc, 0, 90 * strip, 640, 90, X.ZPixmap, screen.root_depth, 0, strips[(count + strip) % 8])
    d.sync()
    count += 1
print(count / float(sys.argv[1]))
"""


class Ways:
    """A desktop, and the two ways to its display; calls are expected by number."""

    def __init__(self, desktop: Desktop) -> None:
        self.direct: Mapping[str, str] = os.environ | dict(desktop.environment)
        self.door = desktop.door()
        self.gate: Mapping[str, str] = os.environ | dict(desktop.environment)
        self.frames = 0
        self.door.listen(
            lambda heard: setattr(self, "frames", self.frames + (getattr(heard, "shot", None) is not None))
        )
        self._calls = 0

    def expect(self, x: int, y: int) -> None:
        """Have the next click be a call of its own, the one before over."""
        now = time.monotonic_ns()
        self.door.answered([self._calls], now)
        self._calls += 1
        self.door.expect([Asked(self._calls, Action("right_click", {"coordinate": [x, y]}))], now)


def clicks(ways: Ways, environment: Mapping[str, str]) -> list[float]:
    """Return the milliseconds of clicks."""
    command = [sys.executable, "-c", CLICKER]
    taken = []
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        for number in range(CLICKS):
            ways.expect(400 + number % 50, 760)
            client.stdin.write(f"{number}\n")
            taken.append(float(client.stdout.readline()))
            time.sleep(0.02)
        client.stdin.close()
    return taken


def commands(ways: Ways, environment: Mapping[str, str]) -> list[float]:
    """Return the milliseconds of clicks by xdotool."""
    taken = []
    for number in range(COMMANDS):
        ways.expect(400 + number, 760)
        begun = time.perf_counter()
        subprocess.run(["xdotool", "mousemove", str(400 + number), "760", "click", "3"], env=environment, check=True)
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def painted(environment: Mapping[str, str]) -> float:
    """Return raw pictures a second."""
    command = [sys.executable, "-c", PAINTER, str(SECONDS)]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def browsed(page: str) -> Callable[[Mapping[str, str]], float]:
    """Return what measures the pictures a second of a page."""

    def measured(environment: Mapping[str, str]) -> float:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            found: Any = {"executable_path": path} if (path := os.environ.get("CHROMIUM")) else {}
            browser = playwright.chromium.launch(
                headless=False, env=dict(environment), args=["--no-sandbox", "--window-size=1000,700"], **found
            )
            tab = browser.new_page()
            tab.set_content(page)
            tab.wait_for_timeout(1000)
            first, begun = tab.evaluate("frames"), time.perf_counter()
            tab.wait_for_timeout(1000 * SECONDS)
            rate = (tab.evaluate("frames") - first) / (time.perf_counter() - begun)
            browser.close()
        return float(rate)

    return measured


def tell_delays(name: str, direct: list[float], gate: list[float]) -> None:
    """Print a line of milliseconds."""
    middle = [statistics.median(each) for each in (direct, gate)]
    late = [statistics.quantiles(each, n=100)[98] for each in (direct, gate)]
    print(
        f"{name:<18} direct {middle[0]:7.2f} ms (p99 {late[0]:7.2f})   gate {middle[1]:7.2f} ms (p99 {late[1]:7.2f})"
        f"   more: {middle[1] - middle[0]:+.2f} ms, p99 {late[1] - late[0]:+.2f}   n = {len(direct)} each",
        flush=True,
    )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with Desktop() as desktop:
        ways = Ways(desktop)
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        for name, act in (("click", clicks), ("xdotool", commands)):
            both: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                both[0].extend(act(ways, ways.direct))
                both[1].extend(act(ways, ways.gate))
            tell_delays(name, *both)
        print(f"frames taken: {ways.frames}")
        ways.door.close()
        ways.door.listen(lambda _: None)
        kinds = (
            ("page that scrolls", browsed(SCROLLING)),
            ("moving picture", browsed(MOVING)),
            ("raw, flat out", painted),
        )
        for name, measure in kinds:
            pairs = [(measure(ways.direct), measure(ways.gate)) for _ in range(rounds)]
            direct, gate = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(b / a for a, b in pairs)
            print(
                f"{name:<18} direct {direct:7.1f} a second   gate {gate:7.1f}   {100 * (ratio - 1):+.1f} %", flush=True
            )


if __name__ == "__main__":
    main()
