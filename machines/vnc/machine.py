"""The vnc machine: whatever stands behind an RFB server, with the hands and eyes to work with it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from footage.errors import FootageError, MachineError, UsageError
from footage.machines.configuration import configuration_path, resettable
from footage.machines.contract import MACHINE_PROTOCOL, Availability
from footage.machines.rfb.rfb_client import RfbClient
from footage.machines.rfb.rfb_connection import split_address
from footage.machines.shared.input_log import InputLog
from footage.machines.vnc.vnc_hands import Hands, VncScreen
from footage.trajectory import JSON

if TYPE_CHECKING:
    from footage.machines.rfb.rfb_door import VncDoor
    from footage.machines.rfb.rfb_gate import Gate
    from footage.trajectory import Action, InputEvent, Performed, Screenshot

__all__ = ["PASSWORD", "Vnc"]

PASSWORD = "FOOTAGE_VNC_PASSWORD"  # noqa: S105 - the name of a variable, not a password
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_LOOK = 1.0
"""Seconds that a server gets to show its screen, also while input is held for it."""
_RESET_PATIENCE = 120.0
"""Seconds that a reset command may take."""
_BACK_PATIENCE = 60.0
"""Seconds after it in which the server must be there again."""


class Vnc:
    """
    A screen, a keyboard and a pointer by way of an RFB server. Implements `Machine`.

    footage neither started what stands behind it nor ends it; it brings it to its first state only where the
    configuration names a command for that.
    """

    def __init__(
        self,
        address: str = "",
        *,
        password_env: str = PASSWORD,
        password_file: str = "",
        reset: Sequence[str] = (),
        compressed: bool | None = None,
    ) -> None:
        """
        Connect to `host:port`; with a `reset` command, run that first.

        The password is read from the variable `password_env`, or from the first line of `password_file`, each time it
        is needed, and kept nowhere. `compressed` asks for ZRLE; by default where the server is on another computer.

        Raises UsageError (address, password), MachineError (no server there, or its reset command failed).
        """
        if isinstance(reset, str) or not all(isinstance(word, str) for word in reset):
            raise UsageError("`reset` must be a list of words: a command.", hint='reset = ["virsh", "start", "lab"]')
        host, _ = split_address(address)
        self._address = address
        self._password_env, self._password_file = password_env, password_file
        self._reset = list(reset)
        self._compressed = host not in _LOCAL if compressed is None else compressed
        self._log = InputLog()
        self._client: RfbClient | None = None
        self._gate: Gate | None = None
        if self._reset:
            self._run_reset()
        self._open()

    @classmethod
    def from_specification(cls, specification: Mapping[str, Any]) -> Vnc:
        """
        Connect to the same server again, where the configuration says how it is reset.

        Raises UsageError where it does not: replay acts on a machine only if somebody named it.
        """
        address = str(specification.get("address", ""))
        name = resettable(f"vnc:{address}")
        if name is None:
            raise UsageError(
                f"The run was recorded on vnc:{address}, and nobody said that this may be acted on again.",
                hint=f"Name it: --machine vnc:{address}. Or give it a reset command in {configuration_path()}.",
            )
        from footage.machines.opening import open_machine

        machine = open_machine(name)
        assert isinstance(machine, cls)  # a name with a driver of its own is another machine
        return machine

    @classmethod
    def availability(cls, which: str = "") -> Availability:
        """Tell what it takes: whether a server answers is not tried."""
        return Availability(ready=True, detail=f"whatever answers at vnc:{which or 'HOST:PORT'}")

    # --- what it is ---

    @property
    def specification(self) -> JSON:
        """Where it is, and what the server says of itself; never a password."""
        client = self._running()
        return {
            "driver": "vnc",
            "protocol": MACHINE_PROTOCOL,
            "screen": [*client.size],
            "address": self._address,
            "name": client.welcome.name,
            "version": client.welcome.version,
        }

    @property
    def capabilities(self) -> frozenset[str]:
        """The canonical actions."""
        return frozenset(self._hands.actions)

    @property
    def input_log(self) -> Sequence[InputEvent]:
        """Every input event sent since it was connected or reset, oldest first."""
        return tuple(self._log.events)

    @property
    def environment(self) -> Mapping[str, str]:
        """
        `FOOTAGE_VNC`: the address. The password is where it was before.

        Once its door was asked for, the address is that of the door, which asks for the same password.
        """
        return {"FOOTAGE_VNC": self._gate.address if self._gate is not None else self._address}

    # --- working with it ---

    def screenshot(self) -> Screenshot:
        """Return the whole screen as it is now, the pointer drawn in where the server leaves that to its clients."""
        self._running()
        return self._screen.take()

    def eye(self) -> VncEye:
        """Return a second way to look at the screen, for another thread."""
        return VncEye(self._running(), self._screen)

    def door(self) -> VncDoor:
        """Return where the input of other processes passes; it has an address of its own, until `close`."""
        client = self._running()
        if self._gate is None:
            from footage.machines.rfb.rfb_door import VncDoor
            from footage.machines.rfb.rfb_gate import Gate

            self._door = VncDoor(lambda: self._screen.seen(_LOOK))
            password = self._password() if client.welcome.secured else None
            # Input goes the way on which the screen is asked for: so a picture is from after what was given before it.
            self._gate = Gate(
                self._address, lambda act: act(), None, give=client.give, door=self._door, password=password
            )
        return self._door

    def perform(self, action: Action) -> Performed:
        """
        Carry out one action and return once the server has been told of its input; its effect may show later.

        Raises UnsupportedAction for what it has no action for, MachineError for arguments that make no sense.
        """
        self._running()
        return self._hands.perform(action)

    def clock(self) -> float:
        """Return seconds since it was connected, on the host's clock."""
        self._running()
        return time.monotonic() - self._started

    # --- its life ---

    def reset(self) -> None:
        """
        Run the reset command, and connect again; clears the input log.

        Raises MachineError where the configuration names none, or where it fails.
        """
        self._running()
        if not self._reset:
            raise MachineError(
                f"vnc:{self._address} cannot be brought back to its first state: no command is known for that.",
                hint=f"Give it a reset command in {configuration_path()}.",
            )
        self.close()
        self._run_reset()
        self._open()

    def close(self) -> None:
        """Let go of keys and buttons, and of the connection. Safe to call twice."""
        if self._gate is not None:
            self._gate.close()
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(FootageError):  # the server may be gone, and what was held with it
                self._hands.let_go()
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        deadline = time.monotonic() + (_BACK_PATIENCE if self._reset else 0.0)
        while True:
            try:
                self._client = RfbClient(self._address, self._password(), compressed=self._compressed)
                break
            except MachineError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.2)
        try:
            self._client.sync()
        except BaseException:
            self._client.close()
            raise
        self._log.events.clear()
        self._screen = VncScreen(self._client, f"vnc:{self._address}")
        self._hands = Hands(self._client, self._screen, self._log)
        self._started = time.monotonic()

    def _password(self) -> str | None:
        if not self._password_file:
            return os.environ.get(self._password_env)
        try:
            return Path(self._password_file).expanduser().read_text("utf-8").splitlines()[0]
        except (OSError, IndexError, UnicodeDecodeError) as problem:
            raise UsageError(f"The password cannot be read from {self._password_file}: {problem}.") from problem

    def _run_reset(self) -> None:
        try:
            done = subprocess.run(self._reset, capture_output=True, timeout=_RESET_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise MachineError(f"The reset command of vnc:{self._address} failed: {problem}.") from problem
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()[-300:]
            raise MachineError(f"The reset command of vnc:{self._address} ended with {done.returncode}: {said}")

    def _running(self) -> RfbClient:
        if self._client is None:
            raise MachineError("The connection to the VNC server is closed.")
        return self._client


class VncEye:
    """A second way to look at a VNC machine's screen. Thread-safe."""

    def __init__(self, client: RfbClient, screen: VncScreen) -> None:
        self._client = client
        self._screen = screen
        self._seen = -1

    def changed(self) -> bool:
        """Tell whether anything on the screen has changed since this was last asked."""
        if not self._client.tells:
            self._client.sync(_LOOK)
        seen, self._seen = self._seen, self._client.updates
        return seen != self._seen

    def look(self) -> Screenshot | None:
        """Return the screen as it is now; None where the server does not show it in time."""
        return self._screen.seen(_LOOK)

    def close(self) -> None:
        """Let go: the connection is the machine's."""
