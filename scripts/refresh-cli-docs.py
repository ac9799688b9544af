"""
Put the commands' own help into docs/cli.md, between its `<!-- help: NAME -->` and `<!-- end -->` lines.

    python scripts/refresh-cli-docs.py            writes the file
    python scripts/refresh-cli-docs.py --check    only says whether it is current (exit code 1: it is not)
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from footage.cli.group import cli

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
BLOCK = re.compile(r"<!-- help: (?P<name>[a-z ]*)-->\n.*?<!-- end -->\n", re.DOTALL)


def help_of(name: str) -> str:
    """Return what `footage NAME --help` prints, 100 columns wide."""
    context = cli.make_context("footage", ["--help"], resilient_parsing=True, terminal_width=100)
    for word in name.split():
        assert isinstance(context.command, click.Group)
        command = context.command.get_command(context, word)
        assert command is not None, f"docs/cli.md names a command that is not there: {name}"
        context = click.Context(command, info_name=word, parent=context)
    return context.get_help()


def refreshed(text: str) -> str:
    """Return the page with its help blocks as the commands print them now."""

    def block(found: re.Match[str]) -> str:
        name = found["name"].strip()
        return f"<!-- help: {name + ' ' if name else ''}-->\n```text\n{help_of(name)}\n```\n<!-- end -->\n"

    return BLOCK.sub(block, text)


def main() -> int:
    """Refresh the page, or check it; return the exit code."""
    text = PAGE.read_text("utf-8")
    current = refreshed(text)
    if "--check" not in sys.argv:
        PAGE.write_text(current, "utf-8")
    return 1 if "--check" in sys.argv and current != text else 0


if __name__ == "__main__":
    sys.exit(main())
