"""
Printing for people with rich: colours on terminals only (`NO_COLOR` is respected), plain lines elsewhere.

Whatever was recorded goes through `clean` or `shortened` first, and is never read as markup.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from footage.cli.shared.hints import command_line
from footage.cli.shared.printing.text import clean, counted, shortened
from footage.trajectory import Action, Divergence, Gap, Verdict, gaps_by_reason

__all__ = [
    "action_text",
    "console",
    "counting",
    "described",
    "divergence_text",
    "gap_texts",
    "labelled",
    "place",
    "plain_table",
    "print_gaps",
    "print_next",
    "print_with_remarks",
    "styled",
    "verdict_mark",
]

_STYLES = {
    "recording": "yellow",
    "completed": "green",
    "interrupted": "magenta",
    "errored": "red",
    "failed": "red",
    "not_executed": "dim",
    "intended": "yellow",
    "unknown": "magenta",
    "success": "green",
    "failure": "red",
    "reproduced": "green",
    "identical": "green",
    "cosmetic": "cyan",
    "diverged": "red",
    "unreached": "dim",
}
_MARKS = {Verdict.REPRODUCED: "✓", Verdict.COSMETIC: "≈", Verdict.DIVERGED: "✗", Verdict.UNREACHED: "·"}


def console(*, error: bool = False) -> Console:
    """Return a console on standard output (or error). Where that is no terminal, lines have room for 160 columns."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 160
    return _Patient(file=stream, width=width, highlight=False, markup=False)


class _Patient(Console):
    """A console that goes on quietly where nobody reads any more: the work itself must not end for that."""

    def on_broken_pipe(self) -> None:
        """Write what is left to nowhere."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def plain_table(*, expand: bool = False) -> Table:
    """Return a table without a frame: dim headings, a line below them; as wide as the terminal with `expand`."""
    return Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 1, 0, 0), expand=expand
    )


def print_with_remarks(table: Table, remarks: Sequence[Text], *, above: bool = False) -> None:
    """
    Print a table whose rows have one line each, and below (or `above`) each row its remark, as wide as the terminal.

    An empty remark takes no line.
    """
    out = console()
    lines = out.render_lines(table, pad=False, new_lines=True)
    first = len(lines) - len(remarks)
    for number, line in enumerate(lines):
        remark = remarks[number - first] if number >= first else Text("")
        parts: list[RenderableType] = [Segments(line), Padding(remark, (0, 0, 0, 6))]
        if not remark:
            parts.pop()
        for part in reversed(parts) if above else parts:
            out.print(part, end="" if isinstance(part, Segments) else "\n")


def styled(word: str) -> Text:
    """Return one of the vocabulary's words in its colour."""
    return Text(clean(word), style=_STYLES.get(word, ""))


def gap_texts(gaps: Sequence[Gap]) -> list[Text]:
    """
    Return what is missing, each reason once: `gap at step 3: the store was full (2 events)`, `47 gaps: …`.

    Where nothing was lost, nothing is said: such gaps stand in JSON documents alone.
    """
    texts = []
    for gap, times in gaps_by_reason(gap for gap in gaps if gap.lost != 0):
        where = counted(times, "gap") if times > 1 else "gap" if gap.step is None else f"gap at step {gap.step}"
        lost = f" ({counted(gap.lost, 'event')})" if gap.lost else ""
        texts.append(labelled(where, gap.reason + lost))
    return texts


def print_gaps(gaps: Sequence[Gap], *, error: bool = False) -> None:
    """Print what is missing in a run that was just made."""
    for text in gap_texts(gaps):
        console(error=error).print(text, style="yellow")


def labelled(label: str, text: str) -> Text:
    """Return `label: text`, the label dim."""
    return Text.assemble((f"{label}: ", "dim"), clean(text))


def verdict_mark(verdict: Verdict | None) -> Text:
    """Return ✓, ≈, ✗ or · in its colour; nothing for None."""
    return Text(_MARKS[verdict], style=_STYLES[verdict]) if verdict else Text("")


def described(action: Action) -> str:
    """Return an action's arguments other than its points as one short line: `"12 + 30"`, `ctrl+s`, `down 3`."""
    given = {k: v for k, v in action.arguments.items() if k not in {"coordinate", "start_coordinate"}}
    text = given.pop("text", None)
    words = [f'"{text}"' if action.name == "type" else str(text)] if text is not None else []
    words += [f"{value} s" if name == "duration" else str(value) for name, value in given.items()]
    return shortened(" ".join(words), 48)


def place(action: Action) -> str:
    """Return where an action lands: `640,400`, `10,20 → 30,40` for a drag, "" for an action without a position."""
    if action.point is None:
        return ""
    start = action.arguments.get("start_coordinate")
    first = f"{start[0]},{start[1]} → " if start else ""
    return f"{first}{action.point[0]},{action.point[1]}"


def action_text(action: Action) -> Text:
    """Return an action on one line, as in `left_click 640,400`."""
    parts = (shortened(action.title, 40), place(action), described(action))
    return Text(" ".join(part for part in parts if part), style="" if action.looks_only else "bold")


def divergence_text(divergence: Divergence) -> Text:
    """Return where two runs part, whose doing it is, and why: `at step 5: model (changed), left_click 71 px apart`."""
    a, b = ("the end" if step is None else f"step {step}" for step in (divergence.a_step, divergence.b_step))
    where = f"at {a}" if a == b else f"at {a} (here {b})"
    cause = (divergence.by if divergence.is_given else f"{divergence.cause} ({divergence.kind})", "bold")
    return Text.assemble(f"{where}: ", cause, f", {clean(divergence.why)}")


def print_next(store: Path | None, *commands: str, error: bool = False) -> None:
    """Print what can be looked at next, ready to be pasted: `footage show …`, with the store where one was named."""
    for words in commands:
        console(error=error).print(f"  {command_line(words, store)}", style="dim", soft_wrap=True)


@contextmanager
def counting(title: str, *, hidden: bool = False) -> Iterator[Callable[[int, int], None]]:
    """
    Show a progress bar on standard error while the block runs; yields the function to call with (done, total).

    Nothing is shown with `hidden`, nor where standard error is no terminal.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown = console(error=True)
    with Progress(*columns, console=shown, transient=True, disable=hidden or not shown.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
