"""`footage redact`: a secret out of a run, and the proof that it is gone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from footage.cli.shared.given import read_secrets
from footage.cli.shared.hints import command_line
from footage.cli.shared.options import json_option, store_option, with_examples
from footage.cli.shared.printing.terminal import counting
from footage.cli.shared.printing.text import size
from footage.cli.shared.store_opening import open_for, print_json
from footage.errors import UsageError
from footage.trajectory import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from footage.storage.redaction.redact import Redaction

__all__ = ["command"]


class _Rectangle(click.ParamType[Region]):
    """`x,y,width,height`."""

    name = "x,y,w,h"

    def convert(self, value: str | Region, param: click.Parameter | None, ctx: click.Context | None) -> Region:
        if isinstance(value, Region):
            return value
        if not re.fullmatch(r"\d{1,6},\d{1,6},\d{1,6},\d{1,6}", value):
            self.fail(f"{value!r} is no rectangle: four numbers, as in 0,0,640,40.", param, ctx)
        return Region(*map(int, value.split(",")))


class _Steps(click.ParamType[range]):
    """`A-B`, or `A`."""

    name = "A-B"

    def convert(self, value: str | range, param: click.Parameter | None, ctx: click.Context | None) -> range:
        if isinstance(value, range):
            return value
        found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", value)
        if not found or int(found[2] or found[1]) < int(found[1]):
            self.fail(f"{value!r} names no steps: 3-7, or 3.", param, ctx)
        return range(int(found[1]), int(found[2] or found[1]) + 1)


@with_examples(
    "footage redact 7f3k --text",
    "footage redact 7f3k --env BANK_PASSWORD --dry-run",
    "footage redact 7f3k --region 0,0,640,40 --steps 3-7",
    "footage redact --finish",
)
@click.argument("run", required=False)
@click.option("--text", is_flag=True, help="A text: asked for, or read from standard input, one a line.")
@click.option("--env", "variables", multiple=True, metavar="NAME", help="The text in this environment variable.")
@click.option("--region", type=_Rectangle(), help="A rectangle of the screen, in pixels, in every picture.")
@click.option("--steps", type=_Steps(), help="Only the pictures of these steps, and what shows the same.")
@click.option("--dry-run", is_flag=True, help="Only count the places where it stands.")
@click.option("--finish", is_flag=True, help="Finish redactions that were interrupted.")
@store_option
@json_option
def command(
    run: str | None,
    text: bool,
    variables: tuple[str, ...],
    region: Region | None,
    steps: range | None,
    dry_run: bool,
    finish: bool,
    store: Path | None,
    as_json: bool,
) -> int:
    """Take a secret out of RUN, its replays and its forks, and prove that it is gone.

    The secret itself is never given on the command line, where the shell's history would keep it.

    It is taken out of tasks, replies, requests, typed text, input events, results, raw exchanges, notes, tags, errors
    and the search index, in whatever encoding it stands there; files of virtual machines, which hold everything, are
    removed. Then the store is written anew and every byte of it searched. There is no way back. A text that was typed
    may also be seen on the screen: that takes --region. Exit code 1 where it is still found.
    """
    if click.get_current_context().args:
        raise UsageError(
            "A secret is not given on the command line: there the shell's history keeps it.",
            hint="--text alone asks for it, or reads it from a file: --text < FILE. Take it out of the history too.",
        )
    wants_text = text or bool(variables)
    if finish:
        return _finish(store, as_json=as_json)
    if run is None or wants_text == (region is not None):
        raise UsageError("Name a RUN, and either --text (or --env) or --region.", hint="See `footage redact --help`.")
    if steps is not None and region is None:
        raise UsageError("--steps goes with --region: a text is taken out everywhere.")
    from footage.storage.redaction.redact import redact_region, redact_texts

    with open_for(store, write=True) as opened, counting("redacting", hidden=as_json) as tick:
        found = opened.run(run).id
        if region is not None:
            done = redact_region(opened, found, region, steps=steps, dry_run=dry_run, on_progress=tick)
        else:
            secrets = read_secrets(variables, ask=text)
            done = redact_texts(opened, found, secrets, dry_run=dry_run, on_progress=tick)
    if as_json:
        print_json(done.as_json())
    else:
        _print(done, store, dry_run=dry_run, typed=wants_text)
    return 1 if done.proof is not None and not done.proof.ok else 0


command.allow_extra_args = True  # what is given too much may be the secret: it is not to be shown again


def _finish(store: Path | None, *, as_json: bool) -> int:
    from footage.storage.redaction.redact import finish_redactions

    with open_for(store, write=True) as opened:
        families = finish_redactions(opened)
    if as_json:
        print_json({"finished": families})
    else:
        click.echo(f"Finished: {', '.join(families)}." if families else "No redaction was interrupted.")
    return 0


def _ranges(steps: Sequence[int]) -> str:
    """Return numbers in order as people write them: `0-2, 4, 7-9`."""
    parts: list[list[int]] = []
    for step in steps:
        if parts and step == parts[-1][-1] + 1:
            parts[-1][1:] = [step]
        else:
            parts.append([step])
    return ", ".join("-".join(map(str, part)) for part in parts)


def _print(done: Redaction, store: Path | None, *, dry_run: bool, typed: bool) -> None:
    places = sum(done.places.values())
    verb = "would be changed" if dry_run else "were changed"
    click.echo(f"{places} places in the family of {done.family} {verb}{':' if places else '.'}")
    for place, count in sorted(done.places.items()):
        click.echo(f"{count:>8}  {place}")
    for run in dict.fromkeys(run for run, _ in done.steps):
        typed_in = _ranges([step for name, step in done.steps if name == run])
        click.echo(f"Typed in run {run} at step {typed_in}: a replay asks for it, or stops there.")
    if typed and places:
        click.echo("Screens may show it too: look, and paint over it with --region.")
    proof = done.proof
    if proof is None:
        return
    looked = f"{proof.patterns} forms in {proof.files} files, {size(proof.bytes)}"
    if proof.ok:
        click.echo(f"Proof: searched for {looked}: none found.")
    elif proof.elsewhere:
        click.echo(f"Searched for {looked}: found {proof.found} times, since other families hold it too, untouched:")
        for run in proof.elsewhere:
            click.echo(f"  {command_line(f'redact {run} …', store)}")
    else:
        click.echo(f"Searched for {looked}: still found {proof.found} times, perhaps by chance: is it very short?")
