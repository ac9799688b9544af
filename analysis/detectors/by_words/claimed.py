"""
The detector `claimed`: an action shows nothing on the screen, and the next reply says that it worked.

It is listed and no alarm: it stood in 51 of 453 real places, in runs that passed as often as in those that failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from footage.analysis.detectors.by_words.last_words import sentence_with
from footage.analysis.detectors.contract import ExaminedRun, Noticed
from footage.analysis.detectors.effects import Effect

__all__ = ["KINDS", "LINE", "LISTED", "NAME", "VERSION", "detect"]

NAME = "claimed"
VERSION = 1
LINE = "success claimed after an action that did not show on the screen"
KINDS = ("claimed_success",)
LISTED = KINDS

_CONFIDENCE = 0.6
_WORKED = re.compile(
    r"\b(?:successfully|that worked|it worked"
    r"|(?:has|have) been (?:\w+ )?"
    r"(?:saved|opened|closed|selected|typed|entered|submitted|clicked|deleted|created|sent|added)"
    r"|(?:is|are) now (?:open|selected|visible|shown|filled)|great[!,]|perfect[!,])",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|n't|no|but|however|unless|if|fail\w*|yet)\b", re.IGNORECASE)


def detect(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield each such step."""
    for step in examined.steps:
        asking, following = examined.turn_of(step), examined.turn_of(step, later=1)
        if asking is None or following is None or following.conversation != asking.conversation:
            continue
        found = _WORKED.search(following.text)
        if found is None or examined.effects.of(step.index) is not Effect.NONE:
            continue
        quote = sentence_with(following.text, found.start())
        if _NOT.search(quote) is None:
            shown = examined.effects.screens(step.index) or ()
            yield Noticed(
                "claimed_success",
                f"{step.action.title} changed nothing on the screen, and the next reply says: {quote}",
                step=step.index,
                evidence=tuple(shown),
                confidence=_CONFIDENCE,
            )
