"""
Plug-ins: machines, providers, importers, exporters and detectors that installed packages bring, footage's own included.

Each is an entry point of its kind's group: a name, and where the class or module is. Names are read from what is
installed; a plug-in is loaded where it is first used, and one that cannot be loaded stands in the way of nothing else.
What each kind must have stands in its contract (docs/plugins.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from footage.errors import CannotDo, FootageError, PluginBroken, UsageError

__all__ = ["GROUPS", "OWN", "CheckResult", "Plugin", "assert_named", "attempt", "find", "installed", "shadowed"]

GROUPS = {
    "machine": "footage.machines",
    "provider": "footage.providers",
    "importer": "footage.importers",
    "exporter": "footage.exporters",
    "detector": "footage.detectors",
}
"""The kinds of plug-ins, and the group of entry points of each."""
OWN = "footage"
"""The package whose plug-ins keep their names whatever else is installed."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plug-in, loaded or not."""

    kind: str
    name: str
    value: str
    """Where it is: `package.module`, or `package.module:Class`."""
    package: str
    version: str

    @property
    def title(self) -> str:
        """What it is and who brings it: `the importer 'notes' of footage-notes 0.1`."""
        return f"the {self.kind} {self.name!r} of {self.package} {self.version}"

    def broken(self, did: str, problem: BaseException, hint: str) -> PluginBroken:
        """Return the error for what its code raised: `did` says where, as in "cannot be loaded"."""
        said = " ".join(str(problem).split())[:300].rstrip(".")
        title = self.title[0].upper() + self.title[1:]
        return PluginBroken(f"{title} {did}: {type(problem).__name__}: {said}.", hint=hint)

    def load(self) -> Any:
        """Return the module or class. Raises PluginBroken where it cannot be loaded, whatever its code raises."""
        return _load(self)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that a plug-in's check looked at."""

    name: str
    ok: bool
    detail: str
    """What was seen, or what was missing, for people."""


@cache
def installed(kind: str) -> dict[str, Plugin]:
    """
    Return the plug-ins of a kind by their names, footage's own first.

    Where two packages bring the same name, footage's own has it, else the first by the packages' names. Raises
    CannotDo where footage itself is installed without its plug-ins.
    """
    found: dict[str, Plugin] = {}
    for plugin in _all(kind):
        found.setdefault(plugin.name, plugin)
    return found


def shadowed(kind: str) -> list[Plugin]:
    """Return the plug-ins of a kind that cannot be used: their names are taken by others."""
    taken = installed(kind)
    return [plugin for plugin in _all(kind) if taken[plugin.name] != plugin]


def find(kind: str, name: str) -> Plugin:
    """Return a plug-in by its name. Raises UsageError where there is none."""
    known = installed(kind)
    if name not in known:
        names = ", ".join(known) or "none"
        raise UsageError(f"There is no {kind} {name!r}.", hint=f"Installed: {names}.")
    return known[name]


def assert_named(plugin: Plugin, loaded: object, says: str) -> str:
    """Assert that a plug-in has its entry point's name, and a line that `says` what it should; return the line."""
    assert getattr(loaded, "NAME", None) == plugin.name, f"NAME must be the entry point's name, {plugin.name!r}"
    line = getattr(loaded, "LINE", None)
    assert isinstance(line, str), f"LINE must say in a few words what {says}"
    assert line.strip(), "LINE is empty"
    assert "\n" not in line, "LINE must be one line"
    return line


def attempt(name: str, look: Callable[[], str], missing: type[Exception] = AssertionError) -> CheckResult:
    """Return what a check saw: `look` says it, or raises `missing` with what is not there, or whatever broke."""
    try:
        return CheckResult(name, ok=True, detail=look())
    except missing as said:
        return CheckResult(name, ok=False, detail=str(said))
    except FootageError as error:
        return CheckResult(name, ok=False, detail=error.message)
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and is told of it
        return CheckResult(name, ok=False, detail=f"{type(error).__name__}: {error}")


@cache
def _all(kind: str) -> tuple[Plugin, ...]:
    from importlib.metadata import distribution, entry_points

    found = []
    for point in entry_points(group=GROUPS[kind]):
        package = point.dist.name if point.dist else "?"
        version = point.dist.version if point.dist else "?"
        found.append(Plugin(kind, point.name, point.value, package, version))
    own = any(plugin.package == OWN for plugin in found)
    if not own and not any(point.group in GROUPS.values() for point in distribution(OWN).entry_points):
        raise CannotDo(
            "The installation of footage is not whole: none of its own machines and formats is registered.",
            hint="Install it again: pip install --force-reinstall --no-deps, or -e . in its sources.",
        )
    return tuple(sorted(found, key=lambda plugin: (plugin.package != OWN, plugin.package, plugin.name)))


@cache
def _load(plugin: Plugin) -> Any:
    import importlib

    module, _, attribute = plugin.value.partition(":")
    try:
        found = importlib.import_module(module.strip())
        for part in filter(None, attribute.strip().split(".")):
            found = getattr(found, part)
    except (Exception, SystemExit) as problem:
        own = "Install footage again." if plugin.package == OWN else ""
        hint = own or f"Mend the package, or remove it: pip uninstall {plugin.package}."
        raise plugin.broken("cannot be loaded", problem, hint) from problem
    return found
