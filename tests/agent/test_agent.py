"""The reference loop, over a painted machine: with the stand-in over HTTP, and with replies made up for the case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import numpy as np
import pytest

from footage.agent.loop import AgentEvent, AgentResult, run_agent
from footage.agent.standin import StandInServer
from footage.errors import MachineError, ModelError, UsageError
from footage.machines.contract import Machine
from footage.providers.anthropic.computer_tools import TOOL_VERSIONS, TOOLSET
from footage.providers.anthropic.scaling import MAX_EDGE, encode_png, fits, fitting_size, fitting_space
from footage.providers.images import image_bytes, picture_size
from footage.trajectory import JSON, Action, FrameRole, Instant, Performed, Region, Screenshot, StepStatus
from painted import Painted
from painted_calculator import PaintedCalculator
from recording import Recorded, Tape, call, text
from sdk_http import http

CLASSIC = TOOL_VERSIONS[2]


@pytest.fixture(scope="module")
def server() -> Iterator[StandInServer]:
    with StandInServer() as started:
        yield started


@pytest.mark.parametrize("version", [CLASSIC, TOOLSET])
def test_the_whole_loop_is_recorded(tmp_path: Path, server: StandInServer, version: str) -> None:
    tape, machine = Tape(tmp_path), PaintedCalculator()
    events: list[AgentEvent] = []
    with anthropic.Anthropic(base_url=server.url, api_key="k") as client:
        result = run_agent(
            "Work out 3 × 7 with the calculator, then write the answer in the notes and save them",
            machine,
            client,
            model="stand-in/careful",
            recording=tape.run,
            tool_version=version,
            on_event=events.append,
        )
    assert (result.reason, result.steps) == ("done", 9)
    assert machine.files["notes.txt"].startswith("3 × 7 = 21")
    seen = tape.read()
    assert [s.status for s in seen.steps] == [StepStatus.EXECUTED] * 9
    assert [s.turn for s in seen.steps] == list(range(9))
    for step in seen.steps:
        assert {FrameRole.BEFORE, FrameRole.AFTER, FrameRole.OBSERVED} <= step.frames.keys()
        after, observed = step.frame(FrameRole.AFTER), step.frame(FrameRole.OBSERVED)
        assert after
        assert observed
        assert after.sha256 == observed.sha256
        assert step.result_text.startswith("Done: ")
    assert [e.action.name for e in events if e.action] == [s.action.name for s in seen.steps]
    assert seen.turns[-1].text == result.text
    assert seen.gaps == []


class Scripted:
    """A Messages API that gives these replies, one after the other, in this process."""

    def __init__(self, *replies: JSON | http.Response) -> None:
        self.replies = list(replies)
        self.requests: list[JSON] = []
        client = http.Client(transport=http.MockTransport(self._answer))
        self.client = anthropic.Anthropic(api_key="k", http_client=client, max_retries=0)

    def _answer(self, asked: http.Request) -> http.Response:
        self.requests.append(json.loads(asked.content))
        reply = self.replies.pop(0)
        return reply if isinstance(reply, http.Response) else http.Response(200, json=reply)

    def results(self, request: int) -> list[JSON]:
        """The tool results that a request ends with."""
        content: list[JSON] = self.requests[request]["messages"][-1]["content"]
        return content


def message(*content: JSON, stop: str | None = None) -> JSON:
    calls = any(block["type"] == "tool_use" for block in content)
    return {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(content),
        "stop_reason": stop or ("tool_use" if calls else "end_turn"),
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def run(
    tmp_path: Path, model: Scripted, machine: Machine | None = None, **options: Any
) -> tuple[AgentResult, Recorded]:
    tape = Tape(tmp_path)
    with model.client:
        result = run_agent(
            "Tick the box", machine or Painted(), model.client, model="claude-x", recording=tape.run, **options
        )
    return result, tape.read()


DONE = message(text("Done."))


def test_each_result_shows_the_screen_at_rest_after_the_action(tmp_path: Path) -> None:
    model = Scripted(message(call("a", action="type", text="hello")), DONE)
    machine = Painted(late=0.1)
    result, _ = run(tmp_path, model, machine, system="Be careful.")
    (answered,) = model.results(1)
    assert answered["content"][0] == {"type": "text", "text": "type done"}
    png = image_bytes(answered["content"][1])
    assert png == encode_png(machine.screenshot().pixels)
    assert (result.reason, result.text, result.steps) == ("done", "Done.", 1)
    assert model.requests[0]["system"] == "Be careful."
    tool = {"type": CLASSIC, "name": "computer", "display_width_px": 320, "display_height_px": 200}
    assert model.requests[0]["tools"] == [{**tool, "enable_zoom": True}]


def test_calls_in_one_reply_are_done_in_order_up_to_the_first_that_fails(tmp_path: Path) -> None:
    calls = [
        call("a", action="left_click", coordinate=[45, 115]),
        call("b", action="left_click", coordinate=[5000, 1]),
        call("c", action="type", text="never"),
        call("d", action="fly"),
    ]
    model, machine = Scripted(message(*calls), DONE), Painted()
    _, seen = run(tmp_path, model, machine)
    first, second, third, fourth = model.results(1)
    assert "is_error" not in first
    assert second["is_error"]
    assert "outside the screenshot" in second["content"][0]["text"]
    assert third["is_error"]
    assert third["content"][0]["text"].startswith("Not executed")
    assert fourth["is_error"]
    assert machine.text == ""
    # What failed before it reached the machine was not executed; why is told by the result.
    assert [s.status for s in seen.steps] == [
        StepStatus.EXECUTED,
        StepStatus.FAILED,
        StepStatus.NOT_EXECUTED,
        StepStatus.NOT_EXECUTED,
    ]


def test_an_error_of_the_machine_goes_back_to_the_model_as_text(tmp_path: Path) -> None:
    model = Scripted(message(call("a", action="middle_click", coordinate=[1, 1])), DONE)
    result, seen = run(tmp_path, model)
    (answered,) = model.results(1)
    assert answered["is_error"]
    assert [block["type"] for block in answered["content"]] == ["text"]
    assert "middle_click failed" in answered["content"][0]["text"]
    assert result.reason == "done"
    assert seen.steps[0].status is StepStatus.FAILED


def test_tools_the_loop_does_not_have_are_answered_with_an_error(tmp_path: Path) -> None:
    model = Scripted(message({"type": "tool_use", "id": "a", "name": "bash", "input": {"command": "ls"}}), DONE)
    _, seen = run(tmp_path, model)
    assert "no tool named 'bash'" in model.results(1)[0]["content"][0]["text"]
    assert seen.steps[0].action.title == "bash:run"


def test_the_number_of_actions_is_limited(tmp_path: Path) -> None:
    click = call("a", action="screenshot")
    model = Scripted(*[message({**click, "id": f"c{n}"}) for n in range(9)])
    result, seen = run(tmp_path, model, max_steps=3)
    assert (result.reason, result.steps, len(seen.steps)) == ("max_steps", 3, 3)
    assert len(model.requests) == 3
    both = Scripted(message(click, {**click, "id": "b"}))
    folder = tmp_path / "second"
    folder.mkdir()
    result, _ = run(folder, both, max_steps=1)
    assert result.messages[-1]["content"][1]["content"][0]["text"] == "Not executed: the limit of actions is reached."


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("end_turn", "done"),
        ("refusal", "refused"),
        ("max_tokens", "max_tokens"),
        ("model_context_window_exceeded", "context_full"),
        ("something_new", "stopped"),
    ],
)
def test_each_way_to_stop_has_its_name(tmp_path: Path, stop: str, reason: str) -> None:
    result, _ = run(tmp_path, Scripted(message(text("Hm."), stop=stop)))
    assert (result.reason, result.text) == (reason, "Hm.")


def test_a_call_cut_by_max_tokens_is_not_carried_out(tmp_path: Path) -> None:
    machine = Painted()
    cut = message(call("a", action="type", text="half a sen"), stop="max_tokens")
    result, _ = run(tmp_path, Scripted(cut), machine)
    assert (result.reason, machine.text) == ("max_tokens", "")


def test_a_pause_is_gone_on_from(tmp_path: Path) -> None:
    model = Scripted(message(text("Wait."), stop="pause_turn"), DONE)
    result, _ = run(tmp_path, model)
    assert (result.reason, len(model.requests)) == ("done", 2)
    assert model.requests[1]["messages"][-1]["role"] == "assistant"


def test_an_existing_history_is_gone_on_with(tmp_path: Path) -> None:
    """As a fork does it: the last reply's calls are carried out first."""
    history: list[JSON] = [
        {"role": "user", "content": "Tick the box"},
        {"role": "assistant", "content": [call("a", action="type", text="x")]},
    ]
    model, machine = Scripted(DONE), Painted()
    result, seen = run(tmp_path, model, machine, messages=history)
    assert machine.text == "x"
    assert [m["role"] for m in model.requests[0]["messages"]] == ["user", "assistant", "user"]
    assert len(history) == 2
    assert (result.steps, len(seen.steps)) == (1, 1)


