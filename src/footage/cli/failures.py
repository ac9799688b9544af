"""What goes wrong, said in one sentence and a hint: on standard error, or as JSON where `--json` was asked for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import click

from footage.cli.text import clean
from footage.errors import FootageError

__all__ = ["Failure", "failure_of", "report"]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as the command line tells it."""

    code: str
    message: str
    hint: str
    exit_code: int


def failure_of(error: BaseException) -> Failure:
    """Return what to tell of an exception; one that nobody foresaw is told as a bug."""
    if isinstance(error, FootageError):
        return Failure(error.code, error.message, error.hint, error.exit_code)
    if isinstance(error, click.ClickException):
        asked = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "footage"
        return Failure("usage", error.format_message(), f"See `{asked} --help`.", 2)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Failure("interrupted", "Interrupted.", "What was recorded until then is kept.", INTERRUPTED)
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return Failure("system", f"{error.strerror}{where}.", "", 3)
    hint = "This is a bug in footage. FOOTAGE_DEBUG=1 shows where it happened."
    return Failure("unexpected", f"{type(error).__name__}: {error}", hint, 3)


def report(error: BaseException, *, as_json: bool = False) -> int:
    """Tell of an exception and return the exit code. With FOOTAGE_DEBUG set, its traceback comes first."""
    failure = failure_of(error)
    if os.environ.get("FOOTAGE_DEBUG"):
        import traceback

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
