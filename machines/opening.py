"""
Machines: what actions are performed on, by name.

A machine is named on the command line as `DRIVER`, `DRIVER/WHICH` or `DRIVER:WHICH` (`desktop`, `qemu/desktop`,
`vnc:127.0.0.1:5901`), by the name it has in the configuration, or as `module:Class` where the driver is somebody's own.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from footage.errors import UsageError
from footage.machines.qemu.guests.known_guests import GUESTS

if TYPE_CHECKING:
    from footage.trajectory import Machine

__all__ = ["machine_names", "open_machine", "reopen"]

_DRIVERS = {
    "desktop": "footage.machines.desktop.machine:Desktop",
    "qemu": "footage.machines.qemu.machine:Qemu",
    "vnc": "footage.machines.vnc.machine:Vnc",
}
"""
Where each driver's class is. It is called with what stands after the name, if anything does, and with the options; its
`from_specification` starts a machine like the one whose specification it is given.
"""
_EXACT = {"qemu": "footage.machines.qemu.exact.exact_machine:ExactQemu"}
"""The same for drivers that have an exact mode: machines that record themselves."""
_WHICH = {"qemu": GUESTS}
"""What can stand after a driver's name, where that is known."""
_ENTRY_POINTS = "footage.machines"
"""Packages that bring a driver name its class by an entry point of this group."""


def machine_names() -> tuple[str, ...]:
    """Return the names of the drivers, of installed packages' own ones, and of the machines in the configuration."""
    from footage.machines.configuration import configured

    own = [f"{driver}/{which}" for driver in _DRIVERS for which in _WHICH.get(driver, ())]
    plain = [driver for driver in (*_DRIVERS, *_installed()) if driver not in _WHICH]
    return tuple(dict.fromkeys([*plain, *own, *configured()]))


def open_machine(name: str, **options: Any) -> Machine:
    """
    Start a machine, or connect to it, and return it; the options are those of its class (see docs/machines.md).

    `exact=True` starts a virtual machine under its own record log (see docs/exact.md). Raises UsageError for an
    unknown name or option, and what the machine raises where it cannot start.
    """
    from footage.machines.configuration import configured

    if (known := configured().get(name)) is not None:
        return open_machine(known.machine, **known.options, **options)
    driver, which = re.fullmatch(r"([^:/]*)[:/]?(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr] # fits any text
    if driver not in _DRIVERS and driver not in _installed() and ":" in name:
        driver, which = name, ""
    wanted = _exact(driver, name) if options.pop("exact", False) else driver
    made = _class_of(wanted, name, own=wanted)
    try:
        machine: Machine = made(which, **options) if which else made(**options)
    except TypeError as problem:
        if "argument" in str(problem):
            raise UsageError(f"The machine {name!r} cannot be had like this: {problem}.") from problem
        raise
    return machine


def reopen(specification: Mapping[str, Any]) -> Machine:
    """
    Start a machine like the one that gave this specification.

    Versions of programs are those found now: compare `specification["versions"]` where it matters. Raises
    UsageError where the specification is of no machine known here, or of one that nobody said may be reset.
    """
    driver = str(specification.get("driver", ""))
    made = _class_of(driver.partition("/")[0], driver)
    if not hasattr(made, "from_specification"):
        raise UsageError(
            f"The driver {driver!r} does not start machines from a specification.", hint="Name the machine: --machine."
        )
    machine: Machine = made.from_specification(specification)
    return machine


def _exact(driver: str, name: str) -> str:
    """Return where the driver's exact mode is. Raises UsageError for one that has none."""
    if driver not in _EXACT:
        raise UsageError(f"The machine {name} cannot record itself.", hint="Exact are virtual machines: qemu/desktop.")
    return _EXACT[driver]


def _class_of(driver: str, name: str, *, own: str = "") -> Any:
    """
    Return a driver's class. Raises UsageError where there is none of that name, or it cannot be loaded.

    `own` is somebody's `module:Class`: only what was named by hand, never what a run says, is loaded like this.
    """
    where = _DRIVERS.get(driver) or _installed().get(driver) or own
    module, _, attribute = where.partition(":")
    if not (module and attribute):
        raise UsageError(f"There is no machine {name!r}.", hint=f"Machines: {', '.join(machine_names())}.")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as problem:
        hint = "It is loaded from the folders in PYTHONPATH." if driver not in _DRIVERS else ""
        raise UsageError(f"The machine {name!r} cannot be loaded: {problem}.", hint=hint) from problem
    return found


def _installed() -> dict[str, str]:
    """Return the drivers that installed packages bring: name and `module:Class`."""
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=_ENTRY_POINTS)}
