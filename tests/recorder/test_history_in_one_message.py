"""Agents that keep no tool results: each request is their whole history in one user message, with the screen now."""

from __future__ import annotations

from pathlib import Path

import pytest

from footage.storage import open_store
from footage.trajectory import JSON, Action, FrameRole, RunStatus, StepStatus
from recording import Tape, call, image, reply, request, result, said, text, user

TOOL: JSON = {"name": "computer", "input_schema": {"type": "object"}}


def told(done: int, *pictures: JSON, task: str = "press the button") -> JSON:
    history = "".join(f"step {n} went well\n" for n in range(done))
    return user([text(f"Task: {task}\nHistory:\n{history}"), *pictures])


def asks(message: JSON, **more: object) -> JSON:
    return request(message, tools=[TOOL], system="You are an agent.", **more)


def clicks(number: int, *more: JSON) -> JSON:
    click = call(f"toolu_{number}", action="left_click", coordinate=[10 + number, 20])
    return reply(click, *more, message_id=f"msg_{number}")


def test_requests_that_tell_their_history_anew_are_one_conversation_of_one_task(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    for n in range(3):
        tape.run.turn(asks(told(n, image(60 * n))), clicks(n))
    seen = tape.read()
    assert [turn.conversation for turn in seen.turns] == [0, 0, 0]
    assert len(seen.labels) == 1


def test_the_screen_in_each_request_is_a_frame_of_the_steps_around_it(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    for n in range(3):
        tape.run.turn(asks(told(n, image(60 * n))), clicks(n))
    seen = tape.read()
    assert [seen.shade(n, FrameRole.BEFORE) for n in range(3)] == [[0], [60], [120]]
    assert [seen.shade(n, FrameRole.OBSERVED) for n in range(3)] == [[60], [120], []]
    shared = seen.steps[1].frame(FrameRole.BEFORE), seen.steps[0].frame(FrameRole.OBSERVED)
    assert shared[0] == shared[1]


def test_of_several_calls_the_screen_is_from_before_the_first_and_after_the_last(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(asks(told(0, image(0))), clicks(0, call("b", action="type", text="x")))
    tape.run.turn(asks(told(1, image(60))), clicks(1))
    seen = tape.read()
    assert [seen.shade(n, FrameRole.BEFORE) for n in range(3)] == [[0], [], [60]]
    assert [seen.shade(n, FrameRole.OBSERVED) for n in range(3)] == [[], [60], []]


def test_a_history_that_is_said_again_and_grows_is_the_same_conversation_without_labels(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    words = "Press the button, please.\n\nDone so far:\n"
    for n in range(3):
        words += f"{n} clicked\n"
        tape.run.turn(asks(user([text(words), image(60 * n)])), clicks(n))
    assert [turn.conversation for turn in tape.read().turns] == [0, 0, 0]


@pytest.mark.parametrize("other", ["task", "system", "model", "tools"])
def test_what_asks_for_something_else_is_another_conversation(tmp_path: Path, other: str) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(asks(told(0, image(0))), clicks(0))
    second = asks(told(1, image(60), task="close it" if other == "task" else "press the button"))
    second |= {"system": "You judge."} if other == "system" else {}
    second |= {"model": "claude-y"} if other == "model" else {}
    second |= {"tools": []} if other == "tools" else {}
    tape.run.turn(second, clicks(1))
    seen = tape.read()
    assert [turn.conversation for turn in seen.turns] == [0, 1]
    assert [seen.shade(0, role) for role in (FrameRole.BEFORE, FrameRole.OBSERVED)] == [[], []]


def test_two_such_requests_at_once_are_two_conversations(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    one = tape.run.turn(asks(told(0, image(0))))
    two = tape.run.turn(asks(told(0, image(60))))
    one.reply(200, clicks(0))
    two.reply(200, clicks(1))
    assert [turn.conversation for turn in tape.read().turns] == [0, 1]


def test_a_task_that_begins_anew_after_a_conversation_with_replies_is_another_conversation(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    first = told(0, image(0))
    tape.run.turn(asks(first), clicks(0))
    answered = [said(call("toolu_0", action="left_click")), user([result("toolu_0", text("ok"))])]
    tape.run.turn(request(first, *answered, tools=[TOOL], system="You are an agent."), clicks(1))
    tape.run.turn(asks(told(0, image(60))), clicks(2))
    assert [turn.conversation for turn in tape.read().turns] == [0, 0, 1]


def test_a_request_that_is_sent_again_is_an_attempt_and_its_screen_is_kept_once(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(asks(told(0, image(0))), clicks(0))
    tape.run.turn(asks(told(1, image(60)))).fail("cut")
    tape.run.turn(asks(told(1, image(60))), clicks(1))
    seen = tape.read()
    assert [len(turn.attempts) for turn in seen.turns] == [1, 2]
    assert [seen.shade(n, FrameRole.BEFORE) for n in range(2)] == [[0], [60]]
    assert seen.shade(0, FrameRole.OBSERVED) == [60]


def test_a_screen_beside_results_without_pictures_is_a_frame_too(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    messages = [user([text("Press it"), image(0)])]
    for n in range(3):
        tape.run.turn(request(*messages, tools=[TOOL]), clicks(n))
        made = call(f"toolu_{n}", action="left_click", coordinate=[10 + n, 20])
        messages += [said(made), user([result(f"toolu_{n}", text("ok")), image(60 * n + 60)])]
    seen = tape.read()
    assert [seen.shade(n, FrameRole.BEFORE) for n in range(3)] == [[0], [60], [120]]
    assert [seen.shade(n, FrameRole.OBSERVED) for n in range(3)] == [[60], [120], []]
    assert [step.status for step in seen.steps] == ["executed", "executed", "unknown"]


def test_a_picture_that_a_person_shows_is_no_screen(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    asked = user([text("Find this in the shop"), image(9, (30, 20))])
    tape.run.turn(request(asked, tools=[TOOL]), clicks(0))
    answered = [said(call("toolu_0", action="left_click")), user([result("toolu_0", image(60))])]
    tape.run.turn(request(asked, *answered, tools=[TOOL]), clicks(1))
    seen = tape.read()
    assert [seen.shade(n, FrameRole.BEFORE) for n in range(2)] == [[], []]
    assert seen.shade(0, FrameRole.OBSERVED) == [60]


def test_which_of_several_new_pictures_is_the_screen_is_not_guessed(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    example = image(9)
    for n in range(3):
        tape.run.turn(asks(told(n, example, image(60 * n))), clicks(n))
    seen = tape.read()
    assert [seen.shade(n, FrameRole.BEFORE) for n in range(3)] == [[], [60], [120]]
    tape = Tape(tmp_path / "crops")
    for n in range(3):
        tape.run.turn(asks(told(n, image(60 * n), image(60 * n + 1))), clicks(n))
    assert [tape.read().shade(n, FrameRole.BEFORE) for n in range(3)] == [[], [], []]


def test_of_a_watched_machine_the_screens_before_are_the_machines_own(tmp_path: Path) -> None:
    tape = Tape(tmp_path, machine={"driver": "x", "protocol": 1, "screen": [64, 48]})
    for n in range(2):
        tape.run.turn(asks(told(n, image(60 * n))), clicks(n))
    seen = tape.read()
    assert [seen.shade(n, FrameRole.BEFORE) for n in range(2)] == [[], []]
    assert seen.shade(0, FrameRole.OBSERVED) == [60]


def test_what_nobody_told_of_is_unknown_once_the_run_is_over_and_intended_until_then(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(asks(told(0)), clicks(0))
    with open_store(tape.path) as store:
        assert [step.status for step in store.steps(tape.run.id)] == [StepStatus.INTENDED]
    assert [step.status for step in tape.read().steps] == [StepStatus.UNKNOWN]


def test_a_run_whose_recorder_died_leaves_its_open_steps_unknown(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:
        writer = store.begin_run(task="x")
        writer.intend(Action("left_click", {"coordinate": [1, 2]}))
        writer.leave()
        assert store.run(writer.run_id).status is RunStatus.INTERRUPTED
        assert [step.status for step in store.steps(writer.run_id)] == [StepStatus.UNKNOWN]
        assert store.step(writer.run_id, 0).status is StepStatus.UNKNOWN


def test_a_picture_that_is_elsewhere_changes_nothing(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    for n in range(2):
        there: JSON = {"type": "image", "source": {"type": "url", "url": f"https://x.test/{n}.png"}}
        tape.run.turn(asks(told(n, there)), clicks(n))
    seen = tape.read()
    assert (seen.gaps, seen.shades) == ([], {})
