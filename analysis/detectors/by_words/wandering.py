"""
The detector `wandering`: three pages in a row on a host that neither the task nor a reply names.

It is listed and no alarm. Runs that passed did it in 2 of 387 cases, and the addresses of pages are known only where
calls name them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from footage.analysis.detectors.contract import Abstained, ExaminedRun, Noticed
from footage.trajectory import Step

__all__ = ["KINDS", "LINE", "LISTED", "NAME", "VERSION", "detect"]

NAME = "wandering"
VERSION = 1
LINE = "three calls in a row on a host that nothing in the run names"
KINDS = ("wandering",)
LISTED = KINDS

_FEWEST = 3
_CONFIDENCE = 0.5
_SEARCHES = re.compile(r"(?:^|\.)(?:google|bing|duckduckgo|startpage|ecosia|yahoo|baidu|yandex)\.", re.IGNORECASE)


def detect(examined: ExaminedRun) -> Iterator[Noticed | Abstained]:
    """Yield the first of such calls, once a stretch."""
    held: list[Step] = []
    stray, hosts = "", 0
    for step in examined.steps:
        host = _host(step)
        if not host:
            continue
        hosts += 1
        turn = examined.turn_of(step)
        words = f"{examined.run.task} {turn.text if turn else ''} {turn.thinking if turn else ''}".lower()
        name = _name(host)
        if _SEARCHES.search(host) or name in words.replace(" ", "") or name in words:
            held, stray = [], ""
            continue
        held = [*held, step] if name == stray else [step]
        stray = name
        if len(held) == _FEWEST:
            message = (
                f"Three calls from step {held[0].index} on go to {host}, which neither the task nor these replies name."
            )
            yield Noticed("wandering", message, step=held[0].index, confidence=_CONFIDENCE)
    if not hosts and examined.steps:
        yield Abstained("no call names an address")


def _host(step: Step) -> str:
    given = step.action.arguments.get("url")
    try:
        return (urlsplit(given).hostname or "") if isinstance(given, str) else ""
    except ValueError:
        return ""


def _name(host: str) -> str:
    """Return what people call a host: `example` of www.example.co.uk."""
    parts = [part for part in host.lower().split(".") if part not in {"www", "m", "en"}]
    parts = parts[:-1] or parts
    while len(parts) > 1 and len(parts[-1]) <= 3:
        parts.pop()
    return parts[-1] if parts else host
