"""
A private X server: a display of its own in memory, which only holders of its cookie can open.

The screen lies in a file (`-fbdir`), so a screenshot is a copy of memory. Shared-memory requests of clients are
switched off: programs in a sandbox number their segments for themselves, and the server would look up those numbers
in a list that is not theirs. Keys are repeated by the machine, not by the server's clock (see keyboard.py).
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import struct
import time
from pathlib import Path

from footage.errors import MissingProgram, NoDisplay
from footage.replay.machines.desktop.keeper import Keeper

PATIENCE = 10.0
"""Seconds the server gets to start."""
_NEVER = "65535"
"""Milliseconds before the server itself would repeat a held key: as late as it can be told."""
_FAMILY_LOCAL, _FAMILY_WILD = 256, 65535


class XServer:
    """A running Xvfb, ended with its keeper."""

    def __init__(self, keeper: Keeper, screen: tuple[int, int], number: int | None = None) -> None:
        """Start the server on a free display, or on `number`. Raises MissingProgram or NoDisplay."""
        if shutil.which("Xvfb") is None:
            raise MissingProgram("Xvfb is not installed.", hint="apt-get install xvfb, or: make setup")
        self.authority = keeper.folder / "Xauthority"
        _write_authority(self.authority)
        self._keeper = keeper
        self.pid = keeper.start(self._command(screen, number), name="Xvfb")
        self.number = self._wait()
        self.framebuffer = keeper.memory / "Xvfb_screen0"
        """The file that holds the screen, in XWD form."""

    @property
    def display(self) -> str:
        """The display's name, such as ":7"."""
        return f":{self.number}"

    @property
    def socket(self) -> Path:
        """The socket that clients connect to."""
        return Path(f"/tmp/.X11-unix/X{self.number}")  # noqa: S108 - where every X server has it

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return _running(self.pid)

    def _command(self, screen: tuple[int, int], number: int | None) -> list[str]:
        width, height = screen
        command = ["Xvfb"] if number is None else ["Xvfb", f":{number}"]
        # -terminate: the last client gone means nobody is left who could want the display.
        command += ["-displayfd", "1", "-screen", "0", f"{width}x{height}x24", "-dpi", "96", "-br"]
        command += ["-auth", str(self.authority), "-fbdir", str(self._keeper.memory), "-terminate"]
        command += [
            "-nolisten",
            "tcp",
            "-nolisten",
            "local",
            "-s",
            "0",
            "-ardelay",
            _NEVER,
            "-arinterval",
            _NEVER,
        ]
        return [*command, "-extension", "MIT-SHM", "-extension", "GLX"]

    def _wait(self) -> int:
        """Return the display number once the server has told it: it then takes connections."""
        told = self._keeper.log("Xvfb", "out")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            line = told.read_text("ascii") if told.exists() else ""
            if line.endswith("\n"):
                return int(line)
            if not self.alive:
                break
            time.sleep(0.003)
        reason = self._keeper.said("Xvfb") or f"it did not answer within {PATIENCE:.0f} s"
        raise NoDisplay(f"No X display could be started: {reason}.", hint="Try: footage doctor")


def _running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def _write_authority(path: Path) -> None:
    """
    Write a fresh cookie for any display, in the form of libXau.

    Two entries with the same cookie: one for whatever host name a client sees (in a sandbox it is another), and one
    for ours, since python-xlib does not know the first kind.
    """
    cookie = secrets.token_bytes(16)
    entries = b""
    for family, address in ((_FAMILY_WILD, b""), (_FAMILY_LOCAL, socket.gethostname().encode())):
        entries += struct.pack(">H", family)
        for part in (address, b"", b"MIT-MAGIC-COOKIE-1", cookie):
            entries += struct.pack(">H", len(part)) + part
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(entries)
