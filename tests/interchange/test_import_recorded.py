"""Real recordings, where they are at hand (../shared/data): every run, with the numbers that its files have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from footage.interchange.importers import Report, import_paths
from footage.storage import Store, open_store
from footage.trajectory import FrameRole, OutcomeSource, RunStatus
from places import SHARED_DATA

DATA = SHARED_DATA
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real recordings are not at hand")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Report]]:
    with open_store(tmp_path_factory.mktemp("events") / "runs.db") as store:
        yield store, import_paths(store, [DATA / "anthropic_event_log"])


def observed(store: Store, run: str) -> int:
    return sum(len(step.frames.get(FrameRole.OBSERVED, ())) for step in store.steps(run))


def test_every_event_log_has_its_replies_calls_and_pictures(events: tuple[Store, Report]) -> None:
    store, report = events
    assert not report.skipped
    assert len(report.imported) == 19
    for one in report.imported:
        log = json.loads(Path(one.path).read_text("utf-8"))
        replies = [e["data"]["content"] for e in log["events"] if e["type"] == "api_response"]
        calls = [block["id"] for content in replies for block in content if block["type"] == "tool_use"]
        pictures = [e for e in log["events"] if e["type"] == "tool_result" and "image_path" in e["data"]]
        run = store.run(one.run)
        assert (run.turns, run.steps, observed(store, run.id)) == (len(replies), len(calls), len(pictures))
        assert [step.call_id for step in store.steps(run.id)] == calls
        ended = RunStatus.COMPLETED if log.get("status") == "completed" else RunStatus.INTERRUPTED
        assert run.status == (RunStatus.ERRORED if log.get("status") == "error" else ended)


def test_every_event_log_has_its_label(events: tuple[Store, Report]) -> None:
    store, report = events
    labels = json.loads((DATA / "anthropic_event_log/evaluations/evaluations.json").read_text("utf-8"))
    by_session = {key.split("_", 1)[1]: label for key, label in labels.items()}
    for one in report.imported:
        label = by_session[Path(one.path).stem.removeprefix("session_")]
        (outcome,) = store.run(one.run).outcomes
        assert outcome.source is OutcomeSource.HUMAN
        assert outcome.value == ("success" if label["task_successful"] else "failure")
        failed = {note.step for note in store.notes(one.run) if note.step is not None}
        assert {store.step(one.run, index).call_id for index in failed} == set(label["step_failures"])


def test_every_click_of_the_event_logs_lands_where_the_pointer_was_moved(events: tuple[Store, Report]) -> None:
    store, report = events
    clicks = 0
    for one in report.imported:
        position: Any = None
        for step in store.steps(one.run):
            position = step.action.arguments.get("coordinate", position)
            if step.action.name.endswith("click"):
                clicks += 1
                assert step.action.point == (tuple(position) if position else None)
                frame = step.frame(FrameRole.BEFORE)
                assert frame is not None
                assert step.action.point is not None
                assert 0 <= step.action.point[0] < frame.width
    assert clicks == 25


def test_claude_code_sessions_have_a_turn_a_reply_and_their_pictures(store: Store) -> None:
    report = import_paths(store, [DATA / "claude_code_jsonl"])
    assert not report.skipped
    found = {store.run(one.run).task_id: store.run(one.run) for one in report.imported}
    assert {name: (run.turns, run.steps, observed(store, run.id)) for name, run in found.items()} == {
        "openshot/linux": (45, 44, 4),
        "pgadmin/linux": (119, 118, 9),
    }
    for run in found.values():
        assert run.status is RunStatus.COMPLETED
        assert [(outcome.value, outcome.source) for outcome in run.outcomes] == [("success", OutcomeSource.EVALUATOR)]


def test_atif_trajectories_have_their_turns_and_calls(store: Store) -> None:
    report = import_paths(store, [DATA / "atif"])
    assert not report.skipped
    assert sorted((store.run(one.run).turns, one.steps) for one in report.imported) == [(2, 1), (2, 2), (3, 3), (4, 4)]
