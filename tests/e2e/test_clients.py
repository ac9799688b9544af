"""Every X client opens the desktop's display, acts and looks: the ones that agents use, as they are published."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from footage.machines.desktop.display.cookies import admit
from footage.machines.desktop.programs import home

pytestmark = pytest.mark.desktop

TESTS = Path(__file__).parent
CLIENTS = Path(sys.prefix) / "clients"
"""Made by `scripts/make-environment`."""
CLICK_AND_KEY = [1, 800, 600, "f"]
SEEN = f"1280x800 {home.WALLPAPER}"


def package(name: str, folder: str) -> Callable[[], bool]:
    return lambda: bool(list((CLIENTS / folder).glob(f"{name}-*.dist-info"))) and scrot_for(name)


def scrot_for(name: str) -> bool:
    return name != "pyautogui" or (
        shutil.which("scrot") is not None and importlib.util.find_spec("tkinter") is not None
    )


def program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def module(name: str) -> Callable[[], bool]:
    """Whether Debian's Python has a module."""
    found = ["/usr/bin/python3", "-c", f"import {name}"]
    return lambda: Path(found[0]).exists() and subprocess.run(found, capture_output=True, check=False).returncode == 0


def windows_of_java() -> bool:
    java = shutil.which("java")
    return java is not None and (Path(java).resolve().parent.parent / "lib" / "libawt_xawt.so").exists()


EXPECTED: dict[str, tuple[Callable[[], bool], str, list[Any]]] = {
    "python3-Xlib": (package("python3_xlib", "python3-xlib"), f"0.15 {SEEN}", CLICK_AND_KEY),
    "python-xlib": (package("python_xlib", "python-xlib"), f"0.33 {SEEN}", CLICK_AND_KEY),
    "pyautogui": (package("pyautogui", "python3-xlib"), SEEN, CLICK_AND_KEY),
    "pynput": (package("pynput", "python-xlib"), "left 800,600\nf", CLICK_AND_KEY),
    "xdotool": (program("xdotool"), "1280 800", CLICK_AND_KEY),
    "mss": (package("mss", "python-xlib"), SEEN, []),
    "scrot": (program("scrot"), SEEN, []),
    "wmctrl": (program("wmctrl"), "1280x800", []),
    "tk": (lambda: importlib.util.find_spec("tkinter") is not None, "tk heard 1280x800", []),
    "gtk": (module("gi"), f"gtk heard {SEEN}", []),
    "qt": (module("PyQt5.QtWidgets"), f"qt heard {SEEN}", []),
    "chromium": (program("chromium"), "chromium heard 1280x800", []),
    "java": (windows_of_java, f"java heard {SEEN}", []),
}
"""By client: whether it is installed, what it says of the screen, and what arrives of what it does."""
THERE = {name for name, (is_there, _, _) in EXPECTED.items() if is_there()}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Record one command that tries all clients, and return what came of each."""
    folder = tmp_path_factory.mktemp("clients")
    command = ["record", "--store", str(folder / "runs.db"), "--machine", "desktop", "--", sys.executable]
    command += [str(TESTS / "clients/each_in_turn.py"), str(folder / "found.json"), str(CLIENTS), *sorted(THERE)]
    kept = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "XAUTHORITY", "PYTHONPATH"}}
    # As in a session of Wayland: clients must not look for that one.
    kept |= {"XDG_SESSION_TYPE": "wayland", "WAYLAND_DISPLAY": "wayland-0"}
    done = subprocess.run(
        [sys.executable, "-m", "footage", *command], env=kept, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads((folder / "found.json").read_text("utf-8")))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_command_opens_the_display_acts_and_looks_with(name: str, found: dict[str, Any]) -> None:
    if name not in THERE:
        missing = f"what the client {name} takes is not installed: scripts/install-system-packages, make-environment"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    _, said, heard = EXPECTED[name]
    assert "failed" not in found[name], found[name]["failed"]
    assert said in found[name]["said"]
    assert found[name]["heard"] == heard


def entries(path: Path) -> list[tuple[bytes, bytes, bytes]]:
    """Return address, display number and cookie of each entry of an authority file."""
    raw, at, found = path.read_bytes(), 0, []
    while at < len(raw):
        at += 2
        parts = []
        for _ in range(4):
            size = int.from_bytes(raw[at : at + 2], "big")
            parts.append(raw[at + 2 : at + 2 + size])
            at += 2 + size
        found.append((parts[0], parts[1], parts[3]))
    return found


def test_an_authority_admits_to_any_number_of_displays_with_one_cookie(tmp_path: Path) -> None:
    path = tmp_path / "Xauthority"
    admit(path, [7, 8])
    first = entries(path)
    admit(path, [9, 8])
    assert path.stat().st_mode & 0o777 == 0o600
    later = entries(path)
    assert later[: len(first)] == first
    assert {number for _, number, _ in first} == {b"", b"7", b"8"}
    assert {number for _, number, _ in later} == {b"", b"7", b"8", b"9"}
    assert len(later) == len(set(later)) == 8
    assert len({cookie for _, _, cookie in later}) == 1
    assert all(len(cookie) == 16 for _, _, cookie in later)


LOSES_ITS_SERVER = """
import os, re, subprocess, sys, Xlib
from footage.errors import MachineError
from footage.machines.opening import open_machine
from footage.trajectory import Action

with open_machine("desktop", programs=[]) as machine:
    print(Xlib.__version_string__)
    machine.perform(Action("left_click", {"coordinate": [800, 600]}))
    machine.perform(Action("type", {"text": "Zażółć €5 😀"}))
    machine.screenshot()
    first = machine.environment["DISPLAY"]
    (server,) = (
        int(pid) for pid in os.listdir("/proc") if pid.isdigit()
        and open(f"/proc/{pid}/cmdline", "rb").read().startswith(f"Xvfb\\0{first}\\0".encode())
    )
    os.kill(server, 9)
    for _ in range(3):
        try:
            machine.perform(Action("left_click", {"coordinate": [800, 600]}))
        except MachineError as error:
            print(error.message)
    machine.reset()
    machine.perform(Action("left_click", {"coordinate": [800, 600]}))
"""


def test_the_desktop_works_where_python3_xlib_lies_in_the_place_of_python_xlib() -> None:
    if "python3-Xlib" not in THERE:
        pytest.skip("python3-Xlib is not there: run scripts/make-environment")
    instead = os.environ | {"PYTHONPATH": str(CLIENTS / "python3-xlib")}
    done = subprocess.run(
        [sys.executable, "-c", LOSES_ITS_SERVER], env=instead, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["0.15", *["The X server is gone."] * 3]
    doctor = subprocess.run(
        [sys.executable, "-m", "footage", "doctor"], env=instead, capture_output=True, text=True, check=False
    )
    assert re.search(r"✓ python-xlib +python3-Xlib 0\.15 lies in its place", doctor.stdout)
