"""The documentation is true: every command has help, examples and a place in docs/cli.md; what is shown works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from footage.cli.group import SECTIONS, cli
from footage.cli.shared.options import ExampleCommand, ExampleGroup
from footage.trajectory import RunKind, RunStatus
from places import ROOT

FOOTAGE = Path(sys.executable).with_name("footage")
NAMES = ("README", "ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT")
PAGES = [*(ROOT / f"{name}.md" for name in NAMES), *sorted((ROOT / "docs").glob("*.md"))]
NEEDS_A_DESKTOP = {"demo", "agent", "replay", "fork", "machine"}


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield prefix + name, command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


COMMANDS = dict(commands(cli))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_examples(name: str) -> None:
    command = COMMANDS[name]
    assert isinstance(command, ExampleCommand | ExampleGroup)
    assert command.help
    assert command.examples
    for option in command.params:
        assert isinstance(option, click.Argument) or getattr(option, "help", None), f"{option.name} has no help"
    done = subprocess.run([FOOTAGE, *name.split(), "--help"], capture_output=True, text=True, check=True)
    assert "\nExamples:\n" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_understood(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prompt.txt").write_text("You are careful.")
    monkeypatch.chdir(tmp_path)
    command = COMMANDS[name]
    assert isinstance(command, ExampleCommand | ExampleGroup)
    for example in command.examples:
        words = shlex.split(example.split(" | ")[0])
        assert words[: len(name.split()) + 1] == ["footage", *name.split()]
        understood(words[1:])


def understood(words: list[str]) -> None:
    """Parse a command line without carrying it out; click.UsageError where it makes no sense."""
    context, rest = click.Context(cli), words
    while isinstance(context.command, click.Group) and not rest[0].startswith("-"):
        command = context.command.get_command(context, rest[0])
        assert command is not None, f"there is no command {' '.join(words)}"
        context, rest = click.Context(command, info_name=rest[0], parent=context), rest[1:]
    context.resilient_parsing = isinstance(context.command, click.Group)  # --version would be carried out
    context.command.parse_args(context, rest)


def test_the_table_says_what_the_commands_say() -> None:
    lines = {name: line for section in SECTIONS.values() for name, line in section.items()}
    for name, command in COMMANDS.items():
        if " " not in name:
            assert lines[name].endswith(".")
            assert command.help


def test_the_choices_are_the_words_of_the_vocabulary() -> None:
    options = {option.name: option.type for option in COMMANDS["runs"].params}
    kinds, statuses = options["kind"], options["status"]
    assert isinstance(kinds, click.Choice)
    assert list(kinds.choices) == list(RunKind)
    assert isinstance(statuses, click.Choice)
    assert list(statuses.choices) == list(RunStatus)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_page(name: str) -> None:
    assert f"<!-- help: {name} -->" in (ROOT / "docs/cli.md").read_text("utf-8")


def test_the_page_has_the_help_as_it_is() -> None:
    script = ROOT / "scripts/refresh-cli-docs.py"
    done = subprocess.run([sys.executable, script, "--check"], check=False)
    assert done.returncode == 0, f"run: python {script.relative_to(ROOT)}"


def shown(page: Path) -> list[str]:
    """Return the command lines of a page's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ footage ")]


SHOWN = [(page.name, line) for page in PAGES if page.exists() for line in shown(page)]


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_every_command_shown_is_understood(page: str, line: str) -> None:
    assert page
    understood(shlex.split(line.split(" | ", maxsplit=1)[0], comments=True)[1:])


@pytest.mark.parametrize("line", sorted({line for _, line in SHOWN if "--sample" in line or "--version" in line}))
def test_every_command_shown_on_the_sample_works(line: str, tmp_path: Path) -> None:
    words = shlex.split(line, comments=True)
    assert words[1] not in NEEDS_A_DESKTOP
    environment = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(
        [FOOTAGE, *words[1:]], stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip()
        if words[1] == "view":
            process.terminate()
        else:
            process.stdout.read()
            assert process.wait() in {0, 1}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target
