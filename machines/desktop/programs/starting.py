"""The programs of a session: what is started, where its window stands, and which versions were found."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from footage.errors import UsageError
from footage.machines.desktop.programs.sandbox import HOME
from footage.trajectory import JSON, Region

SMALLEST = (640, 480)
"""The smallest screen the default programs fit on."""
CLOCK = "2026-01-01 12:00:00"
"""What the frozen clock shows by default (UTC)."""
_PACKAGES = ("xvfb", "openbox", "bubblewrap", "libfaketime", "fonts-dejavu-core", "adwaita-icon-theme")
_LIBRARIES = ("libgtk-3-0", "libgtk-3-0t64", "libcairo2", "libpango-1.0-0", "libfreetype6", "libfontconfig1")
_MENU = (("Calculator", "galculator"), ("Editor", "mousepad --disable-server"), ("Terminal", "xterm"))


@dataclass(frozen=True, slots=True)
class Program:
    """A program and the place of its window."""

    command: tuple[str, ...]
    """The command line; `~/` at the start of an argument is the home folder."""
    frame: Region | None = None
    """Where its window's frame stands; None leaves that to the window manager."""

    @property
    def name(self) -> str:
        """The program's name, for messages."""
        return Path(self.command[0]).name

    def as_json(self) -> JSON:
        """Return {"command": […], "frame": [x, y, width, height] or null}."""
        return {"command": [*self.command], "frame": self.frame.as_list() if self.frame else None}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Program:
        """Return the program that `as_json` describes. Raises UsageError for anything else."""
        command, frame = value.get("command"), value.get("frame")
        if not isinstance(command, Sequence) or isinstance(command, str) or not command:
            raise UsageError('A program needs a "command": a list of strings.')
        if frame is not None and (not isinstance(frame, Sequence) or len(frame) != 4):
            raise UsageError('A program\'s "frame" is [x, y, width, height].')
        return cls(tuple(str(part) for part in command), Region(*(int(n) for n in frame)) if frame else None)


def default_programs(screen: tuple[int, int]) -> tuple[Program, ...]:
    """Return calculator and editor side by side, for a screen of that size (width, height)."""
    width, height = screen
    margin, gap = (100, 60) if width >= 1180 else (20, 20)
    tall = min(480, height - 120)
    top = (height - tall) // 2
    calculator = Region(margin, top, 360 if width >= 1180 else 260, tall)
    left = calculator.right + gap
    editor = Region(left, top, width - margin - left, tall)
    return (
        Program(("galculator",), calculator),
        Program(("mousepad", "--disable-server", "~/notes.txt"), editor),
    )


def menu() -> list[tuple[str, str]]:
    """Return the desktop's menu: (label, command line) of those programs that are installed."""
    return [(label, command) for label, command in _MENU if shutil.which(command.split()[0])]


def versions(programs: Sequence[Program]) -> dict[str, str]:
    """Return the versions of the Debian packages that make the screen, by name; empty on another system."""
    if shutil.which("dpkg-query") is None:
        return {}
    names = [*_PACKAGES, *_LIBRARIES, *dict.fromkeys(program.name for program in programs)]
    query = ["dpkg-query", "--show", "--showformat", "${binary:Package} ${Version}\n", *names]
    told = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    pairs = (line.split(" ", 1) for line in told.splitlines())
    return {name.partition(":")[0]: version for name, version in pairs if version}


def time_library() -> Path | None:
    """Return libfaketime's library for programs with threads, or None where it is not installed."""
    for pattern in ("lib/*/faketime/libfaketimeMT.so.1", "lib*/faketime/libfaketimeMT.so.1"):
        for found in sorted(Path("/usr").glob(pattern)):
            return found
    return None


def variables(display: str, home: str, authority: str, clock: str | None) -> dict[str, str]:
    """Return the environment of the session's programs."""
    found = {
        "DISPLAY": display,
        "XAUTHORITY": authority,
        "HOME": home,
        "USER": "user",
        "LOGNAME": "user",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/games",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "XCURSOR_THEME": "Adwaita",
        "XCURSOR_SIZE": "24",
        "GDK_BACKEND": "x11",
        "GTK_OVERLAY_SCROLLING": "0",
        "GTK_IM_MODULE": "gtk-im-context-simple",
        "GSETTINGS_BACKEND": "keyfile",
        "GIO_USE_VFS": "local",
        "GIO_USE_VOLUME_MONITOR": "unix",
        # No session bus, and no waiting for one: programs are told so at once.
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "NO_AT_BRIDGE": "1",
    }
    if clock is not None:
        found |= {"LD_PRELOAD": str(time_library()), "FAKETIME": clock}
        # The monotonic clock runs on: programs time their redraws by it.
        found |= {"DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return found


def in_home(argument: str, home: str = HOME) -> str:
    """Return a command line's argument with a leading `~/` replaced by the home folder."""
    return f"{home}{argument[1:]}" if argument.startswith("~/") else argument
