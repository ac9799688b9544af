"""What every machine promises by its protocol, whatever stands behind it; seen without a window of our own on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from footage.errors import FootageError, MachineError
from footage.machines.checking.cases import NotSeen
from footage.machines.checking.extras import hollow_words
from footage.machines.contract import MACHINE_PROTOCOL, WORDS, Machine
from footage.trajectory import InputEvent, Instant, Performed

if TYPE_CHECKING:
    from footage.trajectory import Action

__all__ = ["after_closing", "perform_blindly", "promises"]

ACTIONS = frozenset(
    {
        *("key", "hold_key", "type", "cursor_position", "mouse_move", "left_mouse_down", "left_mouse_up", "left_click"),
        *("right_click", "middle_click", "double_click", "triple_click", "left_click_drag", "scroll", "wait"),
        *("screenshot", "zoom"),
    }
)
"""The canonical actions."""
_STATES = frozenset({"pixel_exact", "isolated"})
"""Words in `capabilities` for what a machine is; those for what it has are in `contract.WORDS`."""


def promises(machine: Machine) -> dict[str, Callable[[], str]]:
    """Return what is looked at, by name; each says what it saw, or raises NotSeen (or what the machine raises)."""
    return {
        "protocol": lambda: _protocol(machine),
        "specification": lambda: _specification(machine),
        "capabilities": lambda: _capabilities(machine),
        "environment": lambda: _environment(machine),
        "clock": lambda: _clock(machine),
        "picture": lambda: _picture(machine),
    }


def _protocol(machine: Machine) -> str:
    members = [name for name in vars(Machine) if not name.startswith("_")]
    missing = [name for name in members if not hasattr(machine, name)]
    if missing:
        raise NotSeen(f"it lacks {', '.join(missing)}")
    return f"version {MACHINE_PROTOCOL}: {', '.join(members)}"


def _specification(machine: Machine) -> str:
    given: Any = machine.specification
    if not isinstance(given, dict) or json.loads(json.dumps(given)) != given:
        raise NotSeen("it is no JSON object, or comes back from JSON as another one")
    screen = given.get("screen")
    if not (isinstance(given.get("driver"), str) and given["driver"] and given.get("protocol") == MACHINE_PROTOCOL):
        raise NotSeen(f'it needs a "driver", and "protocol": {MACHINE_PROTOCOL}')
    if not (isinstance(screen, list) and len(screen) == 2 and all(type(n) is int and n > 0 for n in screen)):
        raise NotSeen(f'"screen" must be [width, height], not {screen!r}')
    return f"driver {given['driver']}, {screen[0]} x {screen[1]} pixels"


def _capabilities(machine: Machine) -> str:
    given = machine.capabilities
    if not isinstance(given, frozenset) or not all(isinstance(name, str) for name in given):
        raise NotSeen(f"they are no frozenset of names, but {type(given).__name__}")
    if "screenshot" not in given:
        raise NotSeen("screenshot is not among them")
    if hollow := hollow_words(machine):
        raise NotSeen("; ".join(hollow))
    lacking, unknown = ACTIONS - given, given - ACTIONS - WORDS.keys() - _STATES
    said = "all canonical actions" if not lacking else f"all but {', '.join(sorted(lacking))}"
    return f"{said}; words that mean nothing here: {', '.join(sorted(unknown))}" if unknown else said


def _environment(machine: Machine) -> str:
    given = machine.environment
    if not isinstance(given, Mapping) or not all(isinstance(x, str) for pair in given.items() for x in pair):
        raise NotSeen("it is no mapping of variables to texts")
    return ", ".join(sorted(given)) or "no variables: other processes cannot find this machine"


def _clock(machine: Machine) -> str:
    times = [machine.clock() for _ in range(3)]
    if not all(isinstance(moment, float) for moment in times) or times != sorted(times):
        raise NotSeen(f"it says {times}: seconds that never go back were expected")
    return f"{times[-1]:.2f} s"


def _picture(machine: Machine) -> str:
    """Look at the form of a screenshot, and that it stays as it is when another is taken."""
    before = Instant.now()
    shot = machine.screenshot()
    pixels = shot.pixels
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise NotSeen("its pixels are no array of (height, width, 3), uint8")
    if not (shot.captured.boot_id == before.boot_id and shot.captured.monotonic_ns >= before.monotonic_ns):
        raise NotSeen("it says that it was captured before it was asked for")
    kept = pixels.copy()
    if np.shares_memory(machine.screenshot().pixels, pixels) and pixels.flags.writeable:
        raise NotSeen("two screenshots share their memory: the first one would change with the second")
    if not np.array_equal(kept, pixels):
        raise NotSeen("a screenshot changed after it was given out")
    return f"{shot.size[0]} x {shot.size[1]}, {pixels.dtype}, captured at an instant of this boot"


def perform_blindly(machine: Machine, action: Action) -> str:
    """Perform an action and see that the machine tells of it as it should; whether it had an effect is not seen."""
    before = len(machine.input_log)
    performed = machine.perform(action)
    if not isinstance(performed, Performed):
        raise NotSeen(f"it returned {type(performed).__name__}, not Performed")
    told = [event.as_list() for event in performed.delivered if isinstance(event, InputEvent)]
    if len(told) != len(performed.delivered):
        raise NotSeen("what it delivered are no InputEvents")
    if [event.as_list() for event in machine.input_log[before:]] != told:
        raise NotSeen("the input log has not grown by what it says it delivered")
    if not told and not action.looks_only:
        raise NotSeen("it says that it delivered nothing")
    return f"{len(told)} events delivered; no program was there to see them"


def after_closing(machine: Machine) -> str:
    """Close a machine twice; nothing else may be done with it then."""
    machine.close()
    machine.close()
    try:
        machine.screenshot()
    except MachineError:
        return "closed twice without harm, and gives no screenshot any more"
    except FootageError as problem:
        raise NotSeen(f"a screenshot after it raised {type(problem).__name__}, not MachineError") from problem
    raise NotSeen("it still gave a screenshot")
