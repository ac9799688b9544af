"""What a fork does, on a small painted machine and a model that answers by position."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from footage.agent.loop import run_agent
from footage.analysis.runs.diff import diff_runs
from footage.errors import BadAction, UsageError
from footage.recorder.recording import record
from footage.replay.engine import replay_run
from footage.replay.fork import fork_run
from footage.replay.fork_options import ForkChange, ForkOptions
from footage.replay.steps import stop_file
from footage.storage import Store, verify_store
from footage.storage.redaction.redact import redact_texts
from footage.trajectory import Action, Cause, FrameRole, RunKind, RunStatus, Screenshot, StepVerdict, Verdict
from painted import Painted
from scripted_model import ScriptedModel, call, text

TASK = "Tick the box and write"
REPLIES = (
    [
        {"type": "thinking", "thinking": "first the box", "signature": "x"},
        call("left_click", "c0", coordinate=[90, 117]),
    ],
    [text("now write"), call("type", "c1", text="he"), call("type", "c2", text="llo")],
    [call("type", "c3", text="!")],
    [text("done")],
)


@pytest.fixture
def missed(store: Store) -> str:
    """A run whose first click misses the box."""
    with ScriptedModel(*REPLIES) as model, record(TASK, store=store, model="scripted") as recording:
        result = run_agent(TASK, Painted(), model.client, model="scripted", recording=recording)
    assert result.reason == "done"
    assert recording.id
    return recording.id


def test_another_action_replaces_the_step_and_the_model_goes_on_live(store: Store, missed: str) -> None:
    machine = Painted()
    with ScriptedModel(*REPLIES) as model:
        report = fork_run(
            store, missed, 0, machine, model.client, action=Action("left_click", {"coordinate": [47, 117]})
        )
        asked = model.requests[0]
    assert report.forked
    assert report.dropped_thinking == 1
    assert report.result is not None
    assert (report.result.reason, report.result.text, machine.text) == ("done", "done", "hello!")
    fork = store.run(report.run)
    assert (fork.kind, fork.status, fork.verdict) == (RunKind.FORK, RunStatus.COMPLETED, Verdict.REPRODUCED)
    assert fork.parent is not None
    assert (fork.parent.run, fork.parent.step) == (missed, 0)
    assert [step.action.name for step in store.steps(report.run)] == ["left_click", "type", "type", "type"]
    assert asked["messages"][1]["content"][-1]["input"]["coordinate"] == [47, 117]
    assert asked["messages"][2]["content"][0]["type"] == "tool_result"
    assert verify_store(store).ok


def test_a_fork_in_the_middle_re_executes_what_came_before_and_copies_its_turns(store: Store, missed: str) -> None:
    machine = Painted()
    with ScriptedModel(*REPLIES) as model:
        report = fork_run(store, missed, 3, machine, model.client, model="other")
        asked = model.requests[0]
    assert [step.verdict for step in report.replayed] == [Verdict.REPRODUCED] * 3
    assert machine.text == "hello!"
    assert asked["model"] == "other"
    recorded = store.request(store.turns(missed)[2].id, pictures=True)
    assert recorded is not None
    assert asked["messages"] == recorded["messages"]
    turns = store.turns(report.run)
    assert [turn.copied_from is not None for turn in turns] == [True, True, False, False]
    assert {turn.conversation for turn in turns} == {0}
    assert [step.turn for step in store.steps(report.run)] == [0, 1, 1, 2]


def test_a_fork_between_the_calls_of_one_reply_keeps_those_before_it_with_their_results(
    store: Store, missed: str
) -> None:
    machine = Painted()
    with ScriptedModel(*REPLIES) as model:
        fork_run(store, missed, 2, machine, model.client, action=Action("type", {"text": "y"}))
        asked = model.requests[0]["messages"]
    roles = [message["role"] for message in asked]
    assert roles == ["user", "assistant", "user", "assistant", "user", "assistant", "user"]
    assert asked[3]["content"][-1]["id"] == "c1"
    assert asked[4]["content"][0]["tool_use_id"] == "c1"
    assert asked[5]["content"][0]["input"] == {"action": "type", "text": "y"}
    assert machine.text.startswith("hey")


def test_a_fork_can_be_replayed_and_forked_again(store: Store, missed: str) -> None:
    with ScriptedModel(*REPLIES) as model:
        first = fork_run(
            store, missed, 0, Painted(), model.client, action=Action("left_click", {"coordinate": [47, 117]})
        )
        assert replay_run(store, first.run, Painted(), timeout=0.5).verdict is Verdict.REPRODUCED
        second = fork_run(store, first.run, 3, Painted(), model.client, action=Action("type", {"text": "?"}))
    assert second.forked
    assert store.run(second.run).family == store.run(missed).family
    assert [run.kind for run in store.family(missed)] == ["recorded", "fork", "replay", "fork"]


def test_what_a_fork_is_told_by_name_is_what_its_options_say(store: Store, missed: str) -> None:
    typed = Action("type", {"text": "y"})
    seen: list[int] = []

    def note(index: int, _total: int, _verdict: StepVerdict) -> None:
        seen.append(index)

    change = ForkChange(typed, model="other", system="Be brief.")
    with ScriptedModel(*REPLIES, *REPLIES) as model:
        told = fork_run(store, missed, 2, Painted(), model.client, change, ForkOptions(max_steps=2, on_step=note))
        last = len(model.requests)
        named = fork_run(
            *(store, missed, 2, Painted(), model.client),
            action=typed,
            model="other",
            system="Be brief.",
            max_steps=2,
            on_step=note,
        )
        both = fork_run(store, missed, 2, Painted(), model.client, change, ForkOptions(max_steps=9), max_steps=2)
    assert seen == [0, 1, 0, 1]
    for report in (told, named, both):
        assert report.result is not None
        assert (report.model, report.result.reason) == ("other", told.result.reason if told.result else "")
    requests = [model.requests[number] for number in (0, last)]
    assert [(each["model"], each["system"]) for each in requests] == [("other", "Be brief.")] * 2
    wrong: Any = {"actions": typed}
    with pytest.raises(TypeError, match="unexpected keyword argument 'actions'"):
        fork_run(store, missed, 2, Painted(), model.client, **wrong)


def test_a_fork_whose_world_cannot_be_restored_asks_no_model(store: Store, missed: str) -> None:
    machine = Painted(spoil=lambda _action: None)
    with ScriptedModel(*REPLIES) as model:
        report = fork_run(store, missed, 3, machine, model.client, timeout=0.2)
        assert model.requests == []
    assert not report.forked
    assert report.divergence is not None
    assert report.divergence.cause is Cause.EXECUTION
    assert store.run(report.run).verdict is Verdict.DIVERGED


class _Interrupted(Painted):
    """Shows something else once so many actions have been done and looked at."""

    def __init__(self, looks: int, *, for_seconds: float) -> None:
        super().__init__()
        self._looks, self._seconds = looks, for_seconds

    def screenshot(self) -> Screenshot:
        if len(self.input_log) >= len("hello") + 1:
            self._looks -= 1
            if self._looks == 0:
                self._until = time.monotonic() + self._seconds
            self.popup = self._looks <= 0 and time.monotonic() < self._until
        return super().screenshot()


def test_a_fork_waits_for_the_screen_that_it_begins_on(store: Store, missed: str) -> None:
    with ScriptedModel(*REPLIES) as model:
        report = fork_run(store, missed, 3, _Interrupted(2, for_seconds=0.5), model.client)
    assert report.forked
    wanted = store.step(missed, 3).frame(FrameRole.BEFORE)
    begun = store.step(report.run, 3).frame(FrameRole.BEFORE)
    assert wanted is not None
    assert begun is not None
    assert begun.sha256 == wanted.sha256


def test_a_fork_whose_screen_does_not_come_asks_no_model(store: Store, missed: str) -> None:
    with ScriptedModel(*REPLIES) as model:
        report = fork_run(store, missed, 3, _Interrupted(2, for_seconds=60), model.client, timeout=0.3)
        assert model.requests == []
    assert not report.forked
    assert [step.verdict for step in report.replayed] == [Verdict.REPRODUCED] * 3
    assert report.divergence is not None
    assert (report.divergence.a_step, report.divergence.b_step) == (3, None)
    assert report.divergence.cause is Cause.ENVIRONMENT
    fork = store.run(report.run)
    assert (fork.verdict, fork.divergence) == (Verdict.DIVERGED, report.divergence)
    last = store.frames(fork.id)[-1]
    assert not np.array_equal(store.pixels(last.picture), Painted().screenshot().pixels)


def test_a_step_that_does_not_exist_or_was_never_asked_for_is_refused(store: Store, missed: str) -> None:
    with record("by hand", store=store) as recording:
        recording.watch(Painted()).perform(Action("type", {"text": "x"}))
    with ScriptedModel(*REPLIES) as model:
        with pytest.raises(UsageError, match="no step 40"):
            fork_run(store, missed, 40, Painted(), model.client)
        with pytest.raises(UsageError, match="no recorded request"):
            fork_run(store, recording.id, 0, Painted(), model.client)
    assert store.runs(kind="fork") == []


def test_an_action_outside_the_screen_is_refused_before_anything_is_done(store: Store, missed: str) -> None:
    machine = Painted()
    with ScriptedModel(*REPLIES) as model, pytest.raises(BadAction, match="outside the screen"):
        fork_run(store, missed, 1, machine, model.client, action=Action("left_click", {"coordinate": [99_999, 5]}))
    assert machine.input_log == ()
    assert store.runs(kind="fork") == []


def test_an_action_given_by_hand_is_blamed_on_no_model(store: Store, missed: str) -> None:
    with ScriptedModel(*REPLIES) as model:
        right = Action("left_click", {"coordinate": [47, 117]})
        fork = fork_run(store, missed, 0, Painted(), model.client, action=right)
    found = diff_runs(store, missed, fork.run).divergence
    assert found is not None
    assert (found.b_step, found.cause, found.kind) == (0, Cause.HARNESS, "given")
    assert found.why.endswith("run b was forked here, with an action given by hand")


def test_the_kill_switch_stops_the_live_part_before_its_next_action(store: Store, missed: str) -> None:
    switch, machine = stop_file(store.path), Painted()
    with ScriptedModel(*REPLIES) as model:
        report = fork_run(
            store,
            missed,
            0,
            machine,
            model.client,
            action=Action("left_click", {"coordinate": [47, 117]}),
            on_event=lambda event: switch.touch() if event.action and event.action.arguments.get("text") else None,
        )
        requests = len(model.requests)
    assert report.result is not None
    assert (report.result.reason, report.result.text) == ("stopped", f"stopped: {switch} is there")
    assert (machine.text, requests) == ("he", 1)  # what was begun is done
    assert [step.status for step in store.steps(report.run)] == ["executed", "executed", "not_executed"]


def test_what_was_taken_out_before_a_fork_is_given_and_not_kept(store: Store) -> None:
    secret = "hunter2"
    replies = (
        [call("left_click", "c0", coordinate=[47, 117])],
        [call("type", "c1", text=secret)],
        [call("type", "c2", text="!")],
        [text("done")],
    )
    with ScriptedModel(*replies) as model, record(TASK, store=store, model="scripted") as recording:
        run_agent(TASK, Painted(), model.client, model="scripted", recording=recording)
    redact_texts(store, recording.id, [secret])
    with ScriptedModel(*replies) as model:
        alone = fork_run(store, recording.id, 2, Painted(), model.client, timeout=1)
        assert (alone.forked, alone.replayed[1].verdict, model.requests) == (False, Verdict.UNREACHED, [])
        machine, given = Painted(), {"[redacted 1]": secret}
        report = fork_run(store, recording.id, 2, machine, model.client, timeout=1, secrets=given)
    assert (report.forked, machine.text) == (True, f"{secret}!")
    assert redact_texts(store, recording.id, [secret]).places.total() == 0
