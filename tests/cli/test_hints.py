"""Hints that name a command: as this process was started, and with the store that was given."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from footage.cli.group import cli
from footage.cli.shared.hints import WITHOUT_STORE, spelled
from footage.storage import open_store

MODULE = [sys.executable, "-m", "footage"]
SCRIPT = [str(Path(sys.executable).with_name("footage"))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a store without runs."""
    with open_store(tmp_path / "no runs.db") as store:
        return store.path


def told(started: Sequence[str], *words: str, **more: str) -> str:
    ended = subprocess.run(
        [*started, *words], capture_output=True, text=True, check=False, env=os.environ | more, stdin=subprocess.DEVNULL
    )
    return " ".join((ended.stdout + ended.stderr).split())


def test_a_hint_names_the_module_where_the_module_was_started(path: Path) -> None:
    python, store = shlex.quote(sys.executable), shlex.quote(str(path))
    said = told(MODULE, "runs", "--store", str(path))
    assert f"`{python} -m footage demo --store {store}`" in said
    assert f"`{python} -m footage runs --store {store}`" in told(MODULE, "show", "zzz", f"--store={path}")
    assert f"`{python} -m footage --help`" in told(MODULE, "nothing")


def test_a_hint_names_the_program_by_its_path_where_it_is_not_found_by_its_name(path: Path) -> None:
    found = {"PATH": f"{Path(SCRIPT[0]).parent}:/usr/bin:/bin"}
    assert f"`footage demo --store {shlex.quote(str(path))}`" in told(SCRIPT, "runs", "--store", str(path), **found)
    missing = told(SCRIPT, "runs", "--store", str(path), PATH="/usr/bin:/bin")
    assert f"`{shlex.quote(SCRIPT[0])} demo --store {shlex.quote(str(path))}`" in missing


def test_a_hint_names_no_store_where_none_was_given(path: Path) -> None:
    found = {"PATH": f"{Path(SCRIPT[0]).parent}:/usr/bin:/bin", "FOOTAGE_STORE": str(path)}
    said = told(SCRIPT, "runs", **found)
    assert "`footage demo`" in said


def test_a_recorded_run_is_shown_by_the_command_that_is_told(path: Path) -> None:
    said = told(MODULE, "record", "--store", str(path), "--", "true")
    line = said.rpartition("recorded: ")[2]
    shown = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False)
    assert (shown.returncode, "completed" in shown.stdout) == (0, True)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("See `footage verify`.", "See `footage verify --store s.db`."),
        ("Finish it: footage redact --finish", "Finish it: footage redact --store s.db --finish"),
        ("See `footage record --help`.", "See `footage record --help`."),
        (
            "`footage runs` lists, `footage demo` records.",
            "`footage runs --store s.db` lists, `footage demo --store s.db` records.",
        ),
        ("footage export --store old.db RUN", "footage export --store old.db RUN"),
        ("footage machine build desktop", "footage machine build desktop"),
        ("It is a footage file, and footage shows it.", "It is a footage file, and footage shows it."),
    ],
)
def test_the_store_is_put_where_the_command_takes_it(text: str, right: str) -> None:
    assert spelled(text, "s.db") == right


def test_every_command_but_those_that_are_known_takes_a_store() -> None:
    context = cli.make_context("footage", ["--help"], resilient_parsing=True)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    without = {name for name, known in commands.items() if known and "store" not in [p.name for p in known.params]}
    assert without == WITHOUT_STORE
