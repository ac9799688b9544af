"""`footage doctor`."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from footage.cli.shared.doctor_checks import Check, Status, checks
from footage.cli.shared.options import json_option, store_option, with_examples
from footage.cli.shared.printing.terminal import console
from footage.cli.shared.printing.text import clean
from footage.cli.shared.store_opening import print_json

__all__ = ["command"]

_MARKS = {Status.OK: ("✓", "green"), Status.WARN: ("!", "yellow"), Status.FAIL: ("✗", "red")}
_NAMES = 14
"""Characters that the names of the checks take."""


@with_examples("footage doctor", "footage doctor --json | jq '.checks[] | select(.status != \"ok\")'")
@store_option
@json_option
def command(store: Path | None, as_json: bool) -> int:
    """Check that this system has what footage needs, and say what to do where it has not.

    Takes about a second: it starts an X server and a sandbox for a moment, and makes a small file beside the store.
    Exit code 1 where nothing can be recorded; what only the desktop machine needs is a warning.
    """
    from footage.storage.file.database import default_path

    found = []
    for check in checks(store.expanduser() if store else default_path()):
        found.append(check)
        if not as_json:
            _print(check)
    ok = all(check.status is not Status.FAIL for check in found)
    if as_json:
        print_json({"ok": ok, "checks": [check.as_json() for check in found]})
    return 0 if ok else 1


def _print(check: Check) -> None:
    """Print a check: its mark, its name, and beside them what was seen and what to do, however narrow the terminal."""
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=1)
    row.add_column(width=_NAMES, no_wrap=True)
    row.add_column(overflow="fold")
    mark, colour = _MARKS[check.status]
    row.add_row(Text(mark, colour), check.name, clean(check.detail))
    if check.hint:
        row.add_row("", "", Text(clean(check.hint), style="dim" if check.status is Status.OK else "cyan"))
    console().print(row)
