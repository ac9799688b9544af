"""How hints name commands, ready to be pasted: as this process was started, and with the store that was given."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from footage.cli.group import SECTIONS

__all__ = ["WITHOUT_STORE", "command_line", "program", "spelled", "store_in"]

WITHOUT_STORE = frozenset({"machine", "plugins"})
"""Commands that take no --store."""
_COMMANDS = "|".join(name for section in SECTIONS.values() for name in section)
_MENTIONED = re.compile(rf"(?<![\w./-])footage ((?:{_COMMANDS})\b|(?=--help))( --help\b)?( --store\b)?")


def program() -> str:
    """Return what starts the command line here: `footage` where that is found, else as this process was started."""
    started = Path(sys.argv[0])
    if started.parts[-2:] == ("footage", "__main__.py"):
        return f"{shlex.quote(sys.orig_argv[0])} -m footage"
    found = shutil.which("footage")
    if started.name == "footage" and not (found and started.exists() and started.samefile(found)):
        return shlex.quote(str(started))
    return "footage"


def store_in(given: Sequence[str]) -> str:
    """Return the store that a command line (without the name of the program) names; "" where it names none."""
    for at, word in enumerate(given):
        if word == "--":
            break
        if word == "--store":
            return given[at + 1] if at + 1 < len(given) else ""
        if word.startswith("--store="):
            return word.removeprefix("--store=")
    return ""


def spelled(text: str, store: Path | str | None) -> str:
    """Return a text with the commands that it mentions (`footage show`) named as they have to be typed here."""
    given = _given(store)

    def name(found: re.Match[str]) -> str:
        command, asks_help, has_store = found[1], found[2] or "", found[3] or ""
        takes = command and command not in WITHOUT_STORE and not asks_help and not has_store
        return f"{program()} {command}{given if takes else ''}{asks_help}{has_store}"

    return _MENTIONED.sub(name, text)


def command_line(words: str, store: Path | str | None) -> str:
    """Return a command (`show 7f3k`) as it has to be typed here."""
    return f"{program()} {words}{_given(store)}"


def _given(store: Path | str | None) -> str:
    return f" --store {shlex.quote(str(store))}" if store else ""
