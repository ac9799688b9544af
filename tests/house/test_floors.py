"""The floors of the house (ARCHITECTURE.md): one test a rule, each with the list of those that break it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from places import ROOT

ROOMS = ("analysis", "interchange", "machines", "providers", "recorder", "replay", "storage", "viewer")
"""The rooms at the root; the others are folders and modules of `src/footage`."""
FLOORS = {
    "errors": 0,
    "http1": 0,
    "lazy": 0,
    "moved": 0,
    "stopping": 0,
    "trajectory": 0,
    "plugins": 0.5,  # knows the errors; whoever has plug-ins loads them through it
    "secrets": 1,
    "providers": 1,
    "machines": 1,
    "storage": 2,
    "analysis": 3,
    "interchange": 3,
    "recorder": 3,
    "agent": 4,
    "replay": 5,
    "viewer": 6,
    "sample": 6,
    "cli": 7,
    "__main__": 8,
}
_GROUND = {"anthropic", "flask", "Xlib", "cv2", "click", "rich", "sqlite3", "sqlite_utils"}
STRANGERS = {  # what a room must not know at all
    "trajectory": _GROUND | {"PIL"},
    "http1": _GROUND | {"PIL"},
    "secrets": _GROUND | {"PIL"},
    "providers": _GROUND - {"cv2"},
    "machines": {"anthropic", "flask", "cv2", "click", "rich", "sqlite3", "sqlite_utils"},
    "storage": {"anthropic", "flask", "Xlib", "cv2", "click", "rich"},
    "interchange": {"anthropic", "flask", "Xlib", "cv2", "click", "rich"},
    "analysis": {"anthropic", "flask", "Xlib", "click", "rich"},
    "recorder": {"flask", "Xlib", "click", "rich"},
    "agent": {"flask", "Xlib", "click", "rich"},
    "replay": {"flask", "Xlib", "click", "rich"},
    "viewer": {"anthropic", "Xlib", "click", "rich"},
}
DOORS = 12
"""Modules on one level, at most."""
MANY = {"footage.cli.commands", "footage.interchange.importers.formats"}
"""Levels that may have more: one module for each thing of a kind."""
SAME_MEANING = {"contract", "exact", "input", "machine", "main", "requests", "shared"}
"""Names that stand in several rooms for the same: a driver's machine, what a process runs, what a room shares."""
MACHINES = {"availability", "configuration", "contract", "exact_contract", "opening"}
"""What other rooms know of machines: what one has, and how one is had. Drivers are found by their names alone."""
MORE_OF_MACHINES = {
    "checking.check": "`footage machine check` and `footage plugins check` are the check of machines",
    "desktop.programs.sandbox": "`footage doctor` tries whether the walls of the desktop machine can be built here",
    "qemu.guests.building": "`footage machine build` builds the guests of one driver",
    "shared.call_inputs": "what a door is told of a call, also as JSON between two processes of the recorder",
}
"""What else is imported from there, and why."""
LINES = 500


