"""
Whether a machine does what it says: each canonical action is performed, and its effect is read from the screen.

A window that shows every event it gets (probe.py) stands in for a program, so that the check sees what any program
would see: which button, where, with which keys held, which character. What the machine says it delivered is looked
at too, but proves nothing here. On a machine that is no X display the actions are performed all the same, and what can
be seen without a window is looked at: the promises of the protocol (promises.py). What a machine offers beyond it is
tried too (extras.py).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from footage import plugins
from footage.errors import MachineError, UnsupportedAction
from footage.machines.checking import probe
from footage.machines.checking.cases import Case, NotSeen, all_cases
from footage.machines.checking.extras import extras, reopened
from footage.machines.checking.promises import after_closing, perform_blindly, promises
from footage.machines.contract import HasWitness, Reopens
from footage.machines.exact_contract import RecordsItself
from footage.trajectory import Action, Region

if TYPE_CHECKING:
    from footage.machines.contract import Machine, Witness
    from footage.trajectory import JSON, InputEvent, Performed, Pixels

PATIENCE = 5.0
"""Seconds an effect gets to show."""
START = 20.0
"""Seconds the probe's window gets to show: a program takes its time to start on a busy computer."""
LINGER = 0.05
"""Seconds after which an effect must still be what it was: nothing may come on top of it."""
IDLE = 10
"""How many pictures of an idle screen are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckResult(plugins.CheckResult):
    """One thing that was checked, with what the screen showed."""

    before: Pixels | None = None
    """The screen before the action, where there was one."""
    after: Pixels | None = None


def check_machine(
    machine: Machine,
    *,
    display: str | None = None,
    close: bool = False,
    on_result: Callable[[CheckResult], None] | None = None,
) -> list[CheckResult]:
    """
    Check a machine and return what was found; `on_result` is told of each result as it comes.

    The machine is reset before and after, if it can be; about five seconds. `display` is the X display that it shows,
    where its `environment` has none; without any, nobody sees whether actions take effect. `close` closes it in the end
    and looks whether it stays so.
    """
    results: list[CheckResult] = []
    for result in _Check(machine, display).everything(close=close):
        results.append(result)
        if on_result is not None:
            on_result(result)
    return results


class _ProbeOnScreen:
    """The probe's window on an X display, read from the machine's pixels."""

    def __init__(self, machine: Machine, display: dict[str, str]) -> None:
        self._machine = machine
        command = [sys.executable, "-m", "footage.machines.checking.probe"]
        self._process = subprocess.Popen(command, env=os.environ | display)
        deadline = time.monotonic() + START
        while probe.decode(machine.screenshot().pixels) is None:
            if time.monotonic() > deadline:
                self.close()
                raise NotSeen(f"the probe's window did not show within {START:g} s")
            time.sleep(0.02)

    def read(self) -> tuple[int, list[probe.Event]]:
        found = probe.decode(self._machine.screenshot().pixels)
        if found is None:
            raise NotSeen("the probe's window is not on the screen, or its picture is not whole")
        return found

    def close(self) -> None:
        with self._process as process:
            process.terminate()


class _Check:
    """A check of one machine."""

    def __init__(self, machine: Machine, display: str | None) -> None:
        self._machine = machine
        self._display = dict(machine.environment) | ({"DISPLAY": display} if display else {})
        self._delivered: list[InputEvent] = []
        self._witness: Witness | None = None

    def everything(self, *, close: bool) -> Iterator[CheckResult]:
        """Yield a result for everything there is to check."""
        with contextlib.suppress(MachineError):  # what cannot be reset is told of in the end
            self._machine.reset()
        first = self._look()
        made, specification = type(self._machine), self._specification_if_any()
        for name, look in promises(self._machine).items():
            yield self._judge(name, look)
        yield self._judge("screenshot", self._screenshot)
        show = self._window_of()
        yield from self._seen(show) if show is not None else self._unseen(first)
        yield self._judge("wait", self._wait)
        yield self._judge("refusals", self._refusals)
        yield self._judge("input log", self._input_log)
        for name, look in extras(self._machine).items():
            yield self._judge(name, look)
        yield self._judge("reset", partial(self._reset, first))
        if close:
            last = self._screen_if_any()
            seen = plugins.attempt("close", partial(after_closing, self._machine), NotSeen)
            yield CheckResult(seen.name, seen.ok, seen.detail, last)
            if isinstance(made, Reopens) and specification is not None:
                seen = plugins.attempt("from_specification", partial(reopened, made, specification), NotSeen)
                yield CheckResult(seen.name, seen.ok, seen.detail)

    def _window_of(self) -> Callable[[], Witness] | None:
        """Return what shows a window that sees every event; None where none can be shown."""
        machine = self._machine
        if isinstance(machine, HasWitness) and "witness" in machine.capabilities:
            return machine.witness
        return partial(_ProbeOnScreen, machine, self._display) if "DISPLAY" in self._display else None

    def _unseen(self, first: Pixels) -> Iterator[CheckResult]:
        """Perform every action that the machine offers, without a window that sees them."""
        height, width = first.shape[:2]
        for case in all_cases(width, height):
            if case.action.name in self._machine.capabilities:
                yield self._judge(case.name, partial(self._blindly, case.action))
        if self._machine.capabilities >= {"mouse_move", "cursor_position"}:
            yield self._judge("cursor_position", self._cursor_position)
        if "zoom" in self._machine.capabilities:
            yield self._judge("zoom", self._zoom)

    def _blindly(self, action: Action) -> str:
        before = len(self._machine.input_log)
        try:
            return perform_blindly(self._machine, action)
        finally:
            self._delivered += self._machine.input_log[before:]

    def _seen(self, show: Callable[[], Witness]) -> Iterator[CheckResult]:
        """Perform every action on a window that shows what came of it."""
        first = self._look()
        try:
            yield self._judge("window", partial(self._window, show))
            height, width = first.shape[:2]
            for case in all_cases(width, height):
                yield self._judge(case.name, partial(self._play, case))
            yield self._judge("cursor_position", self._cursor_position)
            yield self._judge("zoom", self._zoom)
        finally:
            if self._witness is not None:
                self._witness.close()

    def _judge(self, name: str, look: Callable[[], str]) -> CheckResult:
        """Turn what `look` says, or raises, into a result with the screens before and after, where there are any."""
        before = self._screen_if_any()
        seen = plugins.attempt(name, look, NotSeen)
        return CheckResult(seen.name, seen.ok, seen.detail, before, self._screen_if_any())

    def _screen_if_any(self) -> Pixels | None:
        """Return the screen, or None where a machine that broke shows none: the result says why it broke."""
        try:
            return self._look()
        except Exception:  # noqa: BLE001 - somebody's own driver may raise anything
            return None

    def _specification_if_any(self) -> JSON | None:
        """Return what the machine says it is, or None where that raises: the check of its form says why."""
        try:
            return dict(self._machine.specification)
        except Exception:  # noqa: BLE001 - somebody's own driver may raise anything
            return None

    def _look(self) -> Pixels:
        return self._machine.screenshot().pixels

    def _perform(self, name: str, **arguments: Any) -> Performed:
        self._require_offered(name)
        return self._do(Action(name, arguments))

    def _require_offered(self, name: str) -> None:
        if name not in self._machine.capabilities:
            raise NotSeen(f"the machine does not offer {name}")

    def _do(self, action: Action) -> Performed:
        performed = self._machine.perform(action)
        self._delivered += performed.delivered
        return performed

    # --- what the probe shows ---------------------------------------------------------------------------------------

    def _window(self, show: Callable[[], Witness]) -> str:
        """Show the window of a program that is not of the machine's own session."""
        self._witness = show()
        return "a window that sees every event came up, and what it sees can be read"

    def _play(self, case: Case) -> str:
        """Perform a case's action and return what the probe shows of it, once and for all."""
        self._require_offered(case.action.name)
        begin, _ = self._read()
        self._do(case.action)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                case.judge(self._since(begin))
                time.sleep(LINGER)
                return case.judge(self._since(begin))
            except NotSeen:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _since(self, begin: int) -> list[probe.Event]:
        count, events = self._read()
        return [*events[-(count - begin) :]] if count > begin else []

    def _read(self) -> tuple[int, Sequence[probe.Event]]:
        if self._witness is None:
            raise NotSeen("nothing on the machine sees what arrives")
        return self._witness.read()

    # --- what the machine itself says -------------------------------------------------------------------------------

    def _screenshot(self) -> str:
        """Compare pictures of an idle screen with each other, and their size with the specification."""
        pictures = [self._look() for _ in range(IDLE)]
        height, width, channels = pictures[0].shape
        if [width, height] != list(self._machine.specification["screen"]) or channels != 3:
            raise NotSeen(f"the picture is {width} x {height} x {channels}, the specification says otherwise")
        if any((picture != pictures[0]).any() for picture in pictures):
            raise NotSeen(f"{IDLE} pictures of an idle screen were not all equal")
        return f"{IDLE} pictures of {width} x {height} pixels, all equal"

    def _cursor_position(self) -> str:
        self._perform("mouse_move", coordinate=[321, 123])
        said = self._perform("cursor_position").text
        if said != "X=321,Y=123":
            raise NotSeen(f"after a move to (321, 123) it said {said!r}")
        return said

    def _zoom(self) -> str:
        """Compare a zoom with a picture before it that equals the one after it: nothing moved in between."""
        deadline = time.monotonic() + PATIENCE
        while True:
            before, performed, after = self._look(), self._perform("zoom", region=[100, 50, 420, 250]), self._look()
            if (before == after).all():
                break
            if time.monotonic() > deadline:
                raise NotSeen("the screen does not come to rest")
        if performed.picture is None or performed.region != Region(100, 50, 320, 200):
            raise NotSeen(f"it gave the region {performed.region}, and a picture: {performed.picture is not None}")
        if not np.array_equal(performed.picture, before[50:250, 100:420]):
            raise NotSeen("the picture is not what the screen shows there")
        return "the region at full resolution, equal to the screen"

    def _wait(self) -> str:
        host, own = time.monotonic(), self._machine.clock()
        self._perform("wait", duration=0.2)
        host, own = time.monotonic() - host, self._machine.clock() - own
        if host < 0.2 or own <= 0:
            raise NotSeen(f"{host:.3f} s passed, {own:.3f} s on the machine's clock")
        return f"{host:.3f} s passed, {own:.3f} s on the machine's clock"

    def _refusals(self) -> str:
        """Ask for what cannot be done: the machine must say so, and must have delivered nothing."""
        width = self._look().shape[1]
        events = len(self._machine.input_log)
        for action, error in (
            (Action("left_click", {"coordinate": [width, 0]}), MachineError),
            (Action("mouse_move", {"coordinate": [0, -1]}), MachineError),
            (Action("key", {"text": "no-such-key"}), MachineError),
            (Action("fly"), UnsupportedAction),
        ):
            try:
                self._machine.perform(action)
            except error:
                continue
            raise NotSeen(f"{action.name} {dict(action.arguments)} was not refused")
        if len(self._machine.input_log) != events:
            raise NotSeen("a refused action left events in the input log")
        return "a point outside the screen, an unknown key and an unknown action are refused"

    def _input_log(self) -> str:
        told = [event.as_list() for event in self._delivered]
        if not told or [event.as_list() for event in self._machine.input_log] != told:
            raise NotSeen("the input log is not the sum of what each action delivered")
        return f"{len(told)} events, those that the actions delivered"

    def _reset(self, first: Pixels) -> str:
        try:
            self._machine.reset()
        except MachineError as refusal:
            if isinstance(self._machine, RecordsItself):  # its recording has one beginning
                return f"refused while it records itself: {refusal.message}"
            raise
        if "pixel_exact" in self._machine.capabilities and (self._look() != first).any():
            raise NotSeen("the screen after a reset is not the one at the start")
        if self._machine.input_log:
            raise NotSeen("the input log was not cleared")
        return "the screen is the one at the start, and the input log is empty"
