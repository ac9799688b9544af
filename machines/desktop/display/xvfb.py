"""
A private X server: a display of its own in memory, which only holders of its cookie can open.

The screen lies in a file (`-fbdir`), so a screenshot is a copy of memory. Shared-memory requests of clients are
switched off: programs in a sandbox number their segments for themselves, and the server would look up those numbers
in a list that is not theirs. Keys are repeated by the machine, not by the server's clock (see keyboard.py).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from footage.errors import MissingProgram, NoDisplay
from footage.machines.desktop.display import cookies as authority
from footage.machines.desktop.display import display_numbers as numbers
from footage.machines.shared.process_keeper import Keeper

PATIENCE = 10.0
"""Seconds the server gets to start."""
_NEVER = "65535"
"""Milliseconds before the server itself would repeat a held key: as late as it can be told."""


class XServer:
    """A running Xvfb, ended with its keeper's programs."""

    def __init__(self, keeper: Keeper, screen: tuple[int, int], logs: Path, number: int | None = None) -> None:
        """
        Start the server on a free display, or on the `number` of an earlier server of this keeper.

        Its output goes to the folder `logs`; a keeper's servers have the same cookie. Raises MissingProgram or
        NoDisplay.
        """
        if shutil.which("Xvfb") is None:
            raise MissingProgram(
                "Xvfb is not installed.", hint="apt-get install xvfb (in a checkout: scripts/install-system-packages)"
            )
        self.authority = keeper.folder / "Xauthority"
        self._keeper = keeper
        self._logs = logs
        self._screen = screen
        self.number = self._start(numbers.claim(keeper) if number is None else iter([number]))
        self.framebuffer = keeper.memory / "Xvfb_screen0"
        """The file that holds the screen, in XWD form."""

    @property
    def display(self) -> str:
        """The display's name, such as ":7"."""
        return f":{self.number}"

    @property
    def socket(self) -> Path:
        """The socket that clients connect to."""
        return numbers.socket_of(self.number)

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return _running(self.pid)

    def _start(self, candidates: Iterator[int]) -> int:
        """Start the server on the first of these display numbers that it can have, and return that."""
        number = 0
        for number in candidates:
            authority.admit(self.authority, [number])
            self.pid = self._keeper.start(self._command(number), log=self._logs / f"Xvfb-{number}")
            if self._wait(number):
                return number
        reason = _last_lines(self._logs / f"Xvfb-{number}.err") or f"it did not answer within {PATIENCE:.0f} s"
        raise NoDisplay(
            f"No X display could be started: {reason}.",
            hint="`Xvfb :99` by itself shows whether an X server can run here.",
        )

    def _command(self, number: int) -> list[str]:
        width, height = self._screen
        # -terminate: the last client gone means nobody is left who could want the display.
        command = ["Xvfb", f":{number}", "-displayfd", "1", "-screen", "0", f"{width}x{height}x24", "-dpi", "96"]
        command += ["-auth", str(self.authority), "-fbdir", str(self._keeper.memory), "-terminate", "-br"]
        command += ["-nolisten", "tcp", "-s", "0", "-ardelay", _NEVER, "-arinterval", _NEVER]
        return [*command, "-extension", "MIT-SHM", "-extension", "GLX"]

    def _wait(self, number: int) -> bool:
        """Return whether the server came up: it then tells its number, and takes connections."""
        told = self._logs / f"Xvfb-{number}.out"
        deadline = time.monotonic() + PATIENCE
        while self.alive and time.monotonic() < deadline:
            if told.exists() and told.read_bytes().endswith(b"\n"):
                return True
            time.sleep(0.003)
        return False


def _last_lines(log: Path) -> str:
    """Return the end of a log on one line, for an error message."""
    lines = log.read_text("utf-8", "replace").split("\n") if log.exists() else []
    return " / ".join(line.strip() for line in lines if line.strip())[-300:]


def _running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
