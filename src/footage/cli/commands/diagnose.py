"""`footage diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from footage.cli.shared.options import json_option, sample_option, store_option, with_examples
from footage.cli.shared.plugin_names import PluginName, lines_of
from footage.cli.shared.printing.json_output import finding_json
from footage.cli.shared.printing.terminal import console
from footage.cli.shared.printing.text import clean
from footage.cli.shared.store_opening import open_for, print_json

if TYPE_CHECKING:
    from footage.analysis.detectors.diagnosing import Diagnosis

__all__ = ["command"]

MOST_NAMED = 4


@with_examples(
    "footage diagnose @1",
    "footage diagnose 7f3k --detector no-effect --json",
    "footage diagnose @1 --sample",
    listing=("Detectors", lambda: lines_of("detector")),
)
@click.argument("run")
@click.option(
    "--detector", "detectors", multiple=True, type=PluginName("detector"), help="Only this one; may be given again."
)
@sample_option
@store_option
@json_option
def command(run: str, detectors: tuple[str, ...], store: Path | None, sample: bool, as_json: bool) -> int:
    """Run the installed detectors over RUN, show what they notice, and keep it with the run.

    `footage runs --finding KIND` lists the runs in which something was noticed. What a detector noticed earlier is
    replaced; in the sample nothing is kept. A detector that notices nothing says nothing of whether the run is good.
    Exit code 3 where a detector failed.
    """
    from footage.analysis.detectors.diagnosing import diagnose

    with open_for(store, sample=sample, write=not sample) as opened:
        diagnosis = diagnose(opened, run, detectors, keep=not sample)
    if as_json:
        _print_json(diagnosis)
    else:
        _print(diagnosis)
    return 3 if diagnosis.broken else 0


def _print_json(diagnosis: Diagnosis) -> None:
    findings = [
        {**finding_json(finding), "alarm": finding.kind not in diagnosis.listed} for finding in diagnosis.findings
    ]
    broken = [{"message": problem.message, "hint": problem.hint} for problem in diagnosis.broken]
    abstained = [{"detector": name, "why": each.why, "steps": each.steps} for name, each in diagnosis.abstained]
    document = {"run": diagnosis.run, "rules": list(diagnosis.rules), "findings": findings}
    print_json({**document, "abstained": abstained, "broken": broken})


def _print(diagnosis: Diagnosis) -> None:
    out = console()
    for finding in sorted(diagnosis.findings, key=lambda each: each.kind in diagnosis.listed):
        where = "the run" if finding.step is None else f"step {finding.step}"
        listed = finding.kind in diagnosis.listed
        mark = Text("· " if listed else "! ", style="dim" if listed else "bold red")
        words = Text(clean(f"{where}: {finding.kind}: {finding.message}"), style="dim" if listed else "")
        out.print(Text.assemble(mark, words))
    for problem in diagnosis.broken:
        out.print(clean(f"{problem.message} {problem.hint}"), style="yellow")
    out.print(clean(_summary(diagnosis)), style="dim")


def _summary(diagnosis: Diagnosis) -> str:
    alarms = sum(finding.kind not in diagnosis.listed for finding in diagnosis.findings)
    lists = len(diagnosis.findings) - alarms
    counts = [(alarms, "alarm", "alarms"), (lists, "thing listed", "things listed")]
    noticed = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts if count)
    rules = diagnosis.rules
    looked = f"{len(rules)} detectors" if len(rules) > MOST_NAMED else ", ".join(rules) or "no detector"
    return f"run {diagnosis.run}: {noticed or 'nothing noticed'} by {looked}"
