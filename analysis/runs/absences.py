"""
What is known of a run that shows no steps: said in a sentence, and no more than is known.

"Nothing was done" is one of the things that can be so. Others are that exchanges were kept which footage does not read,
that a part is missing, or that the recording is not over.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from footage.trajectory import WEBSOCKET_REFUSED, Run, RunKind, RunStatus

if TYPE_CHECKING:
    from footage.storage import Store

__all__ = ["kept_unread", "unread_sentence", "why_no_steps"]

_OF_PROVIDER = "/via/"
_ASIDE = re.compile(r"/(?:models(?:/[^/:]*)?|files(?:/.*)?|embeddings|count_tokens|[^/]*:countTokens)$", re.IGNORECASE)
"""Endpoints that ask no model for a reply."""


Heads = Sequence[Sequence[str]]
"""[path, error] of each raw exchange, as `Store.raw_heads` returns them."""


def kept_unread(heads: Heads) -> str:
    """Return what of raw exchanges was kept unread: `14 exchanges with openai`; "" for none."""
    paths = (path for path, error in heads if error != WEBSOCKET_REFUSED and path.startswith(_OF_PROVIDER))
    asked = (path for path in paths if not _ASIDE.search(path.partition("?")[0]))
    by_provider = Counter(path.split("/")[2] for path in asked)
    return ", ".join(f"{_exchanges(count)} with {name}" for name, count in sorted(by_provider.items()))


def unread_sentence(heads: Heads, *, asked: bool) -> str:
    """
    Return what is to be said of raw exchanges at the end of a recording; "" for nothing.

    `asked`: some other requests did ask a model in a way that footage reads.
    """
    return " ".join(filter(None, (_refused(heads), _unread(heads, asked=asked))))


def _refused(heads: Heads) -> str:
    """Return what is to be said of WebSockets that were asked for."""
    paths = sorted({path.partition("?")[0] for path, error in heads if error == WEBSOCKET_REFUSED})
    return f"A WebSocket was asked for at {', '.join(paths)} and refused: {WEBSOCKET_REFUSED}" if paths else ""


def _unread(heads: Heads, *, asked: bool) -> str:
    if unread := kept_unread(heads):
        kept = "was kept as it" if unread.startswith("1 ") and "," not in unread else "were kept as they"
        return f"{unread} {kept} came. Footage does not read such exchanges: what was done is not known."
    others = [path for path, error in heads if error != WEBSOCKET_REFUSED]
    if others and not asked:
        return f"No model was asked in a way that footage reads; {_exchanges(len(others))} of other kinds were kept."
    return ""


def _exchanges(count: int) -> str:
    return f"{count:,} exchange{'' if count == 1 else 's'}"


def why_no_steps(store: Store, run: Run) -> str:
    """Return what is known of a run without steps, in one or two sentences."""
    if run.status is RunStatus.RECORDING:
        return "It is being recorded; steps appear here as they are taken."
    heads = store.raw_heads(run.id)
    if kept_unread(heads) or _refused(heads):
        return unread_sentence(heads, asked=run.turns > 0)
    turns = store.turns(run.id)
    if any(gap.lost != 0 for gap in store.gaps(run.id)):
        return "What was recorded holds none, but something is missing."
    if not turns and heads:
        return unread_sentence(heads, asked=False)
    if not turns and run.kind is RunKind.IMPORTED:
        return "The imported recording holds none."
    if not turns:
        return "No request to a model and no action reached the recording."
    whole = sum(turn.status == "completed" for turn in turns)
    if whole < len(turns):
        return f"{len(turns) - whole} of {len(turns)} replies did not come whole; the others call no tool."
    return f"The model called no tool in {'its reply' if len(turns) == 1 else f'its {len(turns):,} replies'}."
