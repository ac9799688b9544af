"""The desktop machine: a private X display with real programs, and the hands and eyes to work with them."""

from __future__ import annotations

import logging
import shutil
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any, Self

from footage.errors import MachineError, UsageError
from footage.machines.contract import MACHINE_PROTOCOL, Availability
from footage.machines.desktop.display.second_look import Eye
from footage.machines.desktop.display.x_screen import Screen
from footage.machines.desktop.input.desktop_hands import Hands
from footage.machines.desktop.programs import home
from footage.machines.desktop.programs import starting as programs
from footage.machines.desktop.programs.sandbox_files import parts_of, read_beneath
from footage.machines.desktop.programs.starting import CLOCK, SMALLEST, Program, default_programs
from footage.machines.desktop.session import Session, Wish
from footage.machines.desktop.windows import NotShown
from footage.machines.shared.input_log import InputLog
from footage.machines.shared.process_keeper import Keeper
from footage.trajectory import JSON

if TYPE_CHECKING:
    from footage.machines.desktop.gate.display_gate import Gate
    from footage.trajectory import Action, InputEvent, Performed, Screenshot

_NEEDED = ("Xvfb", "openbox")
"""Programs without which there is no desktop."""


class Desktop:
    """
    A desktop with a calculator and a text editor, or the programs it is given. Implements `Machine`.

    Fresh starts show byte-identical screens. Everything it started ends with `close()`, with this process, or when
    nothing refers to it any more.
    """

    def __init__(
        self,
        *,
        screen: tuple[int, int] = (1280, 800),
        programs: Sequence[Program] | None = None,
        files: Mapping[str, str] | None = None,
        clock: str | None = CLOCK,
        network: bool = False,
        isolated: bool = True,
    ) -> None:
        """
        Start it: half a second on an idle machine.

        `screen` is (width, height) in pixels; `files` are texts by their path below the home folder; `clock` is what
        the programs' clock shows all the time, in UTC (None: the real time); `isolated=False` leaves the sandbox
        away, which is also what happens, and is told by `capabilities`, where the system allows none.

        Raises UsageError, MissingProgram, NoDisplay or MachineError.
        """
        if not all(isinstance(n, int) and least <= n <= 8192 for n, least in zip(screen, SMALLEST, strict=True)):
            raise UsageError(f"A screen of {screen} cannot be had: 640 x 480 to 8192 x 8192 pixels can.")
        wanted = default_programs(screen) if programs is None else tuple(programs)
        texts = dict(files if files is not None else {"notes.txt": ""})
        for name in texts:
            parts_of(name)
        self._wish = Wish(screen, wanted, texts, clock, network, isolated)
        self._versions: dict[str, str] | None = None
        self._keeper = Keeper()
        self._end = weakref.finalize(self, self._keeper.stop)
        self._session: Session | None = None
        self._gate: Gate | None = None
        self._gate_number: int | None = None
        try:
            self._start(None)
        except BaseException:
            self._end()
            raise

    @classmethod
    def from_specification(cls, specification: Mapping[str, Any]) -> Desktop:
        """Start a desktop like the one whose `specification` this was. Raises UsageError where it is none."""
        try:
            width, height = specification["screen"]
            return cls(
                screen=(int(width), int(height)),
                programs=[Program.from_json(program) for program in specification["programs"]],
                files=specification["files"],
                clock=specification["clock"],
                network=bool(specification["network"]),
                isolated=bool(specification["isolated"]),
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise UsageError(f"This is no specification of a desktop: {problem!r}.") from problem

    @classmethod
    def availability(cls, which: str = "") -> Availability:  # noqa: ARG003 - there is one desktop
        """Tell whether the programs and packages that it takes are installed."""
        missing = [program for program in _NEEDED if shutil.which(program) is None]
        if missing:
            detail = f"{' and '.join(missing)} not installed"
            return Availability(False, detail, "apt-get install xvfb openbox bubblewrap")
        if find_spec("Xlib") is None:
            return Availability(False, "python-xlib is not installed", "pip install 'footage[desktop]'")
        return Availability(ready=True, detail="up in a second")

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def specification(self) -> JSON:
        """What it takes to have the same machine again, as JSON; `machines.reopen` takes it."""
        session, wish = self._running(), self._wish
        if self._versions is None:
            self._versions = programs.versions(wish.programs)
        return {
            "driver": "desktop",
            "protocol": MACHINE_PROTOCOL,
            "screen": [*wish.screen],
            "programs": [program.as_json() for program in wish.programs],
            "files": dict(wish.files),
            "clock": session.clock,
            "network": wish.network or not session.isolated,
            "isolated": session.isolated,
            "theme": home.THEME,
            "versions": dict(self._versions),
        }

    @property
    def capabilities(self) -> frozenset[str]:
        """The canonical actions, `pixel_exact`, `rest` (it has a method of that name), and `isolated` where it is."""
        extras = {"pixel_exact", "rest", *(["isolated"] if self._running().isolated else [])}
        return frozenset({*self._hands.actions, *extras})

    @property
    def input_log(self) -> Sequence[InputEvent]:
        """Every input event delivered since it started, oldest first."""
        return tuple(self._log.events)

    @property
    def environment(self) -> Mapping[str, str]:
        """
        `DISPLAY` and `XAUTHORITY`, with which any process of this user can open windows on it, and what keeps clients
        from looking for another screen: that the session is one of X, and that there is no Wayland.

        Once its door was asked for, they lead through it.
        """
        server = self._running().server
        display, authority = server.display, server.authority
        if self._gate is not None:
            try:
                display, authority = self._gate.display, self._gate.authority
            except MachineError as error:  # programs come before their recording
                logging.getLogger("footage").warning("%s Input is not seen.", error)
        only_here = {"XDG_SESSION_TYPE": "x11", "WAYLAND_DISPLAY": ""}
        return {"DISPLAY": display, "XAUTHORITY": str(authority), **only_here}

    # --- working with it --------------------------------------------------------------------------------------------

    def screenshot(self) -> Screenshot:
        """Return the whole screen, the pointer included, as it is now."""
        session = self._running()
        picture = self._screen.take()
        if not session.server.alive:
            raise MachineError("The X server is gone.", hint="reset() starts it again.")
        return picture

    def eye(self) -> Eye:
        """Return a second way to look at the screen, for another thread; ends with `reset` and `close`."""
        server = self._running().server
        return Eye(server.display, server.authority, server.framebuffer, server.pid)

    def door(self) -> Gate:
        """Return where the input of other processes passes; it has a display of its own, until `reset` or `close`."""
        session = self._running()
        if self._gate is None:
            from footage.machines.desktop.gate.display_gate import Gate

            self._gate = Gate(self._keeper, session.server, session.folder, self._gate_number)
            self._gate_number = self._gate.number
        return self._gate

    def perform(self, action: Action) -> Performed:
        """
        Carry out one action and return once the X server has dealt with its input; its effect may show later.

        Raises UnsupportedAction for what it has no action for, MachineError for arguments that make no sense.
        """
        self._running()
        return self._hands.perform(action)

    def clock(self) -> float:
        """Return seconds since it started, on the host's clock: the one that programs see may stand still."""
        self._running()
        return time.monotonic() - self._started

    def rest(self, at_most: float = 2.0) -> bool:
        """
        Wait until its programs have dealt with their input and sleep; False if they do not within `at_most` seconds.

        Surer than watching the screen: on a busy computer a program that waits for its turn is not at rest.
        """
        return self._running().rest(at_most)

    def launch(self, argv: Sequence[str]) -> Callable[[], int | None]:
        """
        Start one more program in the same session, behind the same walls.

        The function returned tells the program's exit code, or None while it runs.
        """
        return self._running().launch(argv)

    def run(self, argv: Sequence[str], *, timeout: float = 10.0) -> CompletedProcess[bytes]:
        """
        Run a program in the session to its end and return exit code and output.

        Raises MachineError if it takes more than `timeout` seconds.
        """
        return self._running().run(argv, timeout)

    def read_file(self, name: str) -> bytes:
        """
        Return the bytes of a file below the programs' home folder.

        Raises UsageError for a path that leads elsewhere, MachineError where there is no such ordinary file.
        """
        session = self._running()
        try:
            return read_beneath(session.home, name)
        except OSError as problem:
            raise MachineError(f"There is no file {name!r} in the home folder.") from problem

    # --- its life ---------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """
        End everything and start again from a fresh home; clears the input log.

        Display and cookie stay the same, windows of other processes do not. Where it raises, it can be tried again.
        """
        if not self._end.alive:
            raise MachineError("The desktop is closed.")
        self._stop()
        self._start(self._number)

    def close(self) -> None:
        """End it and everything in it. Safe to call twice."""
        self._stop()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, number: int | None) -> None:
        session = self._bring_up(number)
        self._screen = Screen(session.server.display, session.server.authority, session.server.framebuffer)
        self._log = InputLog()
        self._hands = Hands(session.display, self._screen, self._log, session.rest)
        self._session = session
        self._number = session.server.number
        self._let_go = weakref.finalize(self, _let_go, self._screen, session)
        self._started = time.monotonic()

    def _bring_up(self, number: int | None) -> Session:
        """Start a session; a second one where a program hung as it started, as happens once in some thousand times."""
        try:
            return Session(self._keeper, self._wish, number)
        except NotShown:
            return Session(self._keeper, self._wish, number)

    def _stop(self) -> None:
        if self._session is not None:
            self._session = self._gate = None
            self._let_go()

    def _running(self) -> Session:
        if self._session is None:
            if self._end.alive:
                raise MachineError("The desktop did not come up again.", hint="reset() tries once more.")
            raise MachineError("The desktop is closed.")
        return self._session


def _let_go(screen: Screen, session: Session) -> None:
    """End a session: by `close` or `reset`, or because nothing refers to its desktop any more."""
    screen.close()
    session.stop()
