"""Plug-ins as the command line names them: options that take a plug-in's name, and lists of them in the help."""

from __future__ import annotations

import click

from footage import plugins
from footage.errors import FootageError, PluginBroken

__all__ = ["PluginName", "lines_of"]


class PluginName(click.ParamType[str]):
    """The name of an installed plug-in of one kind, looked up where it is given."""

    name = "name"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name. A name that nothing installed has is a wrong argument."""
        known = plugins.installed(self.kind)
        if value not in known:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, known))}.", param, ctx)
        return value

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002 - click's
        """Return what stands for the name in the help."""
        return "NAME"


def lines_of(kind: str) -> list[tuple[str, str]]:
    """Return the name and the line of each plug-in of a kind; of one that cannot be loaded, that it cannot."""
    try:
        known = plugins.installed(kind).values()
    except FootageError as error:
        return [("none", error.message)]
    found = []
    for plugin in known:
        try:
            loaded = plugin.load()
        except PluginBroken as broken:
            found.append((plugin.name, broken.message))
            continue
        parts = (getattr(loaded, "ENDING", ""), getattr(loaded, "LINE", ""))
        found.append((plugin.name, "  ".join(str(part) for part in parts if part)))
    return found
