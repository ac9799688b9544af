"""`footage frames`: screens that nobody recorded, taken afterwards from an exact recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from footage.cli.shared.exactness import say
from footage.cli.shared.options import anyway_option, json_option, store_option, with_examples
from footage.cli.shared.printing.terminal import console, counting, print_next
from footage.cli.shared.store_opening import open_for, print_json

if TYPE_CHECKING:
    from footage.replay.exact.unseen_frames import Unseen

__all__ = ["command"]


@with_examples(
    "footage frames @1 --between 16 17",
    "footage frames @1 --between 3 4 --every 50",
    "footage frames 7f3k --between 0 9 --count 500 --json",
)
@click.argument("run")
@click.option(
    "--between", type=click.IntRange(min=0), nargs=2, required=True, metavar="A B", help="From one step to another."
)
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    default=100.0,
    show_default=True,
    metavar="MS",
    help="Look so often, in the time of the recording.",
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Look so many times instead.")
@anyway_option
@store_option
@json_option
def command(
    run: str,
    between: tuple[int, int],
    every: float,
    count: int | None,
    anyway: bool,
    store: Path | None,
    as_json: bool,
) -> int:
    """Take every distinct screen of RUN between the screens after two of its steps.

    The stretch is executed again, exactly: RUN must have been recorded with --exact. What is found joins the run as
    frames between actions, marked as taken in a replay. Exit code 1 where nothing new was found.
    """
    from footage.replay.exact.unseen_frames import take_frames

    first, last = between
    with (
        open_for(store, write=True) as opened,
        counting("looking", hidden=as_json) as looked,
    ):
        found = take_frames(
            opened,
            run,
            first,
            last,
            every_ms=every,
            count=count,
            anyway=anyway,
            on_look=looked,
            on_restart=None if as_json else say,
        )
    if as_json:
        print_json(found.as_json())
    else:
        _print(found, store)
    return 0 if found.frames else 1


def _print(found: Unseen, store: Path | None) -> None:
    out = console()
    for taken in found.frames:
        out.print(f"{taken.after_ms / 1000:8.2f} s  step {taken.step}  frame {taken.id}")
    stretch = f"{found.duration_ms / 1000:.1f} s between steps {found.first} and {found.last}"
    out.print(f"\n{len(found.frames)} new frames in {stretch} ({found.looks} looks, {found.known} screens were known)")
    print_next(store, f"show {found.run}", f"view {found.run}")
