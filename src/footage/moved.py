"""
Where modules of 0.1 went: programs that were written for it go on, with a DeprecationWarning that names the new place.

What is promised to stay is `footage.__all__` and `footage.errors`; this table is for programs that looked deeper. A
module is never loaded twice under two names.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import warnings
from collections.abc import Callable
from types import ModuleType

__all__ = ["MOVED", "attributes_of", "find", "new_name"]

MOVED = {
    "analysis.actions": "analysis.runs.same_action",
    "analysis.align": "analysis.runs.align",
    "analysis.diff": "analysis.runs.diff",
    "analysis.grading": "analysis.requests.grading",
    "recorder.actions": "providers.anthropic.computer_tools",
    "recorder.agent": "agent.loop",
    "recorder.client": "agent.model_client",
    "recorder.door": "machines.contract",
    "recorder.lanes": "recorder.proxy.writer_process.routing",
    "recorder.scaling": "providers.anthropic.scaling",
    "recorder.secrets": "recorder.kept_out",
    "recorder.session": "recorder.recording",
    "recorder.standin": "agent.standin",
    "recorder.standin.server": "agent.standin.standin_server",
    "recorder.supervisor": "recorder.proxy.supervisor",
    "recorder.upstream": "recorder.proxy.relay_process.upstream",
    "recorder.watch": "recorder.screen.watched_machine",
    "replay.machines": "machines.opening",
    "replay.machines.check": "machines.checking.check",
    "replay.machines.desktop": "machines.desktop",
    "replay.machines.desktop.desktop": "machines.desktop.machine",
    "replay.machines.desktop.programs": "machines.desktop.programs.starting",
    "replay.machines.qemu": "machines.qemu",
    "replay.machines.qemu.exact": "machines.qemu.exact.exact_machine",
    "replay.machines.qemu.qemu": "machines.qemu.machine",
    "replay.machines.vnc": "machines.vnc",
    "replay.tape.reply": "replay.tape.tape_answers",
    "replay.tape.upstream": "replay.tape.tape_upstream",
    "storage.database": "storage.file.database",
    "storage.exporters": "interchange.exporters",
    "storage.exporters.atif": "interchange.exporters.atif_writer",
    "storage.exporters.footage_file": "interchange.exporters.footage_writer",
    "storage.importers": "interchange.importers",
    "storage.importers.safety.pictures": "interchange.importers.safety.foreign_pictures",
    "storage.locks": "storage.file.locks",
    "storage.redaction.secrets": "storage.redaction.values",
    "storage.writing": "storage.writer",
    "viewer.export": "viewer.html_export",
}
"""Names within `footage`, old and new. What lies below a name in the table moved with it."""


def new_name(name: str) -> str | None:
    """Return the full name that a module of 0.1 has now; None for one that is in no table."""
    old, below = name.removeprefix("footage."), ""
    while old and old not in MOVED:  # every module's import asks: so many looks as the name has parts
        old, dot, last = old.rpartition(".")
        below = dot + last + below
    return f"footage.{MOVED[old]}{below}" if old else None


class _Loader(importlib.abc.Loader):
    """Loads a moved module: it is executed in its new place alone."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return a stand-in that takes every name from where the module is now."""
        there = new_name(spec.name)
        assert there is not None
        warnings.warn(f"{spec.name} is {there} since 0.2", DeprecationWarning, stacklevel=6)
        return _Moved(spec.name, importlib.import_module(there))

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing."""


class _Moved(ModuleType):
    """A module by the name it had: whatever is read or set, is so in its new place."""

    def __init__(self, name: str, there: ModuleType) -> None:
        super().__init__(name, there.__doc__)
        self.__dict__["_there"] = there

    def __getattr__(self, name: str) -> object:
        return getattr(self.__dict__["_there"], name)

    def __setattr__(self, name: str, value: object) -> None:
        held = self.__dict__ if name.startswith("__") or isinstance(value, _Moved) else self.__dict__["_there"].__dict__
        held[name] = value


def attributes_of(module: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a package that has the name of a module of 0.1: what it lacks is in `module` now."""

    def find(name: str) -> object:
        package = module.rpartition(".")[0]
        if not name.startswith("__") and hasattr(there := importlib.import_module(module), name):
            warnings.warn(f"{package}.{name} is in {module} since 0.2", DeprecationWarning, stacklevel=2)
            return getattr(there, name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find


def find(name: str) -> importlib.machinery.ModuleSpec | None:
    """Return how a module is loaded by the name that it had; None for all others."""
    return importlib.machinery.ModuleSpec(name, _Loader(), is_package=True) if new_name(name) else None
