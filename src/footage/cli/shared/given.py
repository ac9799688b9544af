"""Secrets that a person gives to a command: never as its arguments, which others can read."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from footage.trajectory import Step

__all__ = ["given_secrets", "read_secrets"]


def read_secrets(variables: Sequence[str], *, ask: bool) -> list[str]:
    """
    Return the secrets in these environment variables and, with `ask`, those on standard input.

    On a terminal one is asked for without being shown; else each line is one. Raises UsageError for an unset variable.
    """
    from footage.errors import UsageError

    found = []
    for name in variables:
        if not os.environ.get(name):
            raise UsageError(f"The environment variable {name} is not set.")
        found.append(os.environ[name])
    if not ask:
        return found
    if sys.stdin.isatty():
        return [*found, click.prompt("What is to be taken out", hide_input=True, err=True)]
    return [*found, *(line.rstrip("\r\n") for line in sys.stdin if line.strip())]


def given_secrets(steps: Sequence[Step], *, ask: bool) -> dict[str, str]:
    """
    Return what stands for the marks of steps: from FOOTAGE_SECRET_1 …, else asked for on a terminal.

    FOOTAGE_SECRET is what was kept out already when the run was recorded.
    What is not given is left out.
    """
    from footage.replay.fill_secrets import marks_of

    found = {}
    for mark in marks_of(steps):
        number = "".join(filter(str.isdigit, mark))
        secret = os.environ.get(f"FOOTAGE_SECRET_{number}" if number else "FOOTAGE_SECRET", "")
        if not secret and ask and sys.stdin.isatty():
            secret = click.prompt(f"What stood for {mark} (nothing: stop there)", default="", hide_input=True, err=True)
        if secret:
            found[mark] = secret
    return found
