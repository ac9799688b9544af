"""`footage --help` is quick, and colours are for terminals."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import footage
from cli import call

FOOTAGE = Path(sys.executable).with_name("footage")
HEAVY = {"PIL", "anthropic", "cv2", "flask", "numpy", "platformdirs", "rich", "sqlite3", "sqlite_utils", "werkzeug"}


def seconds(command: list[str | Path]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from footage.cli import main; main(['--help']);"
        "print('loaded:', *sorted(name for name in sys.modules if '.' not in name))"
    )
    out = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert not HEAVY & set(out.rpartition("loaded:")[2].split())


def test_help_takes_at_most_two_and_a_half_times_as_long_as_importing_click() -> None:
    pairs = [(seconds([FOOTAGE, "--help"]), seconds([sys.executable, "-c", "import click"])) for _ in range(7)]
    assert min(ours for ours, _ in pairs) <= 2.5 * min(theirs for _, theirs in pairs)


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "--version").out == f"footage {footage.__version__}\n"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys)
    assert said.code == 2
    assert "Record:" in said.out + said.err


def on_a_terminal(words: list[str | Path], **variables: str) -> str:
    """Return what a command prints on a terminal of 100 columns."""
    terminal, inside = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **variables}
    with subprocess.Popen([FOOTAGE, *words], stdout=inside, stderr=inside, env=environment) as process:
        os.close(inside)
        found = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the other end was closed
                break
            if not piece:
                break
            found += piece
    os.close(terminal)
    assert process.returncode in {0, 2}
    return found.decode()


@pytest.mark.parametrize("words", [["runs", "--sample"], ["show", "nobody", "--sample"]], ids=lambda words: words[0])
def test_colours_are_for_terminals_that_want_them(words: list[str | Path]) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9]")
    assert colour.search(on_a_terminal(words, NO_COLOR=""))
    assert not colour.search(on_a_terminal(words, NO_COLOR="1"))


def test_a_narrow_terminal_keeps_every_run_on_a_line() -> None:
    shown = on_a_terminal(["runs", "--sample"], COLUMNS="80", NO_COLOR="1")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert len(lines) == 2 + 5
    assert all(len(line) <= 80 for line in lines)


def test_a_narrow_terminal_keeps_the_numbers_and_places_of_steps() -> None:
    shown = on_a_terminal(["show", "@1", "--sample"], COLUMNS="70", NO_COLOR="1")
    lines = [line.split() for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()]
    steps = [words for words in lines if words and words[0].isdigit()]
    assert [int(words[0]) for words in steps] == list(range(len(steps)))
    assert any(re.fullmatch(r"\d+,\d+", word) for words in steps for word in words)
    assert not any(re.fullmatch(r"\d*,?\d*…", word) for words in steps for word in words[1:3])
