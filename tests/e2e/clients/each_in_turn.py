"""
A recorded command that tries X clients one after another, with the environment that it was started with.

    python each_in_turn.py RESULTS CLIENTS CLIENT…

CLIENTS is the folder with the clients from PyPI. Actors click at a point and strike a key; a window of this program
tells what arrived. Others show a window, get a click and a key, and say so in its title. RESULTS gets, as JSON and by
client: what it said, and what the window was told.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from Xlib import X, display, error

HERE = Path(__file__).parent
POINT = 800, 600
PATIENCE = 60.0
CHROMIUM = ("chromium", "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage")


class Witness:
    """A window that keeps the clicks and keys it is told of."""

    def __init__(self) -> None:
        self._display = display.Display()
        screen = self._display.screen()
        masks = X.KeyPressMask | X.ButtonPressMask | X.ExposureMask
        x, y = POINT[0] - 100, POINT[1] - 50
        self._window = screen.root.create_window(
            x, y, 200, 100, 0, screen.root_depth, background_pixel=0xFF0000, override_redirect=True, event_mask=masks
        )
        self._window.map()
        self._next()  # it is exposed

    def listen(self) -> None:
        """Be in front, with the keyboard's focus, and forget what came before."""
        self._window.configure(stack_mode=X.Above)
        self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()
        while self._display.pending_events():
            self._display.next_event()

    def heard(self) -> list[Any]:
        """Return the button's number and place, and the key's character, when both have come."""
        seen: dict[int, list[Any]] = {}
        while len(seen) < 2:
            event = self._next()
            if event.type == X.ButtonPress:
                seen[event.type] = [event.detail, event.root_x, event.root_y]
            elif event.type == X.KeyPress:
                symbol = self._display.keycode_to_keysym(event.detail, 0)
                seen[event.type] = [self._display.lookup_string(symbol)]
        return [*seen[X.ButtonPress], *seen[X.KeyPress]]

    def titled(self, beginning: str) -> tuple[int, str]:
        """Return id and title of the managed window whose title begins so, once there is one."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for window, title in self._titles():
                if title.startswith(beginning):
                    return window, title
            time.sleep(0.05)
        raise TimeoutError(f"no window named {beginning!r} showed")

    def _titles(self) -> Iterator[tuple[int, str]]:
        name, of = self._display.intern_atom("_NET_WM_NAME"), self._display.intern_atom("_NET_CLIENT_LIST")
        listed = self._display.screen().root.get_full_property(of, X.AnyPropertyType)
        for window in listed.value if listed else ():
            with suppress(error.XError):  # it has just gone
                found = self._display.create_resource_object("window", window).get_full_property(name, 0)
                yield window, found.value.decode() if found else ""

    def _next(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not self._display.pending_events():
            if not select.select([self._display], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the window was told of nothing")
        return self._display.next_event()


def python(script: str, packages: Path | None = None, interpreter: str = sys.executable) -> tuple[list[str], str]:
    return [interpreter, str(HERE / script)], str(packages or "")


def commands(clients: Path) -> dict[str, tuple[list[str], str]]:
    """Return each client's command, and the folder of its packages."""
    old, new = clients / "python3-xlib", clients / "python-xlib"
    x, y = map(str, POINT)
    return {
        "python3-Xlib": python("xlib_actor.py", old),
        "python-xlib": python("xlib_actor.py", new),
        "pyautogui": python("pyautogui_actor.py", old),
        "pynput": python("pynput_actor.py", new),
        "xdotool": (["xdotool", "getdisplaygeometry", "mousemove", x, y, "click", "1", "key", "f"], ""),
        "mss": python("mss_looker.py", new),
        "scrot": (["sh", str(HERE / "scrot_looker.sh"), sys.executable], ""),
        "wmctrl": (["wmctrl", "-d"], ""),
        "tk": python("tk_window.py"),
        "gtk": python("gtk_window.py", interpreter="/usr/bin/python3"),
        "qt": python("qt_window.py", interpreter="/usr/bin/python3"),
        "chromium": ([*CHROMIUM, f"--app=file://{HERE}/page.html"], ""),
        "java": (["java", str(HERE / "Window.java")], ""),
    }


ACTORS = ("python3-Xlib", "python-xlib", "pyautogui", "pynput", "xdotool")
WINDOWS = ("tk", "gtk", "qt", "chromium", "java")


def tried(name: str, command: list[str], environment: dict[str, str], witness: Witness) -> dict[str, Any]:
    if name in WINDOWS:
        return shown(name, command, environment, witness)
    if name in ACTORS:
        witness.listen()
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        return {"failed": done.stdout + done.stderr}
    return {"said": done.stdout.strip(), "heard": witness.heard() if name in ACTORS else []}


def shown(name: str, command: list[str], environment: dict[str, str], witness: Witness) -> dict[str, Any]:
    """Start a program with a window, click on it and strike a key, and return the title that it has then."""
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as output:
        # Chromium would find the browser of the user, who may run one, and hand its page over.
        arguments = [f"--user-data-dir={home}"] if name == "chromium" else []
        program = subprocess.Popen([*command, *arguments], env=environment, stdout=output, stderr=output)
        try:
            window, _ = witness.titled(f"{name} waits")
            xdotool("windowactivate", "--sync", str(window), "mousemove", "--window", str(window), "60", "60")
            xdotool("click", "1", "key", "f")  # by itself: beside a window's number, they would be sent past XTEST
            return {"said": witness.titled(f"{name} heard")[1], "heard": []}
        except TimeoutError as problem:
            output.seek(0)
            return {"failed": f"{problem}\n{output.read()}"}
        finally:
            program.terminate()
            program.wait(PATIENCE)


def xdotool(*words: str) -> None:
    subprocess.run(["xdotool", *words], check=True, timeout=PATIENCE)


def main() -> None:
    results, clients, *names = sys.argv[1:]
    witness = Witness()
    found = {}
    for name in names:
        command, packages = commands(Path(clients))[name]
        environment = dict(os.environ) | ({"PYTHONPATH": packages} if packages else {})
        begun = time.monotonic()
        try:
            found[name] = tried(name, command, environment, witness)
        except (OSError, TimeoutError, subprocess.SubprocessError) as problem:
            found[name] = {"failed": repr(problem)}
        found[name]["seconds"] = round(time.monotonic() - begun, 2)
    Path(results).write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