def sources() -> dict[str, Path]:
    """Return every module of the package by its dotted name; the links to the rooms are left aside."""
    inside = ROOT / "src/footage"
    found = {path: path.relative_to(ROOT / "src") for path in inside.rglob("*.py")}
    found |= {path: Path("footage", path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    linked = {inside / room for room in ROOMS}
    modules = {}
    for path, place in found.items():
        if linked.isdisjoint(path.parents):
            parts = place.with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = sources()
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def room_of(name: str) -> str:
    return (*name.split("."), "")[1]


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names of everything a module imports, wherever in it, but for what only types are needed of."""
    for node in _run(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node that is run: what stands under `if TYPE_CHECKING` is not."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield from _run(child)


IMPORTS = {name: {found for found in imports(tree) if found != name} for name, tree in TREES.items()}


def test_every_room_has_its_floor() -> None:
    assert {room_of(name) for name in MODULES} - {""} == set(FLOORS)


def test_nobody_imports_upwards() -> None:
    known = {name: {found for node in ast.walk(TREES[name]) for found in _named(node)} for name in MODULES}
    offenders = [
        f"{name} -> {found}"
        for name, all_found in known.items()
        for found in sorted(all_found)
        if (room := room_of(name)) and (other := room_of(found)) in FLOORS and other != room
        if found.startswith("footage.") and FLOORS[other] >= FLOORS[room]
    ]
    assert offenders == []


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_room_knows_what_is_none_of_its_business() -> None:
    offenders = [
        f"{name} -> {found}"
        for name, all_found in IMPORTS.items()
        for found in sorted(all_found)
        if found.partition(".")[0] in STRANGERS.get(room_of(name), ())
    ]
    assert offenders == []


def test_machines_are_known_by_their_contract_and_no_driver_by_its_module() -> None:
    inside = "footage.machines."
    found = {
        (name, other.removeprefix(inside))
        for name, tree in TREES.items()
        if room_of(name) not in {"", "machines"}
        for node in ast.walk(tree)
        for named in _named(node)
        for other in (named if named in MODULES else named.rpartition(".")[0],)
        if other.startswith(inside)
    }
    assert sorted(pair for pair in found if pair[1] not in MACHINES | MORE_OF_MACHINES.keys()) == []
    assert MORE_OF_MACHINES.keys() - {other for _, other in found} == set(), "no reason without its import"


def test_no_room_is_imported_by_its_bare_name() -> None:
    assert [f"{name} -> {found}" for name in IMPORTS for found in IMPORTS[name] if found.split(".")[0] in ROOMS] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {name: {found for found in IMPORTS[name] if found in MODULES} for name in MODULES}
    while free := [name for name, found in left.items() if not found]:
        for name in free:
            del left[name]
        for found in left.values():
            found.difference_update(free)
    circles = {name: sorted(found) for name, found in left.items() if any(name in left[other] for other in found)}
    assert circles == {}
    assert not left


def test_no_level_has_more_than_a_dozen_doors() -> None:
    levels = Counter(name.rpartition(".")[0] for name, path in MODULES.items() if path.name != "__init__.py")
    assert {level: count for level, count in levels.items() if count > DOORS and level not in MANY} == {}


def test_no_name_of_a_module_has_two_meanings() -> None:
    named: dict[str, list[str]] = defaultdict(list)
    for name in MODULES:
        if not name.startswith("footage.cli.commands."):  # they are named as the commands are
            named[name.rpartition(".")[2]].append(name)
    assert {word: names for word, names in named.items() if len(names) > 1 and word not in SAME_MEANING} == {}


def test_no_module_is_long() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def test_every_room_says_what_it_is_for() -> None:
    rooms = {name: tree for name, tree in TREES.items() if MODULES[name].name == "__init__.py"}
    assert [name for name, tree in rooms.items() if len(ast.get_docstring(tree) or "") < 40] == []


def test_the_process_that_relays_loads_neither_the_store_nor_an_sdk() -> None:
    script = "import json, sys, footage.recorder.proxy.relay_process.main; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", script], text=True))
    heavy = {"anthropic", "cv2", "flask", "numpy", "PIL", "pydantic", "rich", "sqlite3", "sqlite_utils", "Xlib"}
    assert heavy.isdisjoint(loaded)
    allowed = {"moved", "errors", "http1", "trajectory", "stopping", "recorder", "plugins", "providers"}
    assert {room_of(name) for name in loaded if name.startswith("footage.")} <= allowed
    inside = "footage.recorder.proxy.writer_process"
    assert [name for name in loaded if name.startswith(inside)] == []


def test_no_test_imports_another_test() -> None:
    importing = {
        str(path.relative_to(ROOT)): sorted(names)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if (names := {name for name in modules_named(path) if name.split(".")[-1].startswith("test_")})
    }
    assert importing == {}


def modules_named(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
