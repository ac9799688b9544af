"""Which importers there are, and in which order they are asked."""

from __future__ import annotations

from collections.abc import Callable

from footage import plugins
from footage.errors import PluginBroken
from footage.interchange.importers.contract import AFTER_OWN, Importer
from footage.plugins import Plugin

__all__ = ["load_importer", "ordered_importers"]


def load_importer(name: str) -> Importer:
    """Return an importer by its name. Raises UsageError where there is none, PluginBroken where it cannot be loaded."""
    found: Importer = plugins.find("importer", name).load()
    return found


def ordered_importers(on_broken: Callable[[PluginBroken], None]) -> list[tuple[Plugin, Importer]]:
    """Return all importers in the order in which they are asked; those that cannot be loaded are told, and left out."""
    found: list[tuple[Plugin, Importer]] = []
    for plugin in plugins.installed("importer").values():
        try:
            found.append((plugin, plugin.load()))
        except PluginBroken as broken:
            on_broken(broken)
    return sorted(found, key=lambda each: (-_priority(each[1]), each[0].name))


def _priority(importer: Importer) -> float:
    given = getattr(importer, "PRIORITY", AFTER_OWN)
    return float(given) if isinstance(given, int | float) else AFTER_OWN
