"""The qemu machine: a guest in a virtual machine, and the hands and eyes to work with it."""

from __future__ import annotations

import shlex
import shutil
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any, Self

from footage.errors import FootageError, MachineError, UsageError
from footage.machines.contract import MACHINE_PROTOCOL, Availability
from footage.machines.qemu.accelerators import best_accelerator
from footage.machines.qemu.guest_activity import Activity, Halts, halted
from footage.machines.qemu.guest_agent import TIMEOUT, Agent
from footage.machines.qemu.guest_screen import Eye, Screen
from footage.machines.qemu.guests import guest_states as states
from footage.machines.qemu.guests.known_guests import GUESTS, PROGRAM, Guest, is_built, load_guest
from footage.machines.qemu.input.devices import Give, Inlet, QemuKeyboard, QemuPointer
from footage.machines.qemu.qemu_process import Process
from footage.machines.qemu.remote import Remote, Unrecorded
from footage.machines.qemu.witness import Witness
from footage.machines.shared.hands import Hands
from footage.machines.shared.input_log import InputLog
from footage.machines.shared.process_keeper import Keeper
from footage.trajectory import JSON

if TYPE_CHECKING:
    from pathlib import Path

    from footage.machines.rfb.rfb_door import VncDoor
    from footage.trajectory import Action, InputEvent, Performed, Screenshot

CATCH_UP = 2.0
"""Seconds a guest gets to deal with an action's input before the next one's; emulated programs are slow."""
BREATH, BREATH_LOOK = 0.2, 0.008
"""Seconds it gets between the clicks of a double click, and seconds of a look at it."""


