"""`footage note`."""

from __future__ import annotations

from pathlib import Path

import click

from footage.cli.shared.options import store_option, with_examples
from footage.cli.shared.store_opening import open_for

__all__ = ["command"]


@with_examples(
    'footage note @1 "The dialog opened twice."',
    'footage note 7f3k --step 4 "Clicked beside the button."',
)
@click.argument("run")
@click.argument("text")
@click.option(
    "--step", type=click.IntRange(min=0), metavar="STEP", help="The step the remark is about; else it is about the run."
)
@store_option
def command(run: str, text: str, step: int | None, store: Path | None) -> None:
    """Write a remark on RUN, or on one of its steps."""
    with open_for(store, write=True) as opened:
        opened.add_note(run, text, step=step)
