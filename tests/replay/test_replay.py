"""What a replay says, on a small painted machine; tests/test_replay_desktop.py says it of real programs."""

from __future__ import annotations

import time

import pytest

from footage.analysis.runs.diff import diff_runs
from footage.errors import UsageError
from footage.machines.contract import Machine
from footage.replay.engine import ReplayReport, replay_run
from footage.storage import Store, verify_store
from footage.storage.redaction.redact import redact_region, redact_texts
from footage.trajectory import (
    Action,
    Cause,
    FrameRole,
    Instant,
    Region,
    RunKind,
    RunStatus,
    StepStatus,
    StepVerdict,
    Verdict,
)
from painted import FIELD, Painted

ACTIONS = (
    Action("left_click", {"coordinate": [47, 117]}),
    Action("type", {"text": "hello"}),
    Action("wait", {"duration": 300}),
    Action("type", {"text": " all"}),
    Action("left_click", {"coordinate": [47, 117]}),
)


def record(store: Store, machine: Machine, actions: tuple[Action, ...] = ACTIONS) -> str:
    writer = store.begin_run(task="tick and write", machine=machine.specification)
    for action in actions:
        index = writer.intend(action)
        before = machine.screenshot()
        writer.frame(before.pixels, captured=before.captured, roles=[(index, FrameRole.BEFORE)])
        started = Instant.now()
        done = None if action.looks_only else machine.perform(action)
        after = machine.screenshot()
        writer.frame(after.pixels, captured=after.captured, roles=[(index, FrameRole.AFTER)])
        delivered = done.delivered if done else ()
        writer.finish(index, status=StepStatus.EXECUTED, delivered=delivered, started=started, ended=Instant.now())
    writer.end()
    return writer.run_id


def verdicts(report: ReplayReport) -> list[str]:
    return [str(step.verdict) for step in report.steps]


def test_an_unchanged_machine_reproduces_the_run_and_the_replay_is_a_run_of_its_own(store: Store) -> None:
    run = record(store, Painted())
    report = replay_run(store, run, Painted(), timeout=1)
    assert (report.verdict, verdicts(report)) == (Verdict.REPRODUCED, ["reproduced"] * 5)
    replayed = store.run(report.run)
    assert (replayed.kind, replayed.status, replayed.verdict) == (RunKind.REPLAY, RunStatus.COMPLETED, "reproduced")
    assert replayed.parent is not None
    assert replayed.parent.run == run
    assert replayed.family == store.run(run).family
    assert [step.source_step for step in store.steps(report.run)] == [0, 1, 2, 3, 4]
    assert verify_store(store).ok


def test_a_replay_neither_waits_where_the_recording_waited_nor_for_a_slow_effect_longer_than_it_takes(
    store: Store,
) -> None:
    run = record(store, Painted())
    began = time.monotonic()
    report = replay_run(store, run, Painted(late=0.3), timeout=5)
    assert report.verdict is Verdict.REPRODUCED
    assert time.monotonic() - began < 300  # the wait alone was as long


def test_a_popup_before_a_step_is_the_environment_and_nothing_is_done_after_it(store: Store) -> None:
    run = record(store, Painted())
    machine = Painted()

    def plant(index: int, _total: int, _verdict: StepVerdict) -> None:
        machine.popup = machine.popup or index == 2

    report = replay_run(store, run, machine, timeout=0.2, on_step=plant)
    assert verdicts(report) == ["reproduced"] * 3 + ["diverged", "unreached"]
    assert report.divergence is not None
    assert (report.divergence.a_step, report.divergence.cause) == (3, Cause.ENVIRONMENT)
    assert [event.kind for event in machine.input_log] == ["click"] + ["key"] * 5
    stopped = store.steps(report.run)[3]
    assert stopped.status is StepStatus.NOT_EXECUTED
    assert stopped.verdict is not None
    assert stopped.verdict.regions
    seen, expected = stopped.verdict.actual_frame, stopped.verdict.expected_frame
    assert seen is not None
    assert expected is not None
    assert store.frame(seen).sha256 != store.frame(expected).sha256


def test_a_lost_character_is_an_execution_divergence_at_the_step_that_typed_it(store: Store) -> None:
    run = record(store, Painted())
    machine = Painted(spoil=lambda a: Action("type", {"text": "helo"}) if a.arguments.get("text") == "hello" else a)
    report = replay_run(store, run, machine, timeout=0.2)
    assert verdicts(report)[:3] == ["reproduced", "diverged", "unreached"]
    assert report.divergence is not None
    assert (report.divergence.a_step, report.divergence.cause) == (1, Cause.EXECUTION)


