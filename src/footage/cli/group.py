"""
The entry point, and the table of commands.

`footage --help` must be quick: the table says what each command is for, and a command's module is only loaded when
that command is called.
"""

from __future__ import annotations

import importlib
import io
import keyword
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click

__all__ = ["SECTIONS", "CommandTable", "cli", "main"]

SECTIONS: dict[str, dict[str, str]] = {
    "Record": {
        "demo": "Record, replay, fork and diff a sample task, then open the viewer.",
        "record": "Run any agent under the recording proxy.",
        "proxy": "Run the recording proxy alone, for several agents.",
        "agent": "Run the reference agent loop on a machine, recorded.",
    },
    "Browse": {
        "view": "Open the viewer: runs as flipbooks, in the browser.",
        "runs": "List the runs, newest first.",
        "show": "Show what happened in a run, step by step.",
        "tag": "Put tags on a run.",
        "note": "Write a remark on a run or on one of its steps.",
        "outcome": "Say whether a run's task succeeded.",
    },
    "Re-execute": {
        "trust": "Allow a run that others recorded to be replayed here.",
        "replay": "Re-execute a run and say for every step whether it came out the same.",
        "fork": "Re-execute a run up to a step, then go another way.",
        "frames": "Take the screens between two steps that nobody recorded, from an exact recording.",
        "machine": "List machines, build guests, check that one does what it should.",
    },
    "Compare": {
        "diff": "Compare two runs: where they part, and whose doing it is.",
    },
    "Keep": {
        "import": "Bring in runs that other tools recorded.",
        "export": "Write runs into one file that others can open.",
        "redact": "Take a secret out of a run, and prove that it is gone.",
        "seal": "Compress the pictures of finished runs tighter.",
        "rm": "Remove runs, with the replays and forks made from them.",
        "gc": "Remove what no run needs, and old runs; give the room back.",
        "verify": "Check every picture, request and event of the store.",
        "doctor": "Check that this system has what footage needs, and say what to do.",
    },
}
"""The commands by section, each with its one line of help; the command `x` is `footage.cli.x.command` (or `x_`)."""

_COMMANDS = {name: line for section in SECTIONS.values() for name, line in section.items()}


def _module(command: str) -> str:
    """Return the name of a command's module: its own, unless Python has taken it."""
    return f"{command}_" if keyword.iskeyword(command) else command


class CommandTable(click.Group):
    """A group that knows its commands from `SECTIONS` and loads each where it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load one command's module; None for a name that is not in the table."""
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"footage.cli.{_module(cmd_name)}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table, section by section."""
        width = max(map(len, _COMMANDS))
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])


def _print_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        import footage

        click.echo(f"footage {footage.__version__}")
        ctx.exit()


@click.command(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def cli() -> None:
    """Record, browse, replay and compare what computer-use agents do.

    \b
    Start with:  footage demo
    A RUN is its id, the beginning of it, or @1 (the newest run recorded here), @2 ….
    The store is --store PATH, else $FOOTAGE_STORE, else footage.db in your data directory.
    """  # noqa: D301 - `\b` is click's mark for lines that are not to be wrapped


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line and return its exit code; the console script's entry point.

    0 as expected, 1 the answer is "no" (diverged, not ok), 2 usage or input error, 3 it could not be done, 130 stopped
    by Ctrl-C, SIGTERM or SIGHUP.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # recorded text may hold what the terminal cannot say
    try:
        with _stopping_in_order():
            return int(cli.main(given, prog_name="footage", standalone_mode=False) or 0)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - nobody is shown a traceback unasked
        from footage.cli import failures

        ours = given[: given.index("--")] if "--" in given else given  # what follows belongs to another command
        code = failures.report(error, as_json="--json" in ours)
        _let_go(error)
        return code


@contextmanager
def _stopping_in_order() -> Iterator[None]:
    """Have SIGTERM and SIGHUP stop the block as Ctrl-C does, so that it ends in order; ignored ones stay ignored."""
    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # only there can a signal be caught
    for number in numbers:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _stop(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _let_go(error: BaseException | None) -> None:
    """Let go of what was being made when an exception came: half of it, which would complain with a traceback."""
    import traceback

    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__
    finally:
        sys.unraisablehook = before
