"""The tools for developers are pinned, and what CI and pre-commit call is what the project has."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from places import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LINES = [line for line in (ROOT / "constraints-dev.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
PINS = {canonicalize_name(name): version for name, version in (line.split("==") for line in LINES)}
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def test_each_tool_is_pinned_to_a_version_that_its_group_allows() -> None:
    for each in PROJECT["dependency-groups"]["dev"] + PROJECT["dependency-groups"]["docs"]:
        wanted = Requirement(each)
        assert wanted.specifier.contains(PINS[canonicalize_name(wanted.name)]), (
            f"run scripts/refresh-constraints.py: {each}"
        )


def test_nothing_that_users_install_is_pinned() -> None:
    extras = [each for extra in PROJECT["project"]["optional-dependencies"].values() for each in extra]
    assert names(PROJECT["project"]["dependencies"] + extras) & set(PINS) == set()


def test_workflows_make_what_there_is_to_make() -> None:
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        text = workflow.read_text("utf-8")
        assert set(re.findall(r"run: make ([a-z]+)", text)) <= TARGETS, workflow.name
        for script in re.findall(r"run: bash (\S+)", text):
            assert (ROOT / script).is_file()


def test_pre_commit_uses_the_tools_of_the_environment() -> None:
    entries = re.findall(r"entry: (\S+)", (ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert entries
    for entry in entries:
        folder, tool = entry.rsplit("/", 1)
        assert folder == ".venv/bin"
        assert tool in PINS
