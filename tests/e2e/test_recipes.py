"""The recipes are true: each command that needs no key is run as it stands in docs/recipes.md."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from footage.storage import open_store
from footage.trajectory import Run, Turn
from places import ROOT

RECIPES = (ROOT / "docs/recipes.md").read_text("utf-8")
LINES = re.findall(r"^\$ (footage record --stand-in .*)$", RECIPES, re.MULTILINE)
SCREENLESS = [line for line in LINES if "--machine" not in line]
ON_A_MACHINE = [line for line in LINES if "--machine" in line]


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return what a new user has: neither a key nor a service, and this Python as `python`."""
    left_out = ("FOOTAGE", "ANTHROPIC")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return inherited | {"PATH": path, "FOOTAGE_STORE": str(folder / "footage.db")} | more


def followed(line: str, folder: Path) -> tuple[Run, list[Turn], str]:
    """Run a line of the page as it stands; return the run it recorded, its turns, and what the agent printed."""
    words = shlex.split(line)
    if shutil.which(words[words.index("--") + 1]) is None:
        pytest.skip(f"{words[words.index('--') + 1]} is not installed")
    done = subprocess.run(words, cwd=ROOT, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with open_store(folder / "footage.db") as store:
        (run,) = store.runs()
        return run, store.turns(run.id), done.stdout


def test_the_page_has_recipes_of_both_kinds() -> None:
    assert len(SCREENLESS) >= 2
    assert len(ON_A_MACHINE) >= 2


@pytest.mark.parametrize("line", SCREENLESS)
def test_an_agent_without_a_screen(line: str, tmp_path: Path) -> None:
    run, turns, printed = followed(line, tmp_path)
    assert (run.status, run.model, len(turns)) == ("completed", "stand-in/careful", 1)
    assert "scripted stand-in, no language model" in turns[0].text
    assert "scripted stand-in, no language model" in printed


@pytest.mark.desktop
@pytest.mark.parametrize("line", ON_A_MACHINE)
def test_an_agent_with_a_machine(line: str, tmp_path: Path) -> None:
    run, turns, printed = followed(line, tmp_path)
    assert (run.status, run.model, run.machine is not None) == ("completed", "stand-in/careful", True)
    assert "I have written “hello” in the notes." in printed
    assert turns[-1].text == "I have written “hello” in the notes."
    with open_store(tmp_path / "footage.db") as store:
        steps = store.steps(run.id)
    assert [step.action.name for step in steps] == ["screenshot", "left_click", "type", "key", "screenshot"]
    assert all(step.frames for step in steps)


@pytest.mark.desktop
def test_what_was_recorded_with_the_stand_in_is_replayed_and_forked_with_it(tmp_path: Path) -> None:
    run, turns, _ = followed(ON_A_MACHINE[0], tmp_path)
    agent = ["--", *shlex.split(ON_A_MACHINE[0].partition(" -- ")[2])]
    done = {
        words[0]: subprocess.run(
            ["footage", words[0], run.id, *words[1:], *agent],
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        for words in (["replay"], ["fork", "--at", "3"])
    }
    assert "of 6 turns asked for as recorded" in done["replay"].stderr
    assert "I have written “hello” in the notes." in done["fork"].stdout, done["fork"].stderr
    with open_store(tmp_path / "footage.db") as store:
        kinds = {each.kind: each.model for each in store.runs() if each.parent}
    assert kinds == {"tape": "stand-in/careful", "fork": "stand-in/careful"}
    assert len(turns) == 6


def test_without_a_key_the_script_says_what_to_do(tmp_path: Path) -> None:
    found = environment(tmp_path) | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    done = subprocess.run(["sh", "examples/ask.sh"], cwd=ROOT, env=found, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "--stand-in" in done.stderr


def test_the_proxy_with_the_stand_in_ends_quietly(tmp_path: Path) -> None:
    found = environment(tmp_path, ANTHROPIC_API_KEY="none")
    words = ["footage", "proxy", "--stand-in"]
    proxy = subprocess.Popen(words, env=found, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert proxy.stdout is not None
    address = proxy.stdout.readline().strip().removeprefix("ANTHROPIC_BASE_URL=").replace("NAME", "first")
    asking = found | {"ANTHROPIC_BASE_URL": address}
    asked = subprocess.run(["sh", "examples/ask.sh"], cwd=ROOT, env=asking, capture_output=True, text=True, check=False)
    proxy.send_signal(signal.SIGINT)
    _, told = proxy.communicate(timeout=60)
    assert "scripted stand-in" in asked.stdout
    assert (proxy.returncode, "error" in told) == (0, False)
    with open_store(tmp_path / "footage.db") as store:
        (run,) = store.runs()
        assert (run.task, run.tags, run.status, run.turns) == ("What can you do?", ("first",), "completed", 1)
