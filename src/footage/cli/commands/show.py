"""`footage show`: one run, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.padding import Padding
from rich.text import Text

from footage.analysis.runs.absences import kept_unread, why_no_steps
from footage.analysis.runs.delivery import misses
from footage.cli.shared.options import json_option, sample_option, store_option, with_examples
from footage.cli.shared.printing.json_output import show_json
from footage.cli.shared.printing.raw_output import raw_json, raw_text
from footage.cli.shared.printing.terminal import (
    console,
    described,
    gap_texts,
    labelled,
    place,
    plain_table,
    print_with_remarks,
    styled,
    verdict_mark,
)
from footage.cli.shared.printing.text import ago, clean, duration, shortened
from footage.cli.shared.store_opening import open_for, print_json
from footage.storage.findings import findings_of
from footage.trajectory import JSON, Finding, Note, Run, Step, StepStatus, Turn, Verdict

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["command"]


@with_examples(
    "footage show",
    "footage show 7f3k --said",
    "footage show @1 --raw",
    "footage show @1 --json | jq '.steps[].action.name'",
)
@click.argument("run", default="@1")
@click.option(
    "--said",
    is_flag=True,
    help="What the model thought and said between its steps and at the end, instead of verdicts.",
)
@click.option(
    "--raw",
    is_flag=True,
    help="What was asked and answered, turn by turn, in the provider's own form; also what no provider reads.",
)
@sample_option
@store_option
@json_option
def command(run: str, said: bool, raw: bool, store: Path | None, sample: bool, as_json: bool) -> None:
    """Show what happened in RUN, step by step; by default in the newest one that was recorded here."""
    with open_for(store, sample=sample) as opened:
        found = opened.run(run)
        if raw:
            _print_raw(raw_json(opened, found), as_json=as_json)
            return
        if as_json:
            print_json(show_json(opened, found))
            return
        steps, turns = opened.steps(found.id), opened.turns(found.id)
        unread = kept_unread(opened.raw_heads(found.id))
        nothing = "" if steps else f"No steps are recorded. {why_no_steps(opened, found)}"
        failures = [labelled(f"turn {turn.number}", why) for turn in turns if (why := _failure(turn))]
        missed = misses(steps)
        remarks = [labelled("delivered", missed.sentence)] if missed else []
        remarks += gap_texts(opened.gaps(found.id)) + [_note(note) for note in opened.notes(found.id)]
        remarks += [_finding(finding) for finding in findings_of(opened, found.id)]
    out = console()
    out.print(Text("\n").join([*_head(found), *_facts(found, turns, unread), *_judgements(found)]))
    out.print()
    if said or not steps:  # then what was said is all there is
        *before, after = _said(steps, turns)
        if steps:
            print_with_remarks(_table(steps, verdicts=False), before, above=True)
        if after:
            out.print(Padding(after, (0, 0, 0, 6)))
        if nothing:
            out.print(Text(nothing, style="dim"))
    else:
        out.print(_table(steps, verdicts=True))
    for remark in remarks if said or not steps else [*failures, *remarks]:
        out.print(remark)


def _print_raw(document: JSON, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for told in raw_text(document):
        click.echo(told)


def _head(run: Run) -> list[Text]:
    took = duration((run.ended.monotonic_ns - run.started.monotonic_ns) / 1e6) if run.ended else ""
    kind = run.kind if run.source_format == "footage" else f"{run.kind} from {shortened(run.source_format, 40)}"
    parts = [Text(kind), styled(run.status), Text(shortened(run.model, 60)), Text(took), Text(ago(run.started))]
    line = Text(" · ", style="dim").join(part for part in parts if part)
    return [Text.assemble((run.id, "bold"), "  ", line), Text(clean(run.task) or "(task not known)", style="bold")]


def _facts(run: Run, turns: Sequence[Turn], unread: str) -> list[Text]:
    lines = []
    if run.machine:
        screen = run.machine.get("screen")
        size = f", {screen[0]}x{screen[1]}" if screen else ""
        lines.append(labelled("machine", f"{run.machine.get('driver')}{size}"))
    tokens = [sum(int(turn.usage.get(f"{way}_tokens") or 0) for turn in turns) for way in ("input", "output")]
    if turns:
        lines.append(labelled("turns", f"{run.turns}; tokens: {tokens[0]:,} in, {tokens[1]:,} out"))
    if unread:
        lines.append(labelled("not read", f"{unread}, kept as they came"))
    if run.parent:
        where = "" if run.parent.step is None else f", another way from step {run.parent.step} on"
        lines.append(labelled("made from", run.parent.run + where))
    if run.tags:
        lines.append(labelled("tags", ", ".join(run.tags)))
    return lines


def _judgements(run: Run) -> list[Text]:
    lines = []
    if run.verdict:
        lines.append(Text.assemble(("verdict: ", "dim"), styled(run.verdict)))
    if run.divergence:
        step = run.divergence.a_step if run.divergence.a_step is not None else run.divergence.b_step
        lines.append(labelled("parted", f"at step {step}, {run.divergence.by}: {run.divergence.why}"))
    for outcome in run.outcomes:
        note = f" - {outcome.note}" if outcome.note else ""
        lines.append(labelled("outcome", f"{outcome.value} ({outcome.source}){note}"))
    if run.error:
        lines.append(Text(clean(run.error), style="red"))
    return lines


def _table(steps: Sequence[Step], *, verdicts: bool) -> Table:
    """Return a table with one row, of one line, for each step; on a narrow terminal texts are cut first."""
    table = plain_table()
    table.add_column("step", justify="right", style="dim", no_wrap=True)
    for name in ("action", "at", "with", "result"):
        table.add_column(name, no_wrap=name in {"action", "at"})
    table.add_column("took", justify="right", style="dim", no_wrap=True)
    if verdicts:
        table.add_column("", no_wrap=True)
    for step in steps:
        action = step.action
        table.add_row(
            str(step.index),
            Text(shortened(action.title, 40), style="" if action.looks_only else "bold"),
            Text(f"{place(action)} outside", style="yellow") if step.outside else place(action),
            Text(described(action), no_wrap=True, overflow="ellipsis"),
            _result(step),
            duration(step.duration_ms),
            *([_verdict(step)] if verdicts else []),
        )
    return table


def _said(steps: Sequence[Step], turns: Sequence[Turn]) -> list[Text]:
    """Return, for each step, what the model thought and said before it; at the end, what it said after the last."""
    untold, found = list(turns), []
    for step in steps:
        before = [turn for turn in untold if step.turn is not None and turn.number <= step.turn]
        untold = untold[len(before) :]
        found.append(_told(before))
    return [*found, _told(untold)]


def _told(turns: Sequence[Turn]) -> Text:
    lines = []
    for turn in turns:
        if turn.thinking:
            lines.append(Text.assemble(("thinks: ", "dim"), (shortened(turn.thinking, 400), "italic dim")))
        if turn.text:
            lines.append(Text.assemble(("says: ", "dim"), shortened(turn.text, 400)))
        if why := _failure(turn):
            lines.append(Text(why, "red"))
    return Text("\n").join(lines)


def _failure(turn: Turn) -> str:
    """Return why a request got no whole reply: `no reply: 404 not_found_error: model: claude-x`; "" where it did."""
    if turn.status == "completed":
        return ""
    last = turn.attempts[-1] if turn.attempts else None
    why = " ".join(str(part) for part in (last.status, last.error) if part) if last else ""
    got = "the reply is not whole" if turn.content or turn.status != "errored" else "no reply"
    return shortened(f"{got}: {why}" if why else got, 400)


def _result(step: Step) -> Text:
    status = styled("" if step.status is StepStatus.EXECUTED else step.status)
    detail = Text(shortened(step.error or step.result_text, 44), style="red" if step.error else "dim")
    found = Text(" ").join(part for part in (status, detail) if part)
    found.no_wrap, found.overflow = True, "ellipsis"
    return found


def _verdict(step: Step) -> Text:
    if step.verdict is None:
        return Text("")
    why = "" if step.verdict.verdict is Verdict.REPRODUCED else " " + shortened(step.verdict.why, 60)
    return Text.assemble(verdict_mark(step.verdict.verdict), why)


def _finding(finding: Finding) -> Text:
    where = "" if finding.step is None else f"step {finding.step}: "
    return labelled("noticed", f"{where}{finding.message} ({finding.rule or finding.kind})")


def _note(note: Note) -> Text:
    return labelled("note" if note.step is None else f"note at step {note.step}", note.text)
