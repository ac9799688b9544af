"""The desktop's door: the gate's process, started when somebody asks for it, and what it tells."""

from __future__ import annotations

import array
import contextlib
import json
import mmap
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from footage import errors
from footage.errors import MachineError
from footage.machines.contract import Arrival, Gone, Over
from footage.machines.desktop.display import cookies as authority
from footage.machines.desktop.display import display_numbers as numbers
from footage.machines.desktop.display.framebuffer import Framebuffer
from footage.machines.shared.call_inputs import Asked, Sorted, asked_json
from footage.trajectory import JSON, InputEvent, Instant, Screenshot

if TYPE_CHECKING:
    from footage.machines.desktop.display.xvfb import XServer
    from footage.machines.shared.process_keeper import Keeper

__all__ = ["Gate"]

_PATIENCE = 10.0
"""Seconds that the process gets to start."""
_LARGEST = 1 << 16
_DESCRIPTORS = socket.CMSG_SPACE(4 * array.array("i").itemsize)
_MODULE = "footage.machines.desktop.gate.gate_process"


class Gate:
    """
    A display of its own that leads to the server's. Implements `Door`.

    It ends with the keeper's programs. `number` is that of an earlier gate of this keeper.
    """

    def __init__(self, keeper: Keeper, server: XServer, logs: Path, number: int | None = None) -> None:
        self.number = next(numbers.claim(keeper)) if number is None else number
        self.authority = server.authority
        """What clients prove themselves by: the server's own, for this display's number too."""
        authority.admit(self.authority, [self.number])
        self._control_path = keeper.folder / "gate"
        self._framebuffer = Framebuffer(server.framebuffer)
        self._display = server.display
        self._link: socket.socket | None = None
        self._sending = threading.Lock()
        self._log = logs / "gate"
        root = str(Path(errors.__file__).parent.parent)
        code = f"import sys; sys.path.append({root!r}); from {_MODULE} import main; main(sys.argv[1:])"
        paths = [numbers.socket_of(self.number), server.socket, server.authority, server.framebuffer]
        arguments = [*map(str, paths), str(server.pid), str(self._control_path)]
        with contextlib.suppress(FileNotFoundError):
            self._control_path.unlink()
        keeper.start([sys.executable, "-P", "-c", code, *arguments], log=self._log)

    @property
    def display(self) -> str:
        """The display's name, once it can be connected to. Raises MachineError where it does not come up."""
        out, deadline = Path(f"{self._log}.out"), time.monotonic() + _PATIENCE
        while not (out.exists() and out.read_bytes()):
            if time.monotonic() > deadline:
                said = Path(f"{self._log}.err").read_text("utf-8", "replace").strip()[-300:]
                raise MachineError(f"The gate before the display did not open: {said or 'it says nothing'}")
            time.sleep(0.003)
        return f":{self.number}"

    # --- the door ---

    def listen(self, hear: Callable[[Arrival | Over | Gone], None]) -> None:
        """Have input told from now on."""
        assert self.display  # it is up
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.connect(str(self._control_path))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._link = link
        threading.Thread(target=self._listen, args=(link, hear), name="footage-gate", daemon=True).start()

    def expect(self, calls: Sequence[Asked], since_ns: int) -> None:
        """Take note of calls that the agent is about to learn of."""
        told = [asked_json(call.step, call.action, secret=call.secret) for call in calls]
        self._say({"calls": told, "since": since_ns})

    def answered(self, steps: Sequence[int], since_ns: int) -> None:
        """Take note that the model is told what came of these steps."""
        self._say({"answered": list(steps), "since": since_ns})

    def close(self) -> None:
        """Tell no more. Safe to call twice."""
        link, self._link = self._link, None
        if link is not None:
            with contextlib.suppress(OSError):  # also where the process has ended
                link.shutdown(socket.SHUT_RDWR)

    def _say(self, said: JSON) -> None:
        with self._sending, contextlib.suppress(OSError):
            if self._link is not None:
                self._link.send(json.dumps(said).encode())

    def _listen(self, link: socket.socket, hear: Callable[[Arrival | Over | Gone], None]) -> None:
        with link:
            while True:
                try:
                    data, ancillary, _, _ = link.recvmsg(_LARGEST, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
                except OSError:
                    data, ancillary = b"", []
                if not data:
                    break
                hear(self._arrival(json.loads(data), ancillary))
        if self._link is link:  # nobody closed it: the process has ended
            self.close()
            hear(Gone())

    def _arrival(self, said: JSON, ancillary: list[tuple[int, int, bytes]]) -> Arrival | Over:
        if "answered" in said:
            return Over(tuple(said["answered"]), said["since"], tuple(said["moved"]))
        kind, *values = said["event"]
        event = InputEvent(kind, tuple(values), said["at"])
        shot = None
        for level, what, data in ancillary:
            if (level, what) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                for descriptor in array.array("i", data):
                    shot = self._picture(descriptor, Instant(*said["captured"]))
        return Arrival(
            Sorted(said["number"], event, said["step"], said["begins"], shot is not None), shot, said["lost"]
        )

    def _picture(self, descriptor: int, captured: Instant) -> Screenshot | None:
        try:
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as memory:
                pixels = self._framebuffer.pixels(memory[:])
        except (OSError, ValueError):
            return None
        finally:
            os.close(descriptor)
        return Screenshot(pixels, captured, self._display)
