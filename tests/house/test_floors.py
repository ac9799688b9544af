"""The floors of the house (ARCHITECTURE.md): nobody imports upwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from places import ROOT

ROOMS = ("analysis", "recorder", "replay", "storage", "viewer")
FLOORS = {
    "errors": 0,
    "stopping": 0,
    "trajectory": 0,
    "secrets": 1,
    "toolcalls": 1,
    "tasks": 1,
    "storage": 2,
    "analysis": 3,
    "recorder": 3,
    "replay": 4,
    "viewer": 5,
    "sample": 5,
    "cli": 6,
    "__main__": 7,
}
STRANGERS = {  # what a room must not know at all
    "secrets": {"anthropic", "flask", "Xlib", "cv2", "click", "rich", "sqlite3", "sqlite_utils", "PIL"},
    "storage": {"anthropic", "flask", "Xlib", "cv2", "click", "rich"},
    "analysis": {"anthropic", "flask", "Xlib", "click", "rich"},
    "recorder": {"flask", "Xlib", "click", "rich"},
    "replay": {"flask", "click", "rich"},
    "viewer": {"anthropic", "Xlib", "click", "rich"},
    "toolcalls": {"anthropic", "flask", "Xlib", "cv2", "click", "rich", "sqlite3", "sqlite_utils", "PIL"},
    "tasks": {"anthropic", "flask", "Xlib", "cv2", "click", "rich", "sqlite3", "sqlite_utils", "PIL"},
    "trajectory": {"anthropic", "flask", "Xlib", "cv2", "click", "rich", "sqlite3", "sqlite_utils", "PIL"},
}


def sources() -> list[Path]:
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return sorted(found + [p for p in (ROOT / "src/footage").rglob("*.py") if p.is_relative_to(ROOT / "src")])


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[2] if parts[0] == "src" else parts[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names of everything a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            base = node.module or ""
            yield from (f"{base}.{alias.name}" for alias in node.names) if base == "footage" else (base,)


MODULES = [path for path in sources() if not path.is_symlink() and "footage/__init__" not in path.as_posix()]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nobody_imports_upwards(path: Path) -> None:
    room = room_of(path)
    for name in imports(ast.parse(path.read_text("utf-8"))):
        first, *rest = name.split(".")
        assert first not in STRANGERS.get(room, ()), f"{room} must not know {first}"
        assert first not in ROOMS, f"{name} is imported bare; it is footage.{name}"
        if first == "footage" and rest and rest[0] in FLOORS and rest[0] != room:
            assert FLOORS[rest[0]] < FLOORS[room], f"{room} imports {name}, which is not below it"


def test_every_room_has_its_floor() -> None:
    assert {room_of(path) for path in MODULES} == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_is_longer_than_800_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 800
