"""`footage outcome`."""

from __future__ import annotations

import math
from pathlib import Path

import click

from footage.cli.shared.options import store_option, with_examples
from footage.cli.shared.store_opening import open_for

__all__ = ["command"]


class _Value(click.ParamType[str]):
    """`success`, `failure`, or a number."""

    name = "value"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in {"success", "failure"}:
            return value
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value!r} is neither success, failure nor a number.", param, ctx)
        return value


@with_examples(
    "footage outcome @1 success",
    'footage outcome 7f3k failure --note "The sum is wrong."',
    "footage outcome 7f3k 0.75 --source evaluator",
)
@click.argument("run")
@click.argument("value", type=_Value())
@click.option(
    "--source",
    type=click.Choice(["human", "judge", "evaluator", "self"]),
    default="human",
    show_default=True,
    help="Who says so.",
)
@click.option("--note", default="", help="Why.")
@store_option
def command(run: str, value: str, source: str, note: str, store: Path | None) -> None:
    """Say whether RUN's task succeeded: VALUE is `success`, `failure` or a score.

    A run may have any number of outcomes, one after another, each with its source.
    """
    from footage.trajectory import OutcomeSource

    with open_for(store, write=True) as opened:
        opened.add_outcome(run, value, OutcomeSource(source), note)