def test_the_services_errors_are_told_in_one_sentence(tmp_path: Path) -> None:
    body = {"type": "error", "error": {"type": "authentication_error", "message": "invalid key"}}
    tape, model = Tape(tmp_path), Scripted(http.Response(401, json=body))
    with model.client, pytest.raises(ModelError, match="answered 401: invalid key"):
        run_agent("x", Painted(), model.client, model="m", recording=tape.run)
    tape.run.end()


def test_a_service_that_is_not_there_is_told_with_a_hint(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    client = anthropic.Anthropic(base_url="http://127.0.0.1:9", api_key="k", max_retries=0)
    with client, pytest.raises(ModelError) as gone:
        run_agent("x", Painted(), client, model="m", recording=tape.run)
    assert gone.value.hint
    tape.run.end()


def test_an_unknown_tool_version_is_refused(tmp_path: Path) -> None:
    tape, model = Tape(tmp_path), Scripted()
    with model.client, pytest.raises(UsageError, match="computer_1999"):
        run_agent("x", Painted(), model.client, model="m", recording=tape.run, tool_version="computer_1999")
    tape.run.end()


class Large(Painted):
    """A screen of 2560 x 1600."""

    @property
    def specification(self) -> JSON:
        return {"driver": "painted", "protocol": 1, "screen": [2560, 1600]}

    def screenshot(self) -> Screenshot:
        return Screenshot(np.full((1600, 2560, 3), 80, np.uint8), Instant.now())

    def perform(self, action: Action) -> Performed:
        self._log.append(self._event(action))
        part = np.full((100, 100, 3), 9, np.uint8) if action.name == "zoom" else None
        return Performed(picture=part, region=Region(0, 0, 100, 100) if part is not None else None)

    @staticmethod
    def _event(action: Action) -> Any:
        from footage.trajectory import InputEvent

        return InputEvent(action.name, action.point or ())


def test_a_large_screen_is_shrunk_and_points_are_mapped_back(tmp_path: Path) -> None:
    calls = [call("a", action="left_click", coordinate=[1388, 867]), call("b", action="zoom", region=[0, 0, 10, 10])]
    model, machine = Scripted(message(calls[0]), message(calls[1]), DONE), Large()
    _, seen = run(tmp_path, model, machine)
    declared = model.requests[0]["tools"][0]
    assert (declared["display_width_px"], declared["display_height_px"]) == (1389, 868)
    assert machine.input_log[0].values == (2558, 1598)
    assert seen.steps[0].action.point == (2558, 1598)
    assert picture_size(image_bytes(model.results(1)[0]["content"][1]) or b"") == (1389, 868)
    assert picture_size(image_bytes(model.results(2)[0]["content"][1]) or b"") == (100, 100)
    observed = seen.steps[0].frame(FrameRole.OBSERVED)
    assert observed
    assert (observed.width, observed.screen_width) == (1389, 2560)


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (3840, 2160), (1080, 1920), (1568, 1568), (5000, 100)])
def test_pictures_are_sent_no_larger_than_the_api_takes_and_no_smaller_than_needed(size: tuple[int, int]) -> None:
    width, height = fitting_size(*size)
    assert fits(width, height)
    assert abs(width / height - size[0] / size[1]) < 0.02 * size[0] / size[1]
    if (width, height) != size:
        edge = max(width, height) + 1
        shape = size[0] / size[1]
        larger = (edge, round(edge / shape)) if shape >= 1 else (round(edge * shape), edge)
        assert max(larger) > MAX_EDGE or not fits(*larger)
    space = fitting_space(*size)
    assert space.to_screen(0, 0)[0] < size[0] / width + 1
    assert space.to_screen(width - 1, height - 1) != (0, 0)


def test_a_machine_that_dies_ends_the_run_in_an_error(tmp_path: Path) -> None:
    class Dead(Painted):
        def perform(self, action: Action) -> Performed:
            raise MachineError(f"The desktop is closed, so no {action.name}.")

    model = Scripted(message(call("a", action="screenshot")), DONE)
    result, seen = run(tmp_path, model, Dead())
    assert result.reason == "done"
    assert seen.steps[0].error == "screenshot failed: The desktop is closed, so no screenshot."
