"""Recordings broken in every place: what is whole comes in, the rest is told, and nothing crashes."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_recordings import atif, trajectory
from anthropic_recordings import dumps, transcript
from event_logs import session
from footage.interchange.importers import Report, import_paths
from footage.plugins import installed
from footage.storage import Store
from footage.trajectory import RunStatus
from osworld_recordings import folder, line

STRANGE: list[Any] = [None, [], {}, "", "x" * 5000, -1, 1e300, True, [[[]]], {"type": "tool_use"}, "\ud800", 10**17]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value within a JSON value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def broken(value: Any, dice: random.Random) -> Any:
    """Return a copy with one value replaced by a strange one, or removed."""
    made = copy.deepcopy(value)
    path = dice.choice(list(places(made)))
    within = made
    for key in path[:-1]:
        within = within[key]
    if isinstance(within, dict) and dice.random() < 0.3:
        del within[path[-1]]
    else:
        within[path[-1]] = dice.choice(STRANGE)
    return made


def made(name: str, place: Path) -> list[Path]:
    """Make a whole recording; return its JSON files."""
    place.mkdir(parents=True, exist_ok=True)
    if name == "anthropic-events":
        (place / "session.json").write_text(json.dumps(session()))
    elif name == "anthropic-messages":
        dumps(place)
    elif name == "claude-code":
        transcript(place)
    elif name == "cua":
        trajectory(place)
    elif name == "osworld":
        folder(place, line(1, 1, "pyautogui.click(1, 2)"), line(2, 2, {"action_type": "CLICK", "x": 1, "y": 2}))
    else:
        call = {"tool_call_id": "a", "function_name": "computer", "arguments": {"action": "click", "x": 4, "y": 5}}
        seen = {"results": [{"source_call_id": "a", "content": [{"type": "text", "text": "ok"}]}]}
        step = {"source": "agent", "message": "", "tool_calls": [call], "observation": seen, "metrics": {"x": 1}}
        (place / "t.json").write_text(json.dumps(atif({"source": "user", "message": "Do it"}, step)))
    return sorted(path for path in place.rglob("*") if path.suffix in {".json", ".jsonl"})


def checked(store: Store, report: Report) -> None:
    """Whatever was imported can be shown, and nobody writes into it any more."""
    assert report.imported or report.skipped
    for one in report.imported:
        run = store.run(one.run)
        assert run.status is not RunStatus.RECORDING
        assert len(store.steps(run.id)) == run.steps == one.steps
        assert len(store.turns(run.id)) == run.turns
    assert not [skipped for skipped in report.skipped if "cannot be stored" in skipped.reason]


FORMS = ["anthropic-events", "anthropic-messages", "claude-code", "cua", "osworld", "atif"]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("seed", range(6))
def test_any_value_may_be_strange(store: Store, tmp_path: Path, name: str, seed: int) -> None:
    assert name in installed("importer")
    dice = random.Random(f"{name}{seed}")
    for number in range(3):
        place = tmp_path / f"r{number}"
        path = dice.choice(made(name, place))
        lines = [json.loads(one) for one in path.read_text("utf-8").splitlines()]
        at = dice.randrange(len(lines))
        lines[at] = broken(lines[at], dice)
        path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
        checked(store, import_paths(store, [place]))


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_any_file_may_break_off(store: Store, tmp_path: Path, name: str, seed: int) -> None:
    dice = random.Random(f"{name}{seed}")
    path = dice.choice(made(name, tmp_path / "r"))
    data = path.read_bytes()
    path.write_bytes(data[: dice.randrange(len(data))])
    checked(store, import_paths(store, [tmp_path / "r"]))
