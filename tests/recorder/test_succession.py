"""
A recorder that takes a dead one's place: what was told of calls is all there, once.

The first one here ends as a killed one does: what it has stored stays, and nothing is told the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from footage.providers.anthropic.computer_tools import TOOLSET
from footage.recorder.proxy.copy_protocol import Passing
from footage.recorder.proxy.writer_process.observers import Tee
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import record, resume
from footage.recorder.screen.frame_queue import PictureQueue, QueuedFrame
from footage.storage import open_store
from footage.trajectory import JSON, Action, FrameRole, Instant, StepStatus
from recording import Recorded, call, image, png, reply, request, result, said, text, user

FIRST = user("Add two numbers")
CLICK = call("a", action="left_click", coordinate=[1, 2])
ASKED = request(FIRST)
TOLD = request(FIRST, said(CLICK), user([result("a", text("Clicked."), image(40))]))


def passing(path: str = "/v1/messages") -> Passing:
    return Passing("one", "anthropic", "POST", path, [], Instant.now())


def tell(tee: Tee, body: bytes, answer: bytes, status: int = 200) -> None:
    tee.sent(body)
    tee.asked()
    tee.answered(status, [("content-type", "application/json")])
    tee.pass_by(answer)
    tee.end()


def dumped(body: JSON) -> bytes:
    return json.dumps(body).encode()


class Succession:
    """A run whose recorder dies, and whose next one is told again what nobody had confirmed."""

    def __init__(self, folder: Path, machine: JSON | None = None) -> None:
        self.path = folder / "footage.db"
        self.recording = record("a task", store=self.path, machine=machine, layer="proxy")
        self.run = self.recording.id
        self.lanes = self._lanes()

    def _lanes(self) -> Lanes:
        lanes = Lanes()
        lanes.add(self.recording, "one")
        return lanes

    def exchange(self, asked: JSON, answer: JSON, status: int = 200) -> Callable[[], None]:
        """Tell of an exchange; what is returned tells of it again."""
        began = passing()

        def tell_of(passed: Passing) -> None:
            tell(self.lanes.tee(passed), dumped(asked), dumped(answer), status)

        tell_of(began)
        return lambda: tell_of(replace(began, again=True))

    def die(self) -> None:
        """Let the recorder go as if it had been killed, and another one take its place."""
        self.lanes.close()
        self.recording.pictures.flush()
        self.recording._heartbeat.stop()
        assert self.recording.guard.writer is not None
        self.recording.guard.writer.leave()
        self.recording = resume(self.run, store=self.path, layer="proxy")
        self.lanes = self._lanes()

    def read(self) -> Recorded:
        self.lanes.close()
        self.recording.end()
        return Recorded(self.path, self.run)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Succession]:
    succession = Succession(tmp_path)
    yield succession
    succession.recording.end()


def test_a_reply_that_is_told_again_still_gets_the_result_of_its_call(running: Succession) -> None:
    again = running.exchange(ASKED, reply(CLICK))
    running.die()
    again()
    running.exchange(TOLD, reply(text("Done."), message_id="msg_2"))
    seen = running.read()
    assert [(step.call_id, step.status, step.result_text) for step in seen.steps] == [("a", "executed", "Clicked.")]
    assert seen.shade(0, FrameRole.OBSERVED) == [40]
    assert [turn.status for turn in seen.turns] == ["completed"] * 2


def test_the_supervisor_is_told_of_a_call_that_its_dead_recorder_may_not_have_told_of(running: Succession) -> None:
    again = running.exchange(ASKED, reply(CLICK))
    running.die()
    heard: list[int | None] = []
    running.recording.wire.on_calls = lambda entries, _since, _until: heard.extend(entry.index for entry in entries)
    again()
    running.lanes.close()
    assert heard == [0]


def test_a_picture_that_was_not_stored_with_its_result_is_stored_when_it_is_told_again(
    running: Succession, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.exchange(ASKED, reply(CLICK))
    with monkeypatch.context() as patch:
        patch.setattr(PictureQueue, "put", lambda _queue, _frame: None)  # killed before it came to that
        again = running.exchange(TOLD, reply(text("Done."), message_id="msg_2"))
        running.die()
    again()
    seen = running.read()
    assert [(step.status, step.result_text) for step in seen.steps] == [("executed", "Clicked.")]
    assert seen.shade(0, FrameRole.OBSERVED) == [40]


def test_of_two_pictures_only_the_one_that_is_missing_is_stored_when_they_are_told_again(
    running: Succession, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = request(FIRST, said(CLICK), user([result("a", image(40), image(80))]))
    kept, put = iter([True, False]), PictureQueue.put

    def some(queue: PictureQueue, frame: QueuedFrame) -> None:
        if next(kept):
            put(queue, frame)

    running.exchange(ASKED, reply(CLICK))
    with monkeypatch.context() as patch:
        patch.setattr(PictureQueue, "put", some)
        again = running.exchange(told, reply(text("Done."), message_id="msg_2"))
        running.die()
    again()
    assert running.read().shade(0, FrameRole.OBSERVED) == [40, 80]


def test_what_is_told_again_and_is_all_there_changes_nothing(running: Succession) -> None:
    first = running.exchange(ASKED, reply(CLICK))
    second = running.exchange(TOLD, reply(text("Done."), message_id="msg_2"))
    other = passing("/v1/files")
    tell(running.lanes.tee(other), b"what", b'{"id": "file_1"}')
    running.die()
    first()
    second()
    tell(running.lanes.tee(replace(other, again=True)), b"what", b'{"id": "file_1"}')
    seen = running.read()
    assert [(step.status, step.result_text) for step in seen.steps] == [("executed", "Clicked.")]
    assert seen.shade(0, FrameRole.OBSERVED) == [40]
    assert len(seen.turns) == 2
    with open_store(running.path) as store:
        assert len(store.raw_exchanges(running.run)) == 1


def test_a_result_that_the_dead_one_stored_is_not_replaced_by_what_the_agent_makes_of_it_later(
    running: Succession,
) -> None:
    running.exchange(ASKED, reply(CLICK))
    running.exchange(TOLD, reply(call("b", action="mouse_move", coordinate=[3, 4]), message_id="msg_2"))
    running.die()
    pruned = user([result("a", text("[picture removed]"))])
    more = [said(call("b", action="mouse_move", coordinate=[3, 4])), user([result("b", text("Moved."))])]
    running.exchange(request(FIRST, said(CLICK), pruned, *more), reply(text("Done."), message_id="msg_3"))
    seen = running.read()
    assert [step.result_text for step in seen.steps] == ["Clicked.", "Moved."]
    assert seen.shade(0, FrameRole.OBSERVED) == [40]


def test_a_result_reaches_a_step_that_another_layer_had_performed(running: Succession, tmp_path: Path) -> None:
    running.exchange(ASKED, reply(CLICK))
    running.lanes.close()
    other = resume(running.run, store=tmp_path / "footage.db", layer="in process", joined=True)
    entry = other.steps.claim(Action("left_click", {"coordinate": [1, 2]}), "a")
    other.steps.start(entry, Instant.now())
    other.steps.finish(entry, StepStatus.EXECUTED, ended=Instant.now())
    other.end()
    running.die()
    running.exchange(TOLD, reply(text("Done."), message_id="msg_2"))
    seen = running.read()
    assert [(step.call_id, step.status, step.result_text) for step in seen.steps] == [("a", "executed", "Clicked.")]


def test_a_picture_by_the_id_of_a_file_is_known_to_the_next_recorder(running: Succession) -> None:
    boundary = [("content-type", "multipart/form-data; boundary=here")]
    part = b'--here\r\ncontent-disposition: form-data; name="file"\r\n\r\n' + png(90) + b"\r\n--here--\r\n"
    running.exchange(ASKED, reply(CLICK))
    tell(running.lanes.tee(replace(passing("/v1/files"), headers=boundary)), part, b'{"id": "file_1"}')
    running.die()
    by_id = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    running.exchange(request(FIRST, said(CLICK), user([result("a", by_id)])), reply(text("Done."), message_id="msg_2"))
    assert running.read().shade(0, FrameRole.OBSERVED) == [90]


BUSY = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}


@pytest.mark.parametrize("unconfirmed", [0, 1, 2])
def test_attempts_before_and_after_are_those_of_one_turn(running: Succession, unconfirmed: int) -> None:
    attempts = [running.exchange(ASKED, BUSY, 529), running.exchange(ASKED, BUSY, 500)]
    running.die()
    for again in attempts[len(attempts) - unconfirmed :]:
        again()
    running.exchange(ASKED, reply(CLICK))
    running.exchange(TOLD, reply(text("Done."), message_id="msg_2"))
    seen = running.read()
    assert [[(each.number, each.status) for each in turn.attempts] for turn in seen.turns] == [
        [(0, 529), (1, 500), (2, 200)],
        [(0, 200)],
    ]
    assert [step.result_text for step in seen.steps] == ["Clicked."]


def test_an_attempt_that_succeeded_and_is_told_again_changes_nothing(running: Succession) -> None:
    running.exchange(ASKED, BUSY, 529)
    again = running.exchange(ASKED, reply(CLICK))
    running.die()
    again()
    running.exchange(TOLD, reply(text("Done."), message_id="msg_2"))
    seen = running.read()
    assert [[each.status for each in turn.attempts] for turn in seen.turns] == [[529, 200], [200]]
    assert [(step.turn, step.result_text) for step in seen.steps] == [(0, "Clicked.")]


def test_a_call_without_a_place_takes_the_pointers_from_before(running: Succession) -> None:
    running.exchange(ASKED, reply(CLICK))
    running.die()
    running.exchange(TOLD, reply(call("b", action="left_click"), message_id="msg_2"))
    assert running.read().steps[1].action.point == (1, 2)


def test_a_zoomed_picture_from_before_is_no_space_for_coordinates(tmp_path: Path) -> None:
    running = Succession(tmp_path, {"driver": "x", "protocol": 1, "screen": [128, 96]})
    zoom = {"type": "tool_use", "id": "z", "name": "zoom", "input": {"region": [0, 0, 32, 24]}}
    click = {"type": "tool_use", "id": "c", "name": "left_click", "input": {"coordinate": [40, 30]}}
    tools = [{"type": TOOLSET, "name": "computer"}]
    begin = user([text("Look"), image(1, (64, 48))])
    zoomed = [begin, said(zoom), user([result("z", image(2, (100, 75)))])]
    running.exchange(request(begin, tools=tools), reply(zoom))
    running.exchange(request(*zoomed, tools=tools), reply(click, message_id="msg_2"))
    running.die()
    more = [said(click), user([result("c", text("Clicked."))])]
    running.exchange(request(*zoomed, *more, tools=tools), reply({**click, "id": "d"}, message_id="msg_3"))
    assert [step.action.point for step in running.read().steps[1:]] == [(80, 60)] * 2


def test_the_picture_that_the_model_saw_before_is_the_space_of_what_it_asks_next(tmp_path: Path) -> None:
    running = Succession(tmp_path, {"driver": "x", "protocol": 1, "screen": [128, 96]})
    thread, tools = {"type": "start"}, [{"type": TOOLSET, "name": "computer"}]
    click = {"type": "tool_use", "id": "c", "name": "left_click", "input": {"coordinate": [40, 30]}}
    begin = user([text("Look"), image(1, (64, 48))])
    running.exchange(request(begin, tools=tools, thread=thread), reply(click))
    running.die()
    onward = {"type": "continue", "previous_message_id": "msg_1"}
    told = user([result("c", text("Clicked."))])
    running.exchange(request(told, tools=tools, thread=onward), reply({**click, "id": "d"}, message_id="msg_2"))
    seen = running.read()
    assert [step.action.point for step in seen.steps] == [(80, 60)] * 2
    assert len(seen.labels) == 1


def test_an_agent_that_asks_again_since_a_reply_did_not_reach_it_makes_another_attempt(running: Succession) -> None:
    running.exchange(ASKED, reply(CLICK))
    running.die()
    again = replace(passing(), headers=[("x-stainless-retry-count", "1")])
    tell(running.lanes.tee(again), dumped(ASKED), dumped(reply(call("b", action="left_click", coordinate=[3, 4]))))
    seen = running.read()
    assert [[each.status for each in turn.attempts] for turn in seen.turns] == [[200, 200]]
    assert [(step.call_id, step.status) for step in seen.steps] == [("a", "not_executed"), ("b", "unknown")]


def test_another_picture_with_the_same_words_is_another_request(running: Succession) -> None:
    running.exchange(request(user([text("Look"), image(1)])), BUSY, 529)
    running.die()
    running.exchange(request(user([text("Look"), image(2)])), reply(CLICK))
    seen = running.read()
    assert [turn.status for turn in seen.turns] == ["errored", "completed"]
    assert len(seen.labels) == 1
