from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest
from PIL import Image

import footage
from footage.errors import NotAStore, StoreError, StoreFull, UsageError
from footage.storage import RunWriter, Store, open_store
from footage.trajectory import Action, FrameRole, OutcomeSource, RunStatus, StepStatus
from recording import Recorded, Tape, call, pixels, png, reply, request, text, user


def test_a_run_that_ends_by_itself_is_completed(tmp_path: Path) -> None:
    with footage.record("Sum", store=tmp_path / "s.db", task_id="sum", model="m", tags=["a", "b"]) as run:
        assert run.id
    seen = Recorded(tmp_path / "s.db", run.id).run
    assert (seen.status, seen.task, seen.task_id, seen.model) == (RunStatus.COMPLETED, "Sum", "sum", "m")
    assert sorted(seen.tags) == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ValueError("no such thing"), RunStatus.ERRORED, "ValueError: no such thing"),
        (KeyboardInterrupt(), RunStatus.INTERRUPTED, "Interrupted."),
        (asyncio.CancelledError(), RunStatus.INTERRUPTED, "CancelledError"),
        (SystemExit(0), RunStatus.COMPLETED, ""),
        (SystemExit(3), RunStatus.ERRORED, "SystemExit: 3"),
    ],
)
def test_what_ends_a_run_is_told_and_goes_on_as_it_is(
    tmp_path: Path, error: BaseException, status: RunStatus, told: str
) -> None:
    run = footage.record(store=tmp_path / "s.db")
    with pytest.raises(type(error)) as raised, run:
        raise error
    assert raised.value is error
    seen = Recorded(tmp_path / "s.db", run.id).run
    assert (seen.status, seen.error) == (status, told)


