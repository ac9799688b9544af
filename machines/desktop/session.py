"""A desktop session: an X server, a window manager and programs in one sandbox, up to its first screen."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from footage.errors import MachineError, MissingProgram
from footage.machines.desktop.display.x_connection import connect, lost_server, round_trip
from footage.machines.desktop.display.xvfb import XServer
from footage.machines.desktop.input.xtest_keyboard import bind_common
from footage.machines.desktop.programs import activity, home, sandbox
from footage.machines.desktop.programs import starting as programs
from footage.machines.desktop.programs.sandbox_files import read_beneath
from footage.machines.desktop.programs.starting import Program
from footage.machines.desktop.windows import Windows
from footage.machines.shared.process_keeper import Keeper

SETTLE = 10.0
"""Seconds the first screen gets to come to rest."""
# Reads command lines and runs each beside the others; what it starts belongs to the sandbox's first process.
_SHELL = 'while IFS= read -r line; do eval "$line"; done'


@dataclass(frozen=True, slots=True)
class Wish:
    """What a session is to be: the options of a desktop."""

    screen: tuple[int, int]
    programs: tuple[Program, ...]
    files: Mapping[str, str]
    clock: str | None
    network: bool
    isolated: bool


class Session:
    """A running session. Everything in it ends with `stop`, or with its keeper."""

    def __init__(self, keeper: Keeper, wish: Wish, display_number: int | None = None) -> None:
        """
        Start a session and wait until its first screen is at rest.

        A keeper has one session at a time. Raises CannotDo or MachineError.
        """
        self._keeper = keeper
        self._folder = Path(tempfile.mkdtemp(prefix="session-", dir=keeper.folder))
        self.display: Any = None
        try:
            self.server = XServer(keeper, wish.screen, self._folder, display_number)
            self.display = connect(self.server.display, self.server.authority)
            self._counter = 0
            self._prepare_folders(wish)
            with lost_server():
                self._prepare_display()
                self._start_shell(wish)
                self._start_programs(wish)
        except BaseException:
            self.stop()
            raise

    @property
    def folder(self) -> Path:
        """What belongs to this session on the disk."""
        return self._folder

    @property
    def home(self) -> Path:
        """The programs' home folder, as seen from outside."""
        return self._folder / "home"

    def launch(self, argv: Sequence[str]) -> Callable[[], int | None]:
        """Start one more program in the session; the function returned tells its exit code, None while it runs."""
        number = self._send(argv)
        return lambda: self._exit_code(number)

    def run(self, argv: Sequence[str], timeout: float) -> CompletedProcess[bytes]:
        """Run a program in the session to its end. Raises MachineError if that takes more than `timeout` seconds."""
        number = self._send(argv)
        deadline = time.monotonic() + timeout
        while (code := self._exit_code(number)) is None:
            if time.monotonic() > deadline:
                raise MachineError(f"{argv[0]} did not end within {timeout:g} s.")
            time.sleep(0.005)
        out, err = (read_beneath(self._control, f"{number}.{stream}") for stream in ("out", "err"))
        return CompletedProcess([*argv], code, out, err)

    def rest(self, at_most: float, look: float = activity.LOOK) -> bool:
        """Wait until no program of the session, nor its X server, has anything to do; False after `at_most` s."""
        self.display.flush()
        return activity.wait_for_rest(self._processes, at_most=at_most, look=look)

    def stop(self) -> None:
        """End the session. Safe to call twice."""
        if self.display is not None:
            self.display.display.socket.close()
        self._keeper.end_programs()
        shutil.rmtree(self._folder, ignore_errors=True)

    # --- bringing it up ---------------------------------------------------------------------------------------------

    def _prepare_folders(self, wish: Wish) -> None:
        folder = self._folder
        for name in ("home", "tmp", "etc", "control"):
            (folder / name).mkdir()
        os.mkfifo(folder / "commands", 0o600)
        home.fill(self.home, programs.menu(), wish.files)
        sandbox.write_etc(folder / "etc", home.fonts_conf())

    def _prepare_display(self) -> None:
        """Paint the desktop, rest the pointer on it, and use the keyboard once: its first use changes the map."""
        from Xlib import XK, X

        Windows(self.display).paint_desktop(home.WALLPAPER)
        self.display.xtest_grab_control(impervious=True)
        width, height = self.display.screen().width_in_pixels, self.display.screen().height_in_pixels
        self.display.xtest_fake_input(X.MotionNotify, x=width // 2, y=height - 60)
        shift = self.display.keysym_to_keycode(XK.XK_Shift_L)
        for kind in (X.KeyPress, X.KeyRelease):
            self.display.xtest_fake_input(kind, shift)
        bind_common(self.display)
        round_trip(self.display)

    def _start_shell(self, wish: Wish) -> None:
        folder = self._folder
        walls = sandbox.Walls(
            home=self.home,
            temporary=folder / "tmp",
            etc=folder / "etc",
            control=self._control,
            socket=self.server.socket,
            authority=self.server.authority,
            network=wish.network,
        )
        self.isolated = wish.isolated and sandbox.works(walls)
        self._home_inside = sandbox.HOME if self.isolated else str(self.home)
        self._control_inside = "/run/session" if self.isolated else str(self._control)
        authority = "/run/Xauthority" if self.isolated else str(self.server.authority)
        self.clock = wish.clock if programs.time_library() else None
        variables = programs.variables(self.server.display, self._home_inside, authority, self.clock)
        if self.isolated:
            command = sandbox.command(walls, variables)
        else:
            variables["FONTCONFIG_FILE"] = str(folder / "etc" / "fonts" / "fonts.conf")
            command = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        self._shell = self._keeper.start(
            [*command, "/bin/sh", "-c", _SHELL], log=folder / "shell", stdin=folder / "commands"
        )

    def _start_programs(self, wish: Wish) -> None:
        windows = Windows(self.display)
        windows.wait_for_manager(self._check(Program(("openbox",))))
        for program in wish.programs:
            known = windows.ids()
            window = windows.wait_for_another(known, self._check(program), program.name)
            if program.frame is not None:
                windows.place(window, program.frame)
        self.rest(SETTLE)
        home.let_new_windows_have_focus(self.home)
        windows.reread_settings()
        self.rest(SETTLE)

    def _check(self, program: Program) -> Callable[[], None]:
        """Start a program; the function returned raises MachineError once it has ended, or the display has."""
        argv = [programs.in_home(argument, self._home_inside) for argument in program.command]
        number = self._send(argv)

        def check() -> None:
            code = self._exit_code(number)
            if code == 127:
                raise MissingProgram(f"{program.name} is not installed.", hint=f"apt-get install {program.name}")
            if code is not None:
                said = read_beneath(self._control, f"{number}.err").decode("utf-8", "replace").strip()[-300:]
                raise MachineError(f"{program.name} ended as soon as it was started (exit code {code}): {said}")
            if not self.server.alive:
                raise MachineError("The X server ended.")

        return check

    # --- the shell in the sandbox -----------------------------------------------------------------------------------

    @property
    def _control(self) -> Path:
        return self._folder / "control"

    def _send(self, argv: Sequence[str]) -> int:
        """Have the shell run a command; its output and exit code appear under the number returned."""
        self._counter += 1
        base = shlex.quote(f"{self._control_inside}/{self._counter}")
        line = (
            f"( ( cd; {shlex.join(argv)} >{base}.out 2>{base}.err </dev/null; echo $? >{base}.tmp;"
            f" mv {base}.tmp {base}.code ) & )\n"
        )
        with (self._folder / "commands").open("wb", buffering=0) as fifo:
            fifo.write(line.encode())
        return self._counter

    def _exit_code(self, number: int) -> int | None:
        try:
            return int(read_beneath(self._control, f"{number}.code"))
        except (OSError, ValueError):
            return None

    def _processes(self) -> list[int]:
        return [self.server.pid, *activity.descendants(self._shell)]
