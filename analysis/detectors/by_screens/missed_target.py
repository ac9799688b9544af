"""
The detector `missed-target`: the reply says where it sees its target, and the click goes to something else.

Words alone say nothing of a miss: rules that go by what a reply means to press fire on half of all right clicks. This
one goes by a place that the reply itself names in pixels (`I see 4 at (139, 483)`). A model that names corners is off
by the same few pixels each time: what counts is the offset that the run's other clicks have. And the click must have
landed on a thing, and not on an empty plane: who names the corner of a large field clicks into its middle.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from footage.analysis.detectors.contract import Abstained, ExaminedRun, Noticed
from footage.analysis.screens.blobs import clip, crop
from footage.providers.actions.canonical import CLICKS
from footage.trajectory import FrameRole, Region, Step

__all__ = ["KINDS", "LINE", "NAME", "VERSION", "detect"]

NAME = "missed-target"
VERSION = 1
LINE = "a click beside the place where the reply itself sees its target"
KINDS = ("missed_target",)

_OFF = 24
"""Pixels beyond the usual offset that are a miss."""
_FEWEST = 3
"""So many other clicks tell the usual offset."""
_USUAL = 40
"""A usual offset of more pixels is another ruler, and no habit."""
_EDGES = 4.0
"""A place of less contrast shows no thing."""
_REACH = 24
_CONFIDENCE = 0.8
_NAMED = re.compile(
    r"(?:(?:see|found|find|locate|spot)s?\s+(?:the\s+)?(?P<name>[^.,;:\n]{1,40}?)\s+at\s+)\(?\s*(?P<x>\d{1,4})\s*,\s*(?P<y>\d{1,4})\s*\)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Aimed:
    step: Step
    name: str
    named: tuple[int, int]

    @property
    def offset(self) -> tuple[int, int]:
        assert self.step.action.point is not None
        return self.step.action.point[0] - self.named[0], self.step.action.point[1] - self.named[1]


def detect(examined: ExaminedRun) -> Iterator[Noticed | Abstained]:
    """Yield each click that went elsewhere than its own reply says."""
    aimed = list(_aimed(examined))
    if 0 < len(aimed) <= _FEWEST:
        yield Abstained("too few clicks whose replies name a place", len(aimed))
        return
    for each in aimed:
        others = [other.offset for other in aimed if other is not each]
        usual = median(x for x, _ in others), median(y for _, y in others)
        near = sum(max(abs(x - usual[0]), abs(y - usual[1])) <= _OFF / 2 for x, y in others)
        if near < _FEWEST or near * 2 < len(others) or max(map(abs, usual)) > _USUAL:
            continue
        off = max(abs(each.offset[0] - usual[0]), abs(each.offset[1] - usual[1]))
        if off <= _OFF or not _on_a_thing(examined, each.step):
            continue
        meant = round(each.named[0] + usual[0]), round(each.named[1] + usual[1])
        before = each.step.frame(FrameRole.BEFORE)
        yield Noticed(
            "missed_target",
            f"The reply sees its target, \N{LEFT DOUBLE QUOTATION MARK}{each.name}\N{RIGHT DOUBLE QUOTATION MARK}, at"
            f" {each.named}; the {each.step.action.title} went to {each.step.action.point}, {round(off)} pixels beside"
            f" where this run's clicks on what they see go, and hit something else. It missed {meant}.",
            step=each.step.index,
            evidence=(before,) if before else (),
            region=Region(meant[0] - _OFF, meant[1] - _OFF, 2 * _OFF, 2 * _OFF) if min(meant) >= _OFF else None,
            confidence=_CONFIDENCE,
        )


def _aimed(examined: ExaminedRun) -> Iterator[_Aimed]:
    """Yield the clicks whose replies ask for nothing else and name one place."""
    asked = Counter(step.turn for step in examined.steps)
    for step in examined.steps:
        turn = examined.turn_of(step)
        if turn is None or asked[step.turn] != 1 or step.redacted:
            continue
        if step.action.name not in CLICKS or step.action.point is None or step.action.space is not None:
            continue
        found = list(_NAMED.finditer(f"{turn.thinking}\n{turn.text}"))
        if len({match.group("x", "y") for match in found}) == 1:
            yield _Aimed(step, found[0]["name"].strip(" '\""), (int(found[0]["x"]), int(found[0]["y"])))


def _on_a_thing(examined: ExaminedRun, step: Step) -> bool:
    """Tell whether something was drawn where a click landed."""
    before, point = step.frame(FrameRole.BEFORE), step.action.point
    if before is None or point is None or (before.width, before.height) != (before.screen_width, before.screen_height):
        return False
    near = Region(point[0] - _REACH, point[1] - _REACH, 2 * _REACH, 2 * _REACH)
    part = crop(examined.pixels(before), clip(near, (before.height, before.width)))
    return bool(part.size) and float(part.std(axis=(0, 1)).max()) > _EDGES
