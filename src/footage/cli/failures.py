"""What goes wrong, said in one sentence and a hint: on standard error, or as JSON where `--json` was asked for."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from footage.cli.shared.hints import spelled, store_in
from footage.cli.shared.printing.text import clean
from footage.errors import FootageError
from footage.stopping import Stopped

__all__ = ["Failure", "end", "failure_of", "report"]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_KEPT = "What was recorded until then is kept."
_LEFT = {
    "import": "The runs that were brought in until then are whole; the same command goes on with the others.",
    "export": "No half file was left; the same command writes it.",
    "seal": "What was sealed until then stays so; the same command goes on with the rest.",
    "redact": "What was taken out until then is gone; finish it, with its proof: footage redact --finish",
    "gc": "What was removed until then is gone as a whole; the same command goes on with the rest.",
    "rm": "A run is there as a whole, or gone as a whole; the same command goes on with the rest.",
    **dict.fromkeys(("diff", "verify", "show", "runs", "doctor"), "Nothing was changed."),
}
"""What a stopped command leaves behind, and how to go on."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as the command line tells it."""

    code: str
    message: str
    hint: str
    exit_code: int


def failure_of(error: BaseException, command: str = "") -> Failure:
    """Return what to tell of an exception out of a command; one that nobody foresaw is told as a bug."""
    if isinstance(error, FootageError):
        return Failure(error.code, error.message, error.hint, error.exit_code)
    if isinstance(error, click.ClickException):
        asked = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "footage"
        return Failure("usage", error.format_message(), f"See `{asked} --help`.", 2)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        code = error.exit_code if isinstance(error, Stopped) else INTERRUPTED
        return Failure("interrupted", "Interrupted.", _LEFT.get(command, _KEPT), code)
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return Failure("system", f"{error.strerror}{where}.", "", 3)
    hint = "This is a bug in footage. FOOTAGE_DEBUG=1 shows where it happened."
    return Failure("unexpected", f"{type(error).__name__}: {error}", hint, 3)


def end(error: BaseException, given: Sequence[str], *, stop: Stopped | None) -> int:
    """
    Tell why a command ended with an exception, and return the exit code; let go of what was half made.

    `stop`: that somebody asked it to stop counts, whatever was raised of it, and whatever signals came afterwards.
    """
    ours = given[: given.index("--")] if "--" in given else given  # what follows belongs to another command
    command = next((word for word in ours if not word.startswith("-")), "")
    code = report(error, stop, command=command, as_json="--json" in ours, store=store_in(given))
    _let_go(error)
    return code


def report(
    error: BaseException,
    stopped: Stopped | None = None,
    *,
    command: str = "",
    as_json: bool = False,
    store: str = "",
) -> int:
    """
    Tell of an exception (of the stop that it hides) and return the exit code; `store` is the one that was named.

    With FOOTAGE_DEBUG set, its traceback comes first.
    """
    failure = failure_of(stopped or error, command)
    failure = replace(failure, hint=spelled(failure.hint, store))
    if os.environ.get("FOOTAGE_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if as_json:
        said = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        click.echo(json.dumps({"format": 1, "error": said}))
        return failure.exit_code
    colour = False if os.environ.get("NO_COLOR") else None
    click.echo(click.style("footage: error: ", fg="red", bold=True) + clean(failure.message), err=True, color=colour)
    if failure.hint:
        click.echo(click.style("hint: ", fg="cyan") + clean(failure.hint), err=True, color=colour)
    return failure.exit_code


def _let_go(error: BaseException | None) -> None:
    """Let go of what was being made when an exception came: half of it, which would complain with a traceback."""
    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__
    finally:
        sys.unraisablehook = before
