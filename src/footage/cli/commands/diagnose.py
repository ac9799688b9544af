"""`footage diagnose`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from footage.cli.shared.options import json_option, sample_option, store_option, with_examples
from footage.cli.shared.plugin_names import PluginName, lines_of
from footage.cli.shared.printing.json_output import finding_json
from footage.cli.shared.printing.terminal import console
from footage.cli.shared.printing.text import clean, counted, shortened
from footage.cli.shared.store_opening import open_for, print_json
from footage.trajectory import JSON, Finding, Run

if TYPE_CHECKING:
    from footage.analysis.detectors.decisive import Answer
    from footage.analysis.detectors.diagnosing import Diagnosis
    from footage.storage import Store

__all__ = ["command"]

MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class _Case:
    run: Run
    diagnosis: Diagnosis
    answer: Answer


@with_examples(
    "footage diagnose @1",
    "footage diagnose @2 --sample --alone",
    "footage diagnose 7f3k --against 9x2m --issue",
    "footage diagnose 7f3k --detector no-effect --json",
    listing=("Detectors", lambda: lines_of("detector")),
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--against", metavar="RUN", help="Compare with this run of the same task, which passed.")
@click.option("--alone", is_flag=True, help="Compare with no other run, even where one of the same task passed.")
@click.option("--issue", is_flag=True, help="Print a paragraph to paste into an issue (Markdown).")
@click.option(
    "--detector", "detectors", multiple=True, type=PluginName("detector"), help="Only this one; may be given again."
)
@sample_option
@store_option
@json_option
def command(
    runs: tuple[str, ...],
    against: str | None,
    alone: bool,
    issue: bool,
    detectors: tuple[str, ...],
    store: Path | None,
    sample: bool,
    as_json: bool,
) -> int:
    """Say what went wrong in each RUN, at which step, and why, as far as that is known.

    The first line is the answer. Below it stands all that the detectors noticed: alarms (!), and what good runs show
    too (·). It is kept with the run, in the place of what a detector noticed earlier; in the sample nothing is kept.
    `footage runs --finding KIND` lists the runs that have one. Where a run of the same task passed, the run is compared
    with the newest of them. Exit code 1 where a run failed or has an alarm, 3 where a detector failed.
    """
    with open_for(store, sample=sample, write=not sample) as opened:
        cases = [_case(opened, run, detectors, against=against, alone=alone, keep=not sample) for run in runs]
    if as_json:
        documents = [_document(case) for case in cases]
        print_json(documents[0] if len(documents) == 1 else {"diagnoses": documents})
    elif issue:
        click.echo("\n\n".join(_paragraph(case) for case in cases))
    else:
        _print(cases)
    if any(case.diagnosis.broken for case in cases):
        return 3
    return 1 if any(case.answer.ending == "failed" or case.diagnosis.alarms for case in cases) else 0


def _case(
    store: Store, reference: str, detectors: Sequence[str], *, against: str | None, alone: bool, keep: bool
) -> _Case:
    from footage.analysis.detectors.decisive import decide, passing_twin
    from footage.analysis.detectors.diagnosing import diagnose

    diagnosis = diagnose(store, reference, detectors, keep=keep)
    run = store.run(diagnosis.run)
    twin = "" if alone else against or passing_twin(store, run)
    return _Case(run, diagnosis, decide(store, run, diagnosis, against=twin))


def _document(case: _Case) -> JSON:
    diagnosis = case.diagnosis
    findings = [
        {**finding_json(finding), "alarm": finding.kind not in diagnosis.listed} for finding in diagnosis.findings
    ]
    broken = [{"message": problem.message, "hint": problem.hint} for problem in diagnosis.broken]
    abstained = [{"detector": name, "why": each.why, "steps": each.steps} for name, each in diagnosis.abstained]
    head = {"run": diagnosis.run, "answer": case.answer.as_json(), "rules": list(diagnosis.rules)}
    return {**head, "findings": findings, "abstained": abstained, "broken": broken}


def _print(cases: Sequence[_Case]) -> None:
    out = console()
    for number, case in enumerate(cases):
        if number:
            out.print()
        _print_answer(case)
        shown = [each for each in case.diagnosis.findings if each != case.answer.finding]
        for finding in sorted(shown, key=lambda each: each.kind in case.diagnosis.listed):
            _print_finding(finding, listed=finding.kind in case.diagnosis.listed)
        for problem in case.diagnosis.broken:
            out.print(clean(f"{problem.message} {problem.hint}"), style="yellow")
        out.print(clean(_summary(case.diagnosis)), style="dim")


def _print_answer(case: _Case) -> None:
    answer = case.answer
    style = {"passed": "green", "failed": "red"}.get(answer.ending.value, "yellow")
    head = Text(f"{_ended(case)}  ", style=f"bold {style}")
    if answer.is_known:
        where = f"{_named(answer.kind)}, step {answer.step}" if answer.step is not None else _named(answer.kind)
        head.append(where, style="bold").append(f"  confidence {answer.confidence:g}", style="dim")
    console().print(head)
    console().print(clean(answer.why), highlight=False, markup=False)


def _print_finding(finding: Finding, *, listed: bool) -> None:
    where = "the run" if finding.step is None else f"step {finding.step}"
    mark = Text("· " if listed else "! ", style="dim" if listed else "bold red")
    words = Text(clean(f"{where}: {finding.kind}: {finding.message}"), style="dim" if listed else "")
    console().print(Text.assemble(mark, words))


def _ended(case: _Case) -> str:
    words = {"passed": "passed", "failed": "failed"}
    return f"{case.run.id} {words.get(case.answer.ending.value, 'ended, nobody said how')}"


def _named(kind: str) -> str:
    return kind.replace("_", " ")


def _summary(diagnosis: Diagnosis) -> str:
    alarms = len(diagnosis.alarms)
    lists = len(diagnosis.findings) - alarms
    noticed = ", ".join(([counted(alarms, "alarm")] if alarms else []) + ([f"{lists} listed"] if lists else []))
    rules = diagnosis.rules
    looked = f"{len(rules)} detectors" if len(rules) > MOST_NAMED else ", ".join(rules) or "no detector"
    return f"run {diagnosis.run}: {noticed or 'nothing noticed'} by {looked}"


def _paragraph(case: _Case) -> str:
    """Return what is known as a paragraph of Markdown."""
    run, answer = case.run, case.answer
    what = _named(answer.kind) if answer.is_known else "what went wrong is not known"
    where = f" at step {answer.step} of {run.steps}" if answer.step is not None else ""
    rule = answer.finding.rule if answer.finding else f"compared with `{answer.reference}`" if answer.reference else ""
    sure = f" (confidence {answer.confidence:g}, {rule})" if answer.is_known else ""
    others = [each for each in case.diagnosis.alarms if each != answer.finding]
    also = "; ".join(
        f"{_named(each.kind)}{'' if each.step is None else f' at step {each.step}'}" for each in others[:5]
    )
    return clean(
        f"**Run {_ended(case)}: {what}{where}{sure}.** {' '.join(answer.why.split())}"
        f" Task: {shortened(run.task, 160)!r}; model: {shortened(run.model, 60) or 'unknown'}."
        f"{f' Also noticed: {also}.' if also else ''}"
    )
