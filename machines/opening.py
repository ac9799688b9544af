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

from footage.errors import PluginBroken, UsageError
from footage.machines.contract import HasVariants, Reopens
from footage.machines.exact_contract import ExactDriver
from footage.plugins import Plugin, installed

if TYPE_CHECKING:
    from footage.machines.contract import Machine

__all__ = ["class_of", "exact_driver", "exact_driver_of", "machine_names", "open_machine", "reopen"]

_EXACT = "-exact"
"""
What the name of a driver's exact mode ends with: the plug-in `qemu-exact` is the class of `qemu` machines that record
themselves.
"""


def machine_names() -> tuple[str, ...]:
    """Return the names of the drivers, of installed packages' own ones, and of the machines in the configuration."""
    from footage.machines.configuration import configured

    drivers = {driver: _variants(plugin) for driver, plugin in _drivers().items()}
    plain = [driver for driver, variants in drivers.items() if not variants]
    varied = [f"{driver}/{which}" for driver, variants in drivers.items() for which in variants]
    return tuple(dict.fromkeys([*plain, *varied, *configured()]))


def open_machine(name: str, **options: Any) -> Machine:
    """
    Start a machine, or connect to it, and return it; the options are those of its class (see docs/machines.md).

    `exact=True` starts a virtual machine under its own record log (see docs/exact.md). Raises UsageError for an
    unknown name or option, and what the machine raises where it cannot start.
    """
    from footage.machines.configuration import configured

    if (known := configured().get(name)) is not None:
        return open_machine(known.machine, **known.options, **options)
    driver, which = _parted(name)
    made: Any = _exact_class(driver, name) if options.pop("exact", False) else _class_of(driver, name, by_hand=True)
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
    if not isinstance(made, Reopens):
        raise UsageError(
            f"The driver {driver!r} does not start machines from a specification.", hint="Name the machine: --machine."
        )
    return made.from_specification(specification)


def exact_driver(name: str) -> ExactDriver:
    """Return the class of the exact mode of a machine, by the machine's name. Raises UsageError for one without."""
    from footage.machines.configuration import configured

    if (known := configured().get(name)) is not None:
        return exact_driver(known.machine)
    return _exact_class(re.split("[:/]", name, maxsplit=1)[0], name)


def exact_driver_of(specification: Mapping[str, Any]) -> ExactDriver:
    """Return the class of the exact mode of the machine that gave this specification. Raises UsageError for none."""
    driver = str(specification.get("driver", ""))
    return _exact_class(driver.partition("/")[0], driver)


def class_of(name: str) -> tuple[Any, str]:
    """
    Return the class of a driver, and what stands after the driver in the machine's name.

    The name is none of the configuration. Raises UsageError, PluginBroken, as `open_machine` does.
    """
    driver, which = _parted(name)
    return _class_of(driver, name, by_hand=True), which


def _parted(name: str) -> tuple[str, str]:
    """Return a machine's driver, and what stands after it."""
    driver, which = re.fullmatch(r"([^:/]*)[:/]?(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr] # fits any text
    return (name, "") if driver not in _drivers() and ":" in name else (driver, which)


def _drivers() -> dict[str, Plugin]:
    """Return the drivers by their names, without their exact modes."""
    return {name: plugin for name, plugin in installed("machine").items() if not name.endswith(_EXACT)}


def _variants(plugin: Plugin) -> tuple[str, ...]:
    """Return what can stand after a driver's name, as its class says in `variants`; () where it does not."""
    try:
        made = plugin.load()
    except PluginBroken:
        return ()
    return tuple(made.variants) if isinstance(made, HasVariants) else ()


def _exact_class(driver: str, name: str) -> ExactDriver:
    """Return the class of a driver's exact mode. Raises UsageError for one that has none."""
    plugin = installed("machine").get(f"{driver}{_EXACT}")
    made = plugin.load() if plugin is not None else None
    if not isinstance(made, ExactDriver):
        raise UsageError(f"The machine {name} cannot record itself.", hint="Exact are virtual machines: qemu/desktop.")
    return made


def _class_of(driver: str, name: str, *, by_hand: bool = False) -> Any:
    """
    Return a driver's class. Raises UsageError where there is none of that name, PluginBroken where it does not load.

    Only what was named `by_hand` may be somebody's `module:Class`; what a run says is never loaded like this.
    """
    if (plugin := _drivers().get(driver)) is not None:
        return plugin.load()
    module, _, attribute = driver.partition(":")
    if not (by_hand and module and attribute):
        raise UsageError(f"There is no machine {name!r}.", hint=f"Machines: {', '.join(machine_names())}.")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as problem:
        hint = "It is loaded from the folders in PYTHONPATH."
        raise UsageError(f"The machine {name!r} cannot be loaded: {problem}.", hint=hint) from problem
    return found
