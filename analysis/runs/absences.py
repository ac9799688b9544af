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

from footage.trajectory import Run, RunKind, RunStatus

if TYPE_CHECKING:
    from footage.storage import Store

__all__ = ["kept_unread", "unread_sentence", "why_no_steps"]

_OF_PROVIDER = "/via/"
_ASIDE = re.compile(r"/(?:models(?:/[^/:]*)?|files(?:/.*)?|embeddings|count_tokens|[^/]*:countTokens)$", re.IGNORECASE)
"""Endpoints that ask no model for a reply."""


def kept_unread(paths: Sequence[str]) -> str:
    """Return what of raw exchanges, by their paths, was kept unread: `14 exchanges with openai`; "" for none."""
    asked = (path for path in paths if path.startswith(_OF_PROVIDER) and not _ASIDE.search(path.partition("?")[0]))
    by_provider = Counter(path.split("/")[2] for path in asked)
    return ", ".join(f"{_exchanges(count)} with {name}" for name, count in sorted(by_provider.items()))


def unread_sentence(paths: Sequence[str], *, asked: bool) -> str:
    """
    Return what is to be said of raw exchanges, by their paths, at the end of a recording; "" for nothing.

    `asked`: some other requests did ask a model in a way that footage reads.
    """
    if unread := kept_unread(paths):
        kept = "was kept as it" if unread.startswith("1 ") and "," not in unread else "were kept as they"
        return f"{unread} {kept} came. Footage does not read such exchanges: what was done is not known."
    if paths and not asked:
        return f"No model was asked in a way that footage reads; {_exchanges(len(paths))} of other kinds were kept."
    return ""


def _exchanges(count: int) -> str:
    return f"{count:,} exchange{'' if count == 1 else 's'}"


def why_no_steps(store: Store, run: Run) -> str:
    """Return what is known of a run without steps, in one or two sentences."""
    if run.status is RunStatus.RECORDING:
        return "It is being recorded; steps appear here as they are taken."
    paths = store.raw_paths(run.id)
    if kept_unread(paths):
        return unread_sentence(paths, asked=run.turns > 0)
    turns = store.turns(run.id)
    if any(gap.lost != 0 for gap in store.gaps(run.id)):
        return "What was recorded holds none, but something is missing."
    if not turns and paths:
        return unread_sentence(paths, asked=False)
    if not turns and run.kind is RunKind.IMPORTED:
        return "The imported recording holds none."
    if not turns:
        return "No request to a model and no action reached the recording."
    whole = sum(turn.status == "completed" for turn in turns)
    if whole < len(turns):
        return f"{len(turns) - whole} of {len(turns)} replies did not come whole; the others call no tool."
    return f"The model called no tool in {'its reply' if len(turns) == 1 else f'its {len(turns):,} replies'}."
