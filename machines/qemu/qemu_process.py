"""
One QEMU process: started from a list of arguments, watched, looked at, and ended by its process id.

It is a child of a small supervisor (see desktop/keeper.py), so that it ends with footage however footage ends, and
with whichever thread started it. Its sockets, output and pictures lie in folders that vanish with it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from footage.errors import MachineError, MissingProgram
from footage.machines.qemu.qmp import TIMEOUT, Qmp
from footage.machines.shared.process_keeper import Keeper

if TYPE_CHECKING:
    from footage.trajectory import Pixels

START = 20.0
"""Seconds QEMU gets until it answers."""
PROMPT = "key-delay-ms=0"
"""An option of QEMU's VNC server: it gives keys to the guest at once, where it would queue them behind all else."""
_HARMLESS = "VNC server running on"  # said on stderr, and no reason why it ended


class Process:
    """A running QEMU."""

    def __init__(self, arguments: Sequence[str], *, start: float = START, display: bool = False) -> None:
        """
        Start QEMU and connect to its monitor within `start` seconds.

        `arguments` is the whole command line, its first being the program; the sockets of monitor and first serial
        port are added here, with `display` that of a VNC server too. Raises MissingProgram, CannotDo or MachineError
        (with what QEMU said on stderr).
        """
        self._keeper = Keeper("qemu")
        self._end = weakref.finalize(self, self._keeper.stop)
        self.folder = self._keeper.folder
        """For whatever belongs to this process; vanishes with it. Short enough for sockets."""
        self.serial = self.folder / "serial"
        """Unix socket of the guest's first serial port."""
        self.display = self.folder / "vnc"
        """Unix socket of its VNC server, where it has one."""
        self.arguments = (
            *arguments,
            *("-serial", f"unix:{self.serial},server=on,wait=off"),
            *("-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off"),
            *(("-vnc", f"unix:{self.display},{PROMPT}") if display else ()),
        )
        self._numbers = itertools.count()
        try:
            self.pid = self._start()
            self._watch = os.pidfd_open(self.pid)
            weakref.finalize(self, os.close, self._watch)
            self.qmp = Qmp(self.folder / "qmp", stuck=self.kill, gone=self._why_gone, timeout=start)
            weakref.finalize(self, self.qmp.close)
        except BaseException:
            self._end()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return not select.select([self._watch], [], [], 0)[0]

    @property
    def stderr(self) -> str:
        """What QEMU has said on its standard error, its last 2,000 characters."""
        try:
            return (self.folder / "qemu.err").read_text("utf-8", "replace").strip()[-2000:]
        except OSError:
            return ""

    def screendump(self, *, timeout: float = TIMEOUT) -> Pixels:
        """Return the screen as it is now, running or stopped. Raises MachineError where QEMU does not give it."""
        target = self._keeper.memory / f"screen-{next(self._numbers)}"
        self.qmp.execute("screendump", {"filename": str(target), "format": "ppm"}, timeout=timeout)
        try:
            return read_ppm(target.read_bytes())
        finally:
            target.unlink(missing_ok=True)

    def hmp(self, line: str, *, timeout: float = TIMEOUT) -> str:
        """Carry out a line of the human monitor and return what it says."""
        return self.qmp.hmp(line, timeout=timeout)

    def execute(self, command: str, arguments: dict[str, Any] | None = None, *, timeout: float = TIMEOUT) -> Any:
        """Carry out a QMP command and return its answer; see `Qmp.execute`."""
        return self.qmp.execute(command, arguments, timeout=timeout)

    def wait(self, timeout: float) -> bool:
        """Wait until the process has ended; False if it has not within `timeout` seconds."""
        return bool(select.select([self._watch], [], [], timeout)[0])

    def quit(self, timeout: float = TIMEOUT) -> bool:
        """Have QEMU end by itself, its files written out; False where it had to be killed."""
        if self.alive:
            with contextlib.suppress(MachineError):  # it may be gone before it has answered
                self.execute("quit", timeout=timeout)
            if not self.wait(timeout):
                self.kill()
                return False
        return True

    def kill(self) -> None:
        """End the process at once (SIGKILL)."""
        if self.alive:
            signal.pidfd_send_signal(self._watch, signal.SIGKILL)
            self.wait(TIMEOUT)

    def close(self) -> None:
        """End the process and remove its folders. Safe to call twice."""
        if self._end.alive:
            self.kill()
            self.qmp.close()
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> int:
        import shutil

        if shutil.which(self.arguments[0]) is None:
            raise MissingProgram(
                f"{self.arguments[0]} is not installed.",
                hint="apt-get install qemu-system-x86 (in a checkout: scripts/install-system-packages)",
            )
        return self._keeper.start(self.arguments, log=self.folder / "qemu")

    def _why_gone(self) -> str:
        if self.alive:
            return ""
        lines = [line for line in self.stderr.splitlines() if not line.startswith(_HARMLESS)]
        return lines[-1] if lines else "it ended without a word."


def read_ppm(data: bytes) -> Pixels:
    """Return the pixels of a binary PPM picture, its size read from its own header. Raises MachineError."""
    import re

    import numpy as np

    header = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data)
    if header is not None:
        width, height = (int(number) for number in header.groups())
        if len(data) - header.end() == 3 * width * height:
            return np.frombuffer(data, np.uint8, offset=header.end()).reshape(height, width, 3).copy()
    raise MachineError("QEMU gave a picture that cannot be read.")
