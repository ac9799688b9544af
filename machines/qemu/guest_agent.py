"""
The agent in a guest: runs command lines that come through the serial port, and sends back what they said.

A line holds a number and a command line for the guest's shell; the answer is the number, the exit code, and the
output in base64. Under the record log a port takes a character every 12 ms: faster ones were lost in trials.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import time
from pathlib import Path
from subprocess import CompletedProcess

from footage.errors import MachineError

TIMEOUT = 15.0
PACE = 0.012
"""Seconds between two characters under the record log."""
_LONGEST = 4000


class Agent:
    """The host's end of the serial port."""

    def __init__(self, port: Path, *, pace: float = 0.0) -> None:
        """Connect; `pace` is how many seconds lie between two characters. Raises MachineError."""
        self._pace = pace
        self._number = 0
        self._read = b""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(port))
        except OSError as error:
            self._socket.close()
            raise MachineError(f"The guest's serial port cannot be opened: {error.strerror}.") from error

    def wait_until_ready(self, timeout: float) -> None:
        """Wait for the line that says that the guest's session is up. Raises MachineError after `timeout` s."""
        line = self._line(time.monotonic() + timeout)
        if line != b"ready":
            raise MachineError(f"The guest did not come up: {line.decode('utf-8', 'replace')[:200]}")

    def run(self, command: str, *, timeout: float = TIMEOUT) -> CompletedProcess[bytes]:
        """
        Run a command line in the guest's session and return its exit code and output (stderr among it).

        Raises MachineError for a line break in it, and where no answer comes within `timeout` seconds.
        """
        if "\n" in command or len(command) > _LONGEST:
            raise MachineError(f"A command line for the guest is one line of at most {_LONGEST} characters.")
        self._number += 1
        self._send(f"{self._number} {command}\n".encode())
        deadline = time.monotonic() + timeout
        while True:
            number, code, *output = self._line(deadline).split(b" ", 2)
            if number == b"%d" % self._number:
                said = base64.b64decode(output[0]) if output else b""
                return CompletedProcess(command, int(code), said, b"")

    def close(self) -> None:
        """Let go of the port. Safe to call twice."""
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            if not self._pace:
                self._socket.settimeout(TIMEOUT)
                self._socket.sendall(data)
                return
            for i in range(len(data)):
                self._socket.sendall(data[i : i + 1])
                time.sleep(self._pace)
        except OSError as error:
            raise MachineError(f"The guest's serial port is gone: {error}.") from error

    def _line(self, deadline: float) -> bytes:
        """Return the next line that is an answer, or the greeting."""
        while b"\n" not in self._read:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                piece = self._socket.recv(1 << 16)
            except TimeoutError:
                raise MachineError("The guest's agent did not answer in time.") from None
            except OSError as error:
                raise MachineError(f"The guest's serial port is gone: {error}.") from error
            if not piece:
                raise MachineError("The guest's serial port is gone.")
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line.rstrip(b"\r")

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            self._socket.close()
