"""
The formats of other people's recordings: one module each, loaded where a recording is looked at.

A format's module has a `NAME`, as it is shown and given to `--format`; `recognise(entry)`, which tells by content
whether a file or folder is of this format (never by its name alone, and cheaply: it is asked for every file); and
`read(entry)`, which yields the runs in it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Protocol, cast

from footage.interchange.importers.draft import DraftRun
from footage.interchange.importers.entry import Entry

__all__ = ["FORMATS", "Format", "load"]

FORMATS: dict[str, str] = {
    "anthropic-events": "anthropic_events",
    "anthropic-messages": "message_dumps",
    "anthropic-best-practices": "best_practices",
    "claude-code": "claude_code",
    "osworld": "osworld",
    "cua": "cua",
    "atif": "atif",
    "screenagent": "screenagent",
    "openadapt": "openadapt",
    "webvoyager": "webvoyager",
    "agentnet": "agentnet",
    "online-mind2web": "online_mind2web",
    "browser-use": "browser_use",
    "demo-recorder": "demo_recorder",
    "animated-run": "animated_run",
    "playwright": "playwright_trace",
}
"""Names of formats and their modules here, in the order in which they are asked."""


class Format(Protocol):
    """What a format's module has."""

    NAME: str

    def recognise(self, entry: Entry) -> bool:
        """Tell whether the entry is a recording of this format. Never raises for what is none."""
        ...

    def read(self, entry: Entry) -> Iterator[DraftRun]:
        """Yield the runs in a recognised entry. Raises BadImport where nothing of it can be read."""
        ...


@cache
def load(name: str) -> Format:
    """Return a format's module by its name in `FORMATS`."""
    return cast("Format", importlib.import_module(f"footage.interchange.importers.formats.{FORMATS[name]}"))
