"""What a recording could not store, told at the end of the command that recorded it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from footage.cli.shared.printing.text import clean, counted

if TYPE_CHECKING:
    from footage.trajectory import JSON

__all__ = ["tell_losses"]


def tell_losses(losses: Sequence[JSON]) -> None:
    """
    Say what one run lacks by each of those who recorded it; nothing where it lacks nothing.

    Each says {"incomplete": run, "lost": events, "ended": …, "why": …}: `lost` is None where nobody knows how many,
    `ended` says whether the end could be stored.
    """
    if not losses:
        return
    why = next((loss["why"] for loss in losses if loss["why"]), "").rstrip(".")
    what = f"Not everything of run {losses[0]['incomplete']} could be stored{f' ({why})' if why else ''}"
    if all(loss["ended"] for loss in losses):
        said = f"{what}: {_lost(losses)}. The run has gaps."
    else:
        said = f"{what}: {_lost(losses)}, its end among them. The run has gaps, and is shown as interrupted."
    click.echo(clean(said), err=True)


def _lost(losses: Sequence[JSON]) -> str:
    known = sum(loss["lost"] or 0 for loss in losses)
    if not known:
        return "nobody knows how many events are lost"
    least = "at least " if any(loss["lost"] is None for loss in losses) else ""
    return f"{least}{counted(known, 'event')} {'is' if known == 1 else 'are'} lost"
