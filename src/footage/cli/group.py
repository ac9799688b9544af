"""
The table of commands.

`footage --help` must be quick: the table says what each command is for, and a command's module is only loaded when
that command is called.
"""

from __future__ import annotations

import importlib
import io
import keyword
import sys
from collections.abc import Sequence

import click

__all__ = ["SECTIONS", "CommandTable", "cli", "run"]

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
        "diagnose": "Say what detectors notice in a run, and keep it with the run.",
    },
    "Keep": {
        "import": "Bring in runs that other tools recorded.",
        "export": "Write runs into one file that others can open.",
        "redact": "Take a secret out of a run, and prove that it is gone.",
        "seal": "Compress the pictures of finished runs tighter.",
        "rm": "Remove runs, with the replays and forks made from them.",
        "gc": "Remove what no run needs, and old runs; give the room back.",
        "verify": "Check every picture, request and event of the store.",
        "plugins": "List the machines, formats and detectors that are installed; check one.",
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
        found: click.Command = importlib.import_module(f"footage.cli.commands.{_module(cmd_name)}").command
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


def run(given: Sequence[str]) -> int:
    """Run the command line and return its exit code. Raises whatever went wrong."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # recorded text may hold what the terminal cannot say
    return int(cli.main(list(given), prog_name="footage", standalone_mode=False) or 0)
