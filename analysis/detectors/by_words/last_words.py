"""
The detector `last-words`: the last reply says why the run ended: refused, blocked, or given up; or the service failed.

Such words named the kind of 7 failures among 17 real ones, and stood in none of 23 runs that passed. They name a kind,
and no step: where it was decided is not in them. A captcha that is only mentioned once is not told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from footage.analysis.detectors.contract import ExaminedRun, Noticed
from footage.trajectory import RunStatus, Turn

__all__ = ["KINDS", "LINE", "NAME", "VERSION", "detect", "last_reply", "sentence_with"]

NAME = "last-words"
VERSION = 1
LINE = "the last reply refuses, is blocked or gives up; the model's service failed"
KINDS = ("refused", "blocked", "gave_up", "api_error")

_CONFIDENCE = 0.9
_LONGEST = 200
_CANNOT = (
    r"(?:can(?:no|')?t|can not|could(?: not|n't)|(?:was|am|i'm|be) (?:not able|unable)|wasn't able|unable"
    r"|won't|will not|must not|should not|shouldn't)"
)
_CAPTCHA = re.compile(
    r"\b(?:re)?captchas?\b|human verification|verify (?:that )?(?:you|i)(?: are|'re| am) (?:a )?human", re.IGNORECASE
)
_STOPS = re.compile(
    rf"\b{_CANNOT} (?:\w+ ){{0,3}}(?:proceed|continue|assist|help|bypass|solve|complete|interact)"
    r"|need to stop|must stop|ask for (?:your )?direction",
    re.IGNORECASE,
)
_REFUSES = re.compile(
    rf"\bi(?:'m| am)? {_CANNOT}(?: to)? (?:\w+ )?"
    r"(?:assist|help|engage|participate|comply|provide|support|do that|fulfill)\b"
    r"|\bi (?:do not|don't|must|have to) (?:feel comfortable|decline)\b"
    r"|\bagainst my (?:guidelines|instructions|principles)\b",
    re.IGNORECASE,
)
_GIVES_UP = re.compile(
    rf"\bi(?:'ve| have)? (?:was |am |'m )?(?:{_CANNOT})(?: to)? (?:\w+ ){{0,2}}?"
    r"(?:complete|finish|find|access|open|load|reach|locate|perform|log in|sign in)\b"
    r"|\bi (?:give up|gave up|failed to)\b"
    r"|\b(?:the )?task (?:is|was) (?:impossible|not (?:possible|feasible|completed))\b"
    r"|\b(?:appears|seems) to be (?:invalid|unavailable|unreachable|broken|expired|incomplete|incorrect)\b"
    r"|\bplease provide the correct\b",
    re.IGNORECASE,
)
_SUCCESS = re.compile(
    r"\b(?:successfully|has been (?:saved|submitted|created|completed)|is (?:now )?(?:done|complete))\b", re.IGNORECASE
)


def detect(examined: ExaminedRun) -> Iterator[Noticed]:
    """Yield one thing at most: what the run ended with."""
    failed = _service(examined)
    if failed:
        yield Noticed("api_error", failed, confidence=_CONFIDENCE)
        return
    last = last_reply(examined)
    if last is None:
        return
    said = last.text
    captcha = _CAPTCHA.search(said)
    for kind, found, what in (
        ("blocked", captcha and _STOPS.search(said), "The last reply stops before a check that somebody is human"),
        ("refused", last.stop_reason == "refusal" or _REFUSES.search(said), "The last reply refuses"),
        ("gave_up", None if _SUCCESS.search(said) else _GIVES_UP.search(said), "The last reply gives up"),
    ):
        if found:
            quote = (
                sentence_with(said, found.start()) if isinstance(found, re.Match) else "its stop reason is `refusal`"
            )
            yield Noticed(kind, f"{what}: {quote}", confidence=_CONFIDENCE)
            return


def last_reply(examined: ExaminedRun) -> Turn | None:
    """Return the reply that a run ended with; None where the last one asked for a call."""
    turns = [turn for turn in examined.turns if turn.status == "completed"]
    if not turns or turns[-1].stop_reason == "tool_use":
        return None
    last = turns[-1]
    asked = any(step.turn == last.number for step in examined.steps)
    return last if not asked or any(block.get("type") == "text" for block in last.content) else None


def sentence_with(text: str, at: int) -> str:
    """Return the sentence of a text that holds a place, in quotation marks, shortened."""
    begin = max(text.rfind(mark, 0, at) for mark in (". ", "! ", "? ", "\n")) + 1
    ends = [end for mark in (". ", "! ", "? ", "\n") if (end := text.find(mark, at)) >= 0]
    sentence = " ".join(text[begin : min(ends, default=len(text)) + 1].split())
    if len(sentence) > _LONGEST:
        sentence = sentence[: _LONGEST - 1] + "…"
    return f"\N{LEFT DOUBLE QUOTATION MARK}{sentence}\N{RIGHT DOUBLE QUOTATION MARK}"


def _service(examined: ExaminedRun) -> str:
    """Return what is to be said of a service that failed, so that the run could not go on."""
    if examined.turns and examined.turns[-1].status == "errored":
        attempts = examined.turns[-1].attempts
        status = next((each.status for each in reversed(attempts) if each.status), None)
        words = next((each.error for each in reversed(attempts) if each.error), "")
        with_status = f" with HTTP status {status}" if status else ""
        quote = f": {sentence_with(words, 0)}" if words else "."
        return f"The model's service failed at the last request{with_status}{quote}"
    if examined.run.status is RunStatus.ERRORED and re.search(
        r"api|credit|quota|rate.?limit|overloaded|\b[45]\d\d\b", examined.run.error, re.IGNORECASE
    ):
        return f"The model's service ended the run: {sentence_with(examined.run.error, 0)}"
    return ""
