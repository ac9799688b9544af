"""`footage tag`."""

from __future__ import annotations

from pathlib import Path

import click

from footage.cli.shared.options import store_option, with_examples
from footage.cli.shared.store_opening import open_for

__all__ = ["command"]


@with_examples("footage tag @1 nightly", "footage tag 7f3k baseline calculator", "footage tag @1 nightly --remove")
@click.argument("run")
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the tags off.")
@store_option
def command(run: str, tags: tuple[str, ...], remove: bool, store: Path | None) -> None:
    """Put TAGS on RUN; a tag it has already stays. `footage runs --tag TAG` finds them again."""
    with open_for(store, write=True) as opened:
        found = opened.run(run)
        for tag in tags:
            (opened.remove_tag if remove else opened.add_tag)(found.id, tag)
