"""
A program in a guest that sees every event and writes it down, for the check of a machine (see machines/check.py).

It is xev, which comes with X: what it writes is read through the guest's agent.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from subprocess import CompletedProcess

from footage.errors import MachineError
from footage.machines.checking.probe import HELD, Event

_FILE = "/tmp/.witness"  # noqa: S108 - in the guest
_SHOW = (
    f"xev -geometry 400x300+0+0 -event keyboard -event mouse >{_FILE} 2>&1 & "
    "until wmctrl -r 'Event Tester' -b add,fullscreen; do usleep 100000; done; wmctrl -a 'Event Tester'"
)
_EVENT = re.compile(
    r"^(KeyPress|KeyRelease|ButtonPress|ButtonRelease|MotionNotify) event,.*?"
    r"time (\d+), \(-?\d+,-?\d+\), root:\((-?\d+),(-?\d+)\),\s*"
    r"state (0x[0-9a-f]+), (?:keycode \d+ \(keysym (0x[0-9a-f]+)|button (\d+)|is_hint)",
    re.MULTILINE | re.DOTALL,
)
_KINDS = {
    "KeyPress": "key_down",
    "KeyRelease": "key_up",
    "ButtonPress": "press",
    "ButtonRelease": "release",
    "MotionNotify": "motion",
}


class Witness:
    """The program, from its start to its end."""

    def __init__(self, run: Callable[[str], CompletedProcess[bytes]], rest: Callable[[float], bool]) -> None:
        """Show its window over the whole screen. Raises MachineError where it does not come up."""
        self._run = run
        done = run(_SHOW)
        if done.returncode != 0:
            raise MachineError(f"The window that shows events did not come up: {done.stdout.decode(errors='replace')}")
        rest(10.0)
        time.sleep(0.2)

    def read(self) -> tuple[int, list[Event]]:
        """Return how many events there were, and all of them."""
        said = self._run(f"cat {_FILE}").stdout.decode("utf-8", "replace")
        events = [_event(found) for found in _EVENT.finditer(said)]
        return len(events), events

    def close(self) -> None:
        """End the program."""
        self._run("xdotool search --name 'Event Tester' windowkill")


def _event(found: re.Match[str]) -> Event:
    kind, at, x, y, state, symbol, button = found.groups()
    detail = int(symbol, 16) if symbol else int(button or 0)
    held = "+".join(name for bit, name in HELD.items() if int(state, 16) & bit)
    return Event(_KINDS[kind], detail, int(x), int(y), held, int(at))
