"""The explicit package map of pyproject.toml against the folders on disk: a wheel can lose packages silently."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from places import ROOT

SETUPTOOLS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
HOUSES = {"footage": ROOT / "src/footage"} | {
    f"footage.{name}": ROOT / name
    for name in ("analysis", "interchange", "machines", "providers", "recorder", "replay", "storage", "viewer")
}


def packages_on_disk() -> dict[str, Path]:
    """Return every package: a folder with an `__init__.py`, the links to the rooms left aside."""
    found = {}
    for house, folder in HOUSES.items():
        for init in folder.rglob("__init__.py"):
            inside = init.parent.relative_to(folder)
            found[".".join((house, *inside.parts))] = init.parent
    return found


def test_the_package_list_names_every_folder() -> None:
    assert sorted(packages_on_disk()) == SETUPTOOLS["packages"]


def test_the_package_map_leads_to_the_rooms() -> None:
    mapped = {name or "": (ROOT / folder).resolve() for name, folder in SETUPTOOLS["package-dir"].items()}
    assert mapped == {"": ROOT / "src"} | {name: path for name, path in HOUSES.items() if name != "footage"}


@pytest.mark.parametrize("room", [name for name in HOUSES if name != "footage"])
def test_each_room_is_linked_into_the_package(room: str) -> None:
    link = ROOT / "src" / room.replace(".", "/")
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == HOUSES[room]


def test_every_other_file_is_package_data() -> None:
    packages = packages_on_disk()
    folders = {path: name for name, path in packages.items()}
    declared = {
        file
        for name, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for file in packages[name].glob(pattern)
    }
    present = {
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and "__pycache__" not in path.parts
    }
    assert present == declared


def test_every_declared_pattern_finds_something() -> None:
    packages = packages_on_disk()
    for name, patterns in SETUPTOOLS["package-data"].items():
        for pattern in patterns:
            assert any(packages[name].glob(pattern)), f"{name} has no {pattern}"


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src/footage/py.typed").exists()
