"""What the commands begin and end with: the store and the machine that their options name, and the JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from footage.machines.contract import Machine
    from footage.storage import Store
    from footage.trajectory import Run

__all__ = ["machine_like", "open_for", "print_json"]


def open_for(store: Path | None, *, sample: bool = False, write: bool = False, create: bool = False) -> Store:
    """
    Open the store that the options name: for reading only, or to `write` too, or to `create` it where it is missing.

    Raises NotAStore, StoreTooNew, StoreError, or UsageError for two stores at once.
    """
    from footage.errors import UsageError
    from footage.sample import sample_path
    from footage.storage import open_store

    if sample and store is not None:
        raise UsageError("--sample and --store name two stores.", hint="Leave one of them out.")
    return open_store(sample_path() if sample else store, create=create, readonly=not (write or create))


def machine_like(run: Run, name: str | None) -> Machine:
    """
    Start the machine that a run was recorded on anew, or another by its name.

    Raises UsageError for an unknown one, and what the machine raises where it cannot start.
    """
    from footage.machines.opening import open_machine, reopen

    recorded: Mapping[str, Any] = run.machine or {}
    return reopen(recorded) if name in {None, recorded.get("driver")} else open_machine(str(name))


def print_json(document: Mapping[str, Any]) -> None:
    """Print a JSON document; every document of the command line carries `"format": 1`."""
    click.echo(json.dumps({"format": 1, **document}, indent=2))