class Qemu:
    """
    A guest in a virtual machine. Implements `Machine`.

    It goes on from where it was suspended once it had come up, so that every start shows the same screen. Everything
    ends with `close()`, with this process, or when nothing refers to it any more.
    """

    variants = GUESTS
    """What can stand after the name `qemu`."""

    settling = 12.0
    """Seconds that a program may take to deal with an action: an emulated one takes five to start."""

    _lags = False
    """Whether the guest's clock stands behind the host's while the guest is busy."""

    def __init__(self, guest: str = "desktop", *, accelerator: str | None = None) -> None:
        """
        Start it: one to two seconds. `guest` is one that was built (`footage machine build`).

        `accelerator` is `kvm` or `tcg`; None takes what works here. Raises UsageError for an unknown guest, CannotDo
        where it is not built or QEMU is missing, MachineError where it does not start.
        """
        if accelerator not in {None, "kvm", "tcg"}:
            raise UsageError(f"There is no accelerator {accelerator!r}.", hint="kvm and tcg are.")
        self._guest = load_guest(guest)
        self._accelerator = accelerator or best_accelerator(self._guest)
        self._states: dict[str, tuple[Path, tuple[int, int]]] = {}
        self._keeper: Keeper | None = None
        self._process: Process | None = None
        self._remote: Remote | None = None
        self._begin(states.make_ready(self._guest, self._accelerator), self._guest.pointer)

    @classmethod
    def from_specification(cls, specification: Mapping[str, Any]) -> Qemu:
        """
        Start a guest like the one whose `specification` this was, as it is built here.

        Raises UsageError where it is none.
        """
        guest = specification.get("guest")
        if not isinstance(guest, str):
            raise UsageError("This is no specification of a virtual machine.")
        return cls(guest)

    @classmethod
    def availability(cls, which: str = "") -> Availability:
        """Tell whether QEMU is installed, and the guest `which` built."""
        guest = which or "desktop"
        if shutil.which(PROGRAM) is None:
            return Availability(False, f"{PROGRAM} is not installed", "apt-get install qemu-system-x86 zstd")
        if find_spec("qemu") is None or find_spec("Xlib") is None:
            return Availability(False, "Python packages are missing", "pip install 'footage[qemu]'")
        if guest in GUESTS and not is_built(guest):
            return Availability(False, "not built", f"footage machine build {guest}")
        try:
            folder = load_guest(guest).folder
        except FootageError as problem:
            return Availability(False, problem.message, problem.hint)
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
        return Availability(ready=True, detail=f"built, {size / 1e6:.0f} MB in {folder}")

    _pace = 0.0
    """Seconds between two characters to the guest's agent."""

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def guest(self) -> Guest:
        """The guest that runs in it."""
        return self._guest

    @property
    def process(self) -> Process:
        """The QEMU process it runs in now. Raises MachineError once it is closed."""
        return self._running()

    @property
    def specification(self) -> JSON:
        """What it takes to have the same machine again, as JSON; `machines.reopen` takes it."""
        guest = self._guest
        return {
            "driver": f"qemu/{guest.name}",
            "protocol": MACHINE_PROTOCOL,
            "screen": [*guest.screen],
            "guest": guest.name,
            "accelerator": self._accelerator,
            "memory": guest.memory,
            "append": guest.append,
            "sha256": {"qemu": states.qemu_identity()["sha256"], **guest.sha256},
            "versions": {"qemu": states.qemu_identity()["version"]},
            "network": False,
            "isolated": True,
        }

    @property
    def capabilities(self) -> frozenset[str]:
        """The canonical actions, `pixel_exact`, `snapshot`, `isolated`, and its own methods `rest` and `witness`."""
        own = {"rest", *(["witness"] if self._guest.agent else [])}
        return frozenset({*self._hands.actions, "pixel_exact", "snapshot", "isolated", *own})

    @property
    def input_log(self) -> Sequence[InputEvent]:
        """Every input event delivered since it started, oldest first."""
        return tuple(self._log.events)

    @property
    def environment(self) -> Mapping[str, str]:
        """
        `FOOTAGE_VNC`, where its VNC server is to be found (host:port); nothing once it is closed.

        Nobody is listened to before this is asked for.
        """
        if self._process is None:
            return {}
        if self._remote is None:
            alive = weakref.ref(self)
            self._remote = Remote(Unrecorded(_process_of(alive), _rest_of(alive)), self._guest)
            weakref.finalize(self, self._remote.gate.close)
        return {"FOOTAGE_VNC": self._remote.gate.address}

    # --- working with it --------------------------------------------------------------------------------------------

    def screenshot(self) -> Screenshot:
        """Return the whole screen, the pointer included, as it is now."""
        self._running()
        return self._screen.take()

    def eye(self) -> Eye:
        """Return a second way to look at the screen, for another thread; ends with `reset` and `close`."""
        return Eye(self._running())

    def door(self) -> VncDoor | None:
        """Return where the input of other processes passes; they find it in `environment`."""
        self._running()
        assert self.environment  # from here on it is open
        return self._remote.door if self._remote is not None else None

    def perform(self, action: Action) -> Performed:
        """
        Carry out one action and return once QEMU has taken its input; its effect may show later.

        Raises UnsupportedAction for what it has no action for, MachineError for arguments that make no sense.
        """
        self._running()
        return self._hands.perform(action)

    def clock(self) -> float:
        """Return seconds since it started, on the host's clock."""
        self._running()
        return time.monotonic() - self._started

    def rest(self, at_most: float = 2.0) -> bool:
        """Wait until the guest is idle; False if it is not within `at_most` seconds."""
        self._running()
        return self._activity.rest(at_most)

    def run(self, argv: Sequence[str], *, timeout: float = TIMEOUT) -> CompletedProcess[bytes]:
        """
        Run a program in the guest's session to its end and return exit code and output.

        Raises MachineError if it takes more than `timeout` seconds, or the guest has no agent.
        """
        return self._agent().run(shlex.join(argv), timeout=timeout)

    def launch(self, argv: Sequence[str]) -> None:
        """Start one more program in the guest's session and leave it running. Raises MachineError without an agent."""
        self._agent().run(f"{shlex.join(argv)} >/dev/null 2>&1 &")

    def read_file(self, name: str) -> bytes:
        """Return the bytes of a file below the guest user's home. Raises MachineError where there is none."""
        done = self.run(["cat", f"./{name}"])
        if done.returncode != 0:
            raise MachineError(f"There is no file {name!r} in the guest's home folder.")
        return done.stdout

    def witness(self) -> Witness:
        """Show a window in the guest that sees every event. Raises MachineError where the guest has no agent."""
        agent = self._agent()
        return Witness(lambda command: agent.run(command, timeout=30.0), self.rest)

    # --- its life ---------------------------------------------------------------------------------------------------

    def snapshot(self, name: str) -> None:
        """Keep the guest as it is now under a name; it goes on. About a second."""
        process = self._running()
        self._keeper = self._keeper or _new_keeper(self)
        target = self._keeper.folder / f"{len(self._states)}-{time.monotonic_ns()}"
        states.save(process, target, quick=True)
        process.execute("cont")
        self._states[name] = target, self._pointer.where()

    def restore(self, name: str) -> None:
        """Have the guest again as it was when the snapshot was taken. Raises UsageError for an unknown name."""
        if name not in self._states:
            raise UsageError(f"There is no snapshot {name!r}.", hint=f"Snapshots: {', '.join(self._states) or 'none'}.")
        file, pointer = self._states[name]
        log = self._log
        self._begin(file, pointer)
        self._log.events[:0] = log.events

    def reset(self) -> None:
        """Have the guest again as it was when it had just come up; clears the input log, keeps the snapshots."""
        self._begin(states.make_ready(self._guest, self._accelerator), self._guest.pointer)

    def close(self) -> None:
        """End it, with its snapshots. Safe to call twice."""
        if self._remote is not None:
            self._remote.gate.close()
        self._stop()
        if self._keeper is not None:
            self._keeper.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, state: Path, pointer: tuple[int, int]) -> None:
        """Go on from a saved state, in a process of its own."""
        if self._remote is not None:
            self._remote.gate.disconnect()
        self._stop()
        process = states.load(self._guest, self._accelerator, state)
        self._use(process, Screen(process), pointer)
        if self._remote is not None:
            self._remote.move()

    def _use(self, process: Process, screen: Screen, pointer: tuple[int, int]) -> None:
        """Work with a running process from now on."""
        self._process = process
        self._activity = self._watcher(process)
        self._screen = screen
        self._log = InputLog()
        self._serial: Agent | None = None
        rest = self._activity.rest
        inlet = Inlet(
            self._giver(process),
            partial(rest, CATCH_UP),
            partial(rest, BREATH, look=BREATH_LOOK, calm=2),
            lags=self._lags,
        )
        self._pointer = QemuPointer(self._log, inlet, pointer, self._guest.screen)
        keyboard = QemuKeyboard(
            self._log,
            inlet,
            characters=self._guest.characters,
            bind=_binder(weakref.ref(self)) if self._guest.agent else None,
        )
        self._hands = Hands("guest", keyboard, self._pointer, self._screen, self._log, catch_up=inlet.rest)
        self._started = time.monotonic()

    def _watcher(self, process: Process) -> Activity | Halts:
        """Return what tells when the guest is idle: where it is emulated, that its processor has halted."""
        if self._accelerator == "tcg":
            return Halts(lambda: halted(process))
        return Activity(process)

    def _stop(self) -> None:
        if self._process is not None:
            if self._serial is not None:
                self._serial.close()
            self._process.close()
            self._process = None

    def _running(self) -> Process:
        if self._process is None:
            raise MachineError("The virtual machine is closed.")
        return self._process

    def _agent(self) -> Agent:
        """Return the connection to the guest's agent, made when it is first needed."""
        process = self._running()
        if not self._guest.agent:
            raise MachineError(f"The guest {self._guest.name} runs no command lines: it has no agent.")
        if self._serial is None:
            self._serial = Agent(process.serial, pace=self._pace)
        return self._serial

    def _giver(self, process: Process) -> Give:
        """Return what hands input events to the guest, without keeping the machine alive."""
        return partial(_give, process)


def _give(process: Process, events: Sequence[Mapping[str, Any]]) -> None:
    process.execute("input-send-event", {"events": [*events]})


def _binder(machine: weakref.ref[Qemu]) -> Callable[[str], object]:
    """Return what runs a command line in the machine's guest, without keeping the machine alive."""

    def run(command: str) -> object:
        owner = machine()
        return owner.run(shlex.split(command)) if owner is not None else None

    return run


def _process_of(machine: weakref.ref[Qemu]) -> Callable[[], Process]:
    """Return what tells the process that a machine's guest runs in, without keeping the machine alive."""

    def process() -> Process:
        owner = machine()
        if owner is None:
            raise MachineError("The virtual machine is closed.")
        return owner.process

    return process


def _rest_of(machine: weakref.ref[Qemu]) -> Callable[[float], object]:
    """Return what waits until a machine's guest is idle, without keeping the machine alive."""

    def rest(at_most: float) -> object:
        owner = machine()
        return owner.rest(at_most) if owner is not None else None

    return rest


def _new_keeper(machine: Qemu) -> Keeper:
    """Return a keeper of snapshots: its folder vanishes with the machine, however that ends."""
    keeper = Keeper("snapshots")
    weakref.finalize(machine, keeper.stop)
    return keeper
