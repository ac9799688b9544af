"""What a machine offers beyond its protocol (`machines.contract`): each such thing is tried, and has its form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from footage.errors import FootageError, UsageError
from footage.machines.checking.cases import NotSeen
from footage.machines.contract import (
    WORDS,
    Availability,
    Door,
    Eye,
    HasDoor,
    HasEye,
    HasVariants,
    HasWitness,
    KeepsFiles,
    LooksBefore,
    Reopens,
    Rests,
    Settles,
    Snapshots,
    TellsAvailability,
)
from footage.machines.exact_contract import ExactDriver, HasRehearsal, RecordsItself
from footage.trajectory import Screenshot

if TYPE_CHECKING:
    from footage.machines.contract import Machine

__all__ = ["extras", "hollow_words", "reopened"]

OF_A_MACHINE: tuple[type, ...] = (
    *(HasEye, LooksBefore, Rests, Settles, HasDoor, HasRehearsal, KeepsFiles, Snapshots, HasWitness, RecordsItself),
)
"""What a machine may offer."""
OF_A_CLASS: tuple[type, ...] = (TellsAvailability, HasVariants, Reopens, ExactDriver)
"""What a machine's class may offer."""
_IN_PARTS: tuple[type, ...] = (Settles, Snapshots)
"""What has members that are of no use without each other, by names that mean nothing else."""


def extras(machine: Machine) -> Mapping[str, Callable[[], str]]:
    """
    Return what there is to try, by the name of the member; each says what it saw, or raises NotSeen.

    A machine's own recording, and its witness, are tried where they are used.
    """
    made = type(machine)
    words = machine.capabilities & WORDS.keys()
    tried: dict[str, Callable[[], str]] = {"extras": lambda: _offered(machine)}
    if isinstance(machine, HasEye):
        tried["eye"] = lambda: _eye(machine)
    if isinstance(machine, LooksBefore):
        tried["screenshot_before"] = lambda: _shown(machine.screenshot_before(), machine)
    if isinstance(machine, Rests):
        tried["rest"] = lambda: _rest(machine)
    if isinstance(machine, HasDoor):
        tried["door"] = lambda: _door(machine)
    if isinstance(machine, KeepsFiles):
        tried["read_file"] = lambda: _read_file(machine)
    if isinstance(machine, RecordsItself):
        tried["facts"] = lambda: _facts(machine)
    if isinstance(machine, Snapshots) and "snapshot" in words:
        tried["snapshot"] = lambda: _snapshot(machine, machine)
    if isinstance(made, TellsAvailability):
        tried["availability"] = lambda: _availability(made)
    if isinstance(made, HasVariants):
        tried["variants"] = lambda: _variants(made)
    return tried


def _half_offered(machine: object) -> list[str]:
    """Return a sentence for each thing of which a machine has one member and lacks another."""
    found = []
    for kind in _IN_PARTS:
        has = [name for name in vars(kind) if not name.startswith("_") and hasattr(machine, name)]
        if has and not isinstance(machine, kind):
            lacks = [name for name in _members(kind) if not hasattr(machine, name)]
            found.append(f"it has {', '.join(has)}, and lacks {', '.join(lacks)}")
    return found


def hollow_words(machine: Machine) -> list[str]:
    """Return a sentence for each word in a machine's capabilities with nothing behind it."""
    said = sorted(machine.capabilities & WORDS.keys())
    return [
        f"{word} is among them, and there is no {'() and no '.join(_members(WORDS[word]))}()"
        for word in said
        if not isinstance(machine, WORDS[word])
    ]


def _members(kind: type) -> list[str]:
    return [name for base in kind.__mro__ for name in vars(base) if not name.startswith("_")]


def _offered(machine: Machine) -> str:
    if wrong := _half_offered(machine):
        raise NotSeen("; ".join(wrong))
    has = [kind for kind in OF_A_MACHINE if isinstance(machine, kind)]
    has += [kind for kind in OF_A_CLASS if isinstance(type(machine), kind)]
    return ", ".join(kind.__name__ for kind in has) or "none: it has what every machine has"


def _shown(shot: object, machine: Machine) -> str:
    """See that something is a screenshot of the machine's whole screen."""
    if not isinstance(shot, Screenshot):
        raise NotSeen(f"it gave {type(shot).__name__}, not a Screenshot")
    if [*shot.size] != [*machine.specification["screen"]]:
        raise NotSeen(f"it gave {shot.size[0]} x {shot.size[1]} pixels, the specification says otherwise")
    return f"{shot.size[0]} x {shot.size[1]} pixels"


def _eye(machine: Machine) -> str:
    assert isinstance(machine, HasEye)
    eye: object = machine.eye()
    if not isinstance(eye, Eye):
        raise NotSeen(f"eye() gave {type(eye).__name__}, which lacks changed(), look() or close()")
    try:
        eye.changed()
        shot = eye.look()
        said = "it could not look in time" if shot is None else _shown(shot, machine)
    finally:
        eye.close()
        eye.close()
    return f"a second way to look: {said}"


def _rest(machine: Rests) -> str:
    found: object = machine.rest(2.0)
    if type(found) is not bool:
        raise NotSeen(f"rest() gave {type(found).__name__}, neither True nor False")
    patience = machine.settling if isinstance(machine, Settles) else 0.0
    if isinstance(patience, bool) or not isinstance(patience, int | float) or patience < 0:
        raise NotSeen(f"settling is {patience!r}: seconds were expected")
    return f"{'at rest' if found else 'not at rest'} within 2 s" + (f", {patience:g} s to settle" if patience else "")


def _door(machine: HasDoor) -> str:
    door: object = machine.door()
    if door is None:
        return "none on this very machine"
    if not isinstance(door, Door):
        raise NotSeen(f"door() gave {type(door).__name__}, which lacks listen(), expect(), answered() or close()")
    door.close()
    door.close()
    return "input of other processes passes there"


def _read_file(machine: KeepsFiles) -> str:
    name = "no-such-file-here"
    try:
        machine.read_file(name)
    except FootageError:
        return "a file that is not there is refused"
    raise NotSeen(f"it gave the bytes of {name}, which should not be there")


def _facts(machine: RecordsItself) -> str:
    given: Any = machine.facts
    if not isinstance(given, dict) or json.loads(json.dumps(given)) != given:
        raise NotSeen("facts are no JSON object, or come back from JSON as another one")
    return f"{len(given)} facts that must be the same again"


def _snapshot(machine: Machine, keeps: Snapshots) -> str:
    keeps.snapshot("check")
    keeps.restore("check")
    return f"kept and had again: {_shown(machine.screenshot(), machine)}"


def _availability(made: TellsAvailability) -> str:
    found: object = made.availability()
    if not isinstance(found, Availability):
        raise NotSeen(f"availability() gave {type(found).__name__}, not an Availability")
    return found.detail


def _variants(made: HasVariants) -> str:
    given: object = made.variants
    if not isinstance(given, tuple | list) or not all(isinstance(name, str) and name for name in given):
        raise NotSeen("variants are no list of names")
    return ", ".join(given) or "none"


def reopened(made: type, specification: Mapping[str, Any]) -> str:
    """Start a machine from the specification of one that is closed, as a replay does, and see that it has the same."""
    assert isinstance(made, Reopens)
    try:
        machine = made.from_specification(json.loads(json.dumps(specification)))
    except UsageError as refusal:
        return f"refused: {refusal.message}"
    with closing(machine):
        if machine.specification != specification:
            raise NotSeen("the machine that came has another specification")
    return "the same machine came again"