def test_a_click_that_ticks_nothing_is_an_execution_divergence(store: Store) -> None:
    run = record(store, Painted())
    report = replay_run(store, run, Painted(spoil=lambda a: None if a.name == "left_click" else a), timeout=0.2)
    assert report.divergence is not None
    assert (report.divergence.a_step, report.divergence.cause) == (0, Cause.EXECUTION)


def test_an_action_the_machine_cannot_perform_stops_the_replay(store: Store) -> None:
    run = record(store, Painted())
    writer = store.begin_run(task="shell", machine=Painted().specification)
    writer.intend(Action("run", {"command": "ls"}, namespace="bash"))
    writer.end()
    report = replay_run(store, writer.run_id, Painted(), timeout=0.2)
    assert (report.verdict, report.divergence) == (Verdict.UNREACHED, None)
    assert report.steps[0].why == "unsupported: this machine cannot perform bash:run"
    assert run != writer.run_id


def test_a_run_without_screens_is_refused_with_a_reason(store: Store) -> None:
    writer = store.begin_run(task="blind")
    writer.intend(ACTIONS[0])
    writer.end()
    with pytest.raises(UsageError, match="names no machine"):
        replay_run(store, writer.run_id, Painted())


def test_ctrl_c_leaves_an_interrupted_run_with_all_steps_so_far(store: Store) -> None:
    run = record(store, Painted())

    def stop(index: int, _total: int, _verdict: StepVerdict) -> None:
        if index == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay_run(store, run, Painted(), timeout=0.2, on_step=stop)
    left = store.runs(kind="replay")[0]
    assert (left.status, left.steps) == (RunStatus.INTERRUPTED, 2)


# --- redacted runs ---

SECRET = "s3cret!"
SAYS = (ACTIONS[0], Action("type", {"text": f"a {SECRET} b"}), Action("type", {"text": "end"}))


def redacted_run(store: Store) -> str:
    run = record(store, Painted(), SAYS)
    redact_texts(store, run, [SECRET])
    redact_region(store, run, Region(*FIELD[:2], FIELD[2] - FIELD[0], FIELD[3] - FIELD[1]))
    return run


def test_a_redacted_run_is_replayed_up_to_what_was_taken_out(store: Store) -> None:
    run = redacted_run(store)
    machine = Painted()
    report = replay_run(store, run, machine, timeout=1)
    assert verdicts(report) == ["reproduced", "unreached", "unreached"]
    assert "redacted" in report.steps[1].why
    assert machine.text == ""


def test_what_was_taken_out_is_given_and_not_kept(store: Store) -> None:
    run = redacted_run(store)
    machine = Painted()
    report = replay_run(store, run, machine, timeout=1, secrets={"[redacted 1]": SECRET})
    assert verdicts(report) == ["reproduced"] * 3
    assert machine.text == f"a {SECRET} bend"
    typed = store.steps(report.run)[1]
    assert (typed.action.arguments, typed.redacted, typed.delivered) == ({"text": "a [redacted 1] b"}, True, None)
    again = redact_texts(store, run, [SECRET])
    assert again.places.total() == 0
    assert again.proof
    assert again.proof.ok
    assert verdicts(replay_run(store, report.run, Painted(), timeout=1)) == ["reproduced", "unreached", "unreached"]


def test_a_redacted_run_is_compared(store: Store) -> None:
    run = redacted_run(store)
    report = replay_run(store, run, Painted(), timeout=1, secrets={"[redacted 1]": SECRET})
    assert diff_runs(store, run, report.run).verdict == "identical"


def test_a_secret_that_was_kept_out_when_it_was_recorded_is_asked_for_and_not_stored(store: Store) -> None:
    def recorded(text: str) -> str:
        machine = Painted(spoil=lambda action: Action(action.name, {"text": "hunter2"}))
        return record(store, machine, (Action("type", {"text": text}),))

    run = recorded("[secret removed]")
    report = replay_run(store, run, Painted(), timeout=0.2)
    assert verdicts(report) == ["unreached"]
    machine = Painted()
    report = replay_run(store, run, machine, timeout=0.2, secrets={"[secret removed]": "hunter2"})
    assert machine.text == "hunter2"
    assert store.steps(report.run)[0].action.arguments["text"] == "[secret removed]"
    assert not store.steps(report.run)[0].delivered
