"""Which machines can be had here, and what is missing for the others: without starting any."""

from __future__ import annotations

from footage.errors import FootageError
from footage.machines.configuration import configured
from footage.machines.contract import Availability, TellsAvailability
from footage.machines.opening import class_of, machine_names

__all__ = ["availabilities", "availability"]


def availabilities() -> dict[str, Availability]:
    """Return how it stands with every machine that has a name, by its name."""
    return {name: availability(name) for name in machine_names()}


def availability(name: str) -> Availability:
    """Return how it stands with one machine: its class says so (`contract.TellsAvailability`)."""
    if (known := configured().get(name)) is not None:
        return availability(known.machine)
    try:
        made, which = class_of(name)
        if not isinstance(made, TellsAvailability):
            return Availability(ready=True, detail="of an installed package, which does not say more")
        found: object = made.availability(which)
    except FootageError as problem:
        return Availability(False, problem.message, problem.hint)
    except Exception as problem:  # noqa: BLE001 - a stranger's code may raise anything, and one machine is one line
        return Availability(False, f"whether it can be had could not be told: {type(problem).__name__}: {problem}")
    if isinstance(found, Availability):
        return found
    return Availability(False, f"whether it can be had could not be told: the driver gave {type(found).__name__}")