def test_a_store_given_open_stays_open(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db") as store:
        run = footage.record(store=store)
        assert store.run(run.id).status is RunStatus.RECORDING
        run.end()
        run.end()
        assert store.run(run.id).status is RunStatus.COMPLETED


def test_steps_by_hand_have_frames_results_and_times(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    with tape.run.step("left_click", coordinate=[3, 4]) as step:
        step.frame(pixels(10), "before")
        step.text = "Clicked."
        step.frame(png(20), FrameRole.AFTER)
        step.frame(Image.new("L", (64, 48), 30), "between")
    tape.run.frame(pixels(40))
    seen = tape.read()
    (found,) = seen.steps
    assert (found.status, found.action.point, found.result_text) == (StepStatus.EXECUTED, (3, 4), "Clicked.")
    assert found.duration_ms is not None
    assert [seen.shade(0, r) for r in (FrameRole.BEFORE, FrameRole.AFTER, FrameRole.BETWEEN)] == [[10], [20], [30]]
    assert sorted(seen.shades.values()) == [10, 20, 30, 40]


def test_a_step_by_hand_meets_the_call_that_asked_for_it(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.turn(request(user("Go")), reply(call("a", action="type", text="x"), call("b", action="screenshot")))
    with tape.run.step(Action("screenshot")):
        pass
    with tape.run.step("type", call="a", text="x"):
        pass
    with tape.run.step("type", call="a", text="x"):
        pass
    seen = tape.read()
    assert [(s.call_id, s.status, s.turn) for s in seen.steps] == [
        ("a", StepStatus.EXECUTED, 0),
        ("b", StepStatus.EXECUTED, 0),
        ("", StepStatus.EXECUTED, None),
    ]


def test_an_exception_makes_the_step_failed(tmp_path: Path) -> None:
    tape = Tape(tmp_path)

    def fail() -> None:
        with tape.run.step("run", command="make") as step:
            step.text = "half"
            raise RuntimeError("no rule")

    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(KeyboardInterrupt), tape.run.step("wait", duration=9):
        raise KeyboardInterrupt
    seen = tape.read()
    assert [(s.status, s.error, s.result_text) for s in seen.steps] == [
        (StepStatus.FAILED, "RuntimeError: no rule", "half"),
        (StepStatus.UNKNOWN, "Interrupted.", ""),
    ]


def test_gaps_and_outcomes_are_kept(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.run.gap("the camera was off", lost=3)
    tape.run.outcome("success")
    tape.run.outcome("0.5", "judge", "half of it")
    seen = tape.read()
    assert [(g.reason, g.lost) for g in seen.gaps] == [("the camera was off", 3)]
    assert [(o.value, o.source, o.note) for o in seen.run.outcomes] == [
        ("success", OutcomeSource.SELF, ""),
        ("0.5", OutcomeSource.JUDGE, "half of it"),
    ]


def test_an_outcome_by_an_unknown_source_and_a_frame_in_an_unknown_role_are_refused_in_a_sentence(
    tmp_path: Path,
) -> None:
    tape = Tape(tmp_path)
    with pytest.raises(UsageError, match=r"'x' is no source of an outcome: human, judge, evaluator or self\."):
        tape.run.outcome("success", "x")
    with pytest.raises(UsageError, match=r"'x' is no role of a frame: before, after, observed or between\."):
        tape.run.frame(pixels(1), step=0, role="x")
    with pytest.raises(UsageError, match="no role of a frame"):
        tape.run.frame(pixels(1), role="x")
    assert tape.read().gaps == []


def test_pixels_that_change_later_are_recorded_as_they_were(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    screen = pixels(10)
    with tape.run.step("screenshot") as step:
        step.frame(screen, "before")
        screen[:] = 99
    assert tape.read().shade(0, FrameRole.BEFORE) == [10]


def test_a_picture_that_is_none_is_a_gap_and_no_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tape = Tape(tmp_path)
    with caplog.at_level(logging.WARNING, "footage"), tape.run.step("screenshot") as step:
        step.frame(b"no picture", "before")
    seen = tape.read()
    assert seen.steps[0].frames == {}
    assert [g.lost for g in seen.gaps] == [1]
    assert len(caplog.records) == 1


def test_a_strict_recording_raises_what_its_picture_thread_met(tmp_path: Path) -> None:
    tape = Tape(tmp_path, strict=True)
    tape.run.frame(b"no picture")
    with pytest.raises(footage.FootageError, match="picture"):
        tape.run.flush()
    tape.run.end()


def test_a_failing_store_leaves_a_gap_where_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape(tmp_path)

    def full(*_: object, **__: object) -> int:
        raise StoreFull("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(RunWriter, "intend", full)
        with tape.run.step("left_click", coordinate=[1, 1]) as lost:
            lost.frame(pixels(1), "after")
        assert lost.index is None
    with tape.run.step("left_click", coordinate=[2, 2]):
        pass
    seen = tape.read()
    assert [s.action.point for s in seen.steps] == [(2, 2)]
    assert len(seen.gaps) == 1
    assert "a step could not be recorded: StoreFull" in seen.gaps[0].reason


def test_a_strict_recording_raises_what_the_store_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise StoreFull("database or disk is full")

    tape = Tape(tmp_path, strict=True)
    with monkeypatch.context() as broken:
        broken.setattr(RunWriter, "intend", full)
        with pytest.raises(StoreFull), tape.run.step("screenshot"):
            pytest.fail("the action must not be carried out")
    tape.run.end()


def test_the_agents_own_error_is_seen_even_if_the_end_cannot_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFull("database or disk is full")

    run = footage.record(store=tmp_path / "s.db", strict=True)
    with monkeypatch.context() as broken:
        broken.setattr(RunWriter, "end", full)
        with pytest.raises(ZeroDivisionError), run:
            _ = 1 / 0
    assert run.writer is not None
    run.writer.leave()


def test_what_is_no_store_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_text("not a database, but long enough to be taken for one " * 50)
    with pytest.raises(NotAStore):
        footage.record(store=tmp_path / "s.db")


def test_without_room_the_agent_goes_on_unrecorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("No room left.", hint="Free some space.")

    monkeypatch.setattr(Store, "begin_run", full)
    with caplog.at_level(logging.WARNING, "footage"), footage.record(store=tmp_path / "s.db") as run:
        run.turn(request(user("Go")), reply(text("ok")))
        with run.step("screenshot") as step:
            step.frame(pixels(1), "after")
        assert (run.id, step.index) == ("", None)
    assert [record.getMessage() for record in caplog.records] == [
        "This run cannot be recorded: No room left. Free some space. The agent goes on without."
    ]
    with pytest.raises(StoreError):
        footage.record(store=tmp_path / "s.db", strict=True)


def test_a_store_nobody_may_write_leaves_the_agent_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr("footage.recorder.recording.open_store", denied)
    with footage.record(store=tmp_path / "s.db") as run:
        run.gap("none")
    assert run.id == ""


def test_the_machines_specification_is_kept(tmp_path: Path) -> None:
    tape = Tape(tmp_path, machine={"driver": "x", "protocol": 1, "screen": [640, 480]})
    machine = tape.read().run.machine
    assert json.loads(json.dumps(machine)) == {"driver": "x", "protocol": 1, "screen": [640, 480]}
