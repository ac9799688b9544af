"""Machines: what actions are performed on, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from footage.errors import UsageError

if TYPE_CHECKING:
    from footage.trajectory import Machine

__all__ = ["machine_names", "open_machine", "reopen"]

_NAMES = ("desktop",)


def machine_names() -> tuple[str, ...]:
    """Return the names that `open_machine` takes."""
    return _NAMES


def open_machine(name: str, **options: Any) -> Machine:
    """
    Start a machine and return it; the options are those of its class (see docs/machines.md).

    Raises UsageError for an unknown name or option, and what the machine raises where it cannot start.
    """
    if name not in _NAMES:
        raise UsageError(f"There is no machine {name!r}.", hint=f"Machines: {', '.join(_NAMES)}.")
    from footage.replay.machines.desktop.desktop import Desktop

    try:
        return Desktop(**options)
    except TypeError as problem:
        if "unexpected keyword argument" in str(problem):
            raise UsageError(f"The machine {name!r} has no such option: {problem}.") from problem
        raise


def reopen(specification: Mapping[str, Any]) -> Machine:
    """
    Start a machine like the one that gave this specification.

    Versions of programs are those found now: compare `specification["versions"]` where it matters. Raises
    UsageError where the specification is of no machine known here.
    """
    name = str(specification.get("driver", ""))
    if name not in _NAMES:
        raise UsageError(f"There is no machine {name!r}.", hint=f"Machines: {', '.join(_NAMES)}.")
    from footage.replay.machines.desktop.desktop import Desktop

    return Desktop.from_specification(specification)
