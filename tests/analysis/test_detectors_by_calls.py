"""Detectors that go by calls and requests: errors and whether they were repaired, what the model had before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from examined_runs import TASK, Desk, click
from footage.storage import Store, open_store
from footage.trajectory import JSON, Action, RunStatus, StepStatus
from recording import image

FAILED = StepStatus.FAILED
BASH = Action("run", {"command": "ls"}, "bash")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "runs.db") as opened:
        yield opened


def _done(desk: Desk) -> None:
    desk.says(text="Everything is done.", stop_reason="end_turn")


# --- done without looking -------------------------------------------------------------------------


@pytest.mark.parametrize("unseen", [3, 5])
def test_done_after_three_actions_that_nobody_looked_at(store: Store, unseen: int) -> None:
    desk = Desk(store)
    desk.does(click(), seen=True)
    for number in range(unseen):
        desk.does(click(40 + number), (40, 40, 60, 60, number * 20))
    _done(desk)
    assert desk.found("done-without-looking") == [("done_without_looking", 1)]


def test_two_unseen_actions_or_an_answer_in_words_are_looking_enough(store: Store) -> None:
    few = Desk(store)
    for seen in (True, False, False):
        few.does(click(), seen=seen)
    _done(few)
    assert few.found("done-without-looking") == []
    told = Desk(store)
    for action in (click(), click(), click(), BASH):
        told.does(action, seen=action is not BASH and told.run == "")
    _done(told)
    assert told.found("done-without-looking") == []


def test_a_run_that_did_not_say_it_is_done_is_not_judged(store: Store) -> None:
    desk = Desk(store)
    desk.does(click(), seen=True)
    desk.says(text="I go on.")
    for _ in range(4):
        desk.does(click())
    found = desk.diagnosis("done-without-looking", status=RunStatus.ERRORED, error="stopped")
    assert not found.findings


def test_where_no_picture_of_the_model_is_known_it_abstains(store: Store) -> None:
    desk = Desk(store)
    for _ in range(4):
        desk.does(click())
    _done(desk)
    found = desk.diagnosis("done-without-looking")
    assert not found.findings
    assert [each.why for _, each in found.abstained] == ["no pictures that the model was given"]


# --- errors ---------------------------------------------------------------------------------------


def test_an_error_that_a_later_call_repairs_is_listed_and_no_alarm(store: Store) -> None:
    desk = Desk(store)
    desk.does(click())
    desk.does(BASH, status=FAILED)
    desk.does(BASH, status=FAILED)
    desk.does(BASH)
    found = desk.diagnosis("tool-errors")
    assert [(each.kind, each.step) for each in found.findings] == [("self_correction", 1)]
    assert "steps 1 to 2 failed, and step 3 did it" in found.findings[0].message
    assert found.listed == {"self_correction"}


def test_an_error_that_a_run_ends_with_is_an_alarm(store: Store) -> None:
    desk = Desk(store)
    desk.does(BASH)
    desk.does(BASH, status=FAILED)
    desk.does(click())
    assert desk.found("tool-errors") == [("tool_error", 1)]


def test_an_error_that_a_run_left_behind_long_ago_is_not_told(store: Store) -> None:
    desk = Desk(store)
    desk.does(BASH, status=FAILED)
    for _ in range(6):
        desk.does(click())
    assert desk.found("tool-errors") == []


# --- what was in the request ----------------------------------------------------------------------


def _request(*content: JSON | str, task: str = TASK) -> JSON:
    blocks = [{"type": "text", "text": each} if isinstance(each, str) else each for each in (task, *content)]
    return {"model": "m", "messages": [{"role": "user", "content": blocks}]}


def _asks(desk: Desk, *requests: JSON) -> None:
    for request in requests:
        desk.says(text="I go on.", request=request)
        desk.does(click())


def test_a_task_that_is_no_longer_in_the_request_is_told_from_where_on(store: Store) -> None:
    desk = Desk(store)
    _asks(desk, *[_request(f"{n}", image(n)) for n in range(6)], *[_request(image(9), task="go on")] * 4)
    found = desk.diagnosis("context-lost").findings
    assert [(each.kind, each.step) for each in found] == [("context_lost", 6)]
    assert "the task's words" in found[0].message


def test_pictures_that_are_all_gone_are_told(store: Store) -> None:
    desk = Desk(store)
    _asks(desk, *[_request(image(n)) for n in range(5)], *[_request("…")] * 3)
    found = desk.diagnosis("context-lost").findings
    assert [each.step for each in found] == [5]
    assert "any picture of the screen" in found[0].message


def test_old_pictures_that_are_pruned_and_other_line_breaks_are_nothing_lost(store: Store) -> None:
    desk = Desk(store)
    _asks(desk, *[_request(image(n), image(n + 1), image(n + 2)) for n in range(5)])
    _asks(desk, *[_request(image(n), task=TASK.replace(" ", "\n")) for n in range(5)])
    assert desk.found("context-lost") == []


def test_without_requests_it_abstains(store: Store) -> None:
    desk = Desk(store)
    desk.says(text="I go on.")
    desk.does(click())
    found = desk.diagnosis("context-lost")
    assert not found.findings
    assert len(found.abstained) == 1


# --- outliers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "wanted"), [(35, [("outlier", 20)]), (25, [])])
def test_a_reply_of_far_more_tokens_is_listed_where_there_are_enough_to_know(
    store: Store, count: int, wanted: list[tuple[str, int]]
) -> None:
    desk = Desk(store)
    for number in range(count):
        desk.says(text="I go on.", usage={"output_tokens": 9000 if number == 20 else 40 + number % 7})
        index = desk.writer.intend(click(), turn=number)
        desk.writer.finish(index, status=StepStatus.EXECUTED)
    found = desk.diagnosis("outliers")
    told = [(each.kind, each.step) for each in found.findings if "tokens" in each.message]
    assert told == wanted
    assert "outlier" in found.listed
