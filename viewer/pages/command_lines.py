"""The commands for what a page shows, ready to be pasted into a shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from footage.storage import Store
from footage.trajectory import Run

__all__ = ["Command", "diff_command", "recording_commands", "run_commands"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and what it is for."""

    purpose: str
    line: str


def run_commands(store: Store, run: Run, *, step: int | None = None, machine: str | None = None) -> list[Command]:
    """Return what can be done with a run, and at one of its steps."""
    on = ["--machine", machine] if machine else []
    found = [Command("Replay it", _line(store, "replay", run.id, *on))] if run.replayable != "no" else []
    if run.replayable == "exact":
        found.insert(0, Command("Execute it again, exactly", _line(store, "replay", run.id, "--exact")))
        if step is not None and step + 1 < run.steps:
            between = ("--between", str(step), str(step + 1))
            found.append(Command("Take the frames nobody took", _line(store, "frames", run.id, *between)))
    if step is not None and run.turns and run.replayable != "no":
        found.append(Command(f"Fork it at step {step}", _line(store, "fork", run.id, "--at", str(step), *on)))
    if run.parent is not None:
        found.append(diff_command(store, run.parent.run, run.id))
    found.append(Command("Show it as text", _line(store, "show", run.id)))
    return found


def diff_command(store: Store, a: str, b: str) -> Command:
    """Return the command that compares two runs."""
    return Command("Compare the two", _line(store, "diff", a, b))


def recording_commands(store: Store) -> list[Command]:
    """Return the commands that put a first run into a store."""
    return [
        Command("Record a sample task, replayed, forked and compared", _line(store, "demo")),
        Command(
            "Record the reference agent",
            _line(store, "agent", "Write hello in the notes", "--model", "stand-in/careful"),
        ),
    ]


def _line(store: Store, *words: str) -> str:
    """Name the store unless it is the one that commands use by themselves."""
    from footage.storage.file.database import default_path

    named = [] if store.path == default_path() else ["--store", str(store.path)]
    return shlex.join(["footage", *words, *named])
