"""What a run is made of is read as it was written: steps, frames, turns, and all that is said of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from footage.errors import UsageError
from footage.storage import Store, verify_store
from footage.trajectory import (
    Action,
    Cause,
    Divergence,
    FrameRole,
    Guarantee,
    InputEvent,
    Instant,
    OutcomeSource,
    Parent,
    Region,
    Space,
    StepStatus,
    StepVerdict,
    Verdict,
)
from samples import CLICK, noise

NOW = Instant("boot", 1_000_000, 1_700_000_000_000_000_000)
LATER = Instant("boot", 9_000_000, 1_700_000_000_008_000_000)


def count(store: Store, table: str) -> int:
    return int(store.database.rows(f"SELECT count(*) FROM {table}")[0][0])


def test_a_step_is_read_as_it_was_written(store: Store) -> None:
    writer = store.begin_run()
    turn = writer.begin_turn(model="m", started=NOW)
    raw = {"action": "left_click", "coordinate": [5, 6], "text": "shift"}
    action = Action("left_click", {"coordinate": [10, 12], "text": "shift"}, raw=raw, space=Space(640, 400, 1280, 800))
    index = writer.intend(action, turn=turn, call_id="toolu_1", call_index=2, source_step=7, at=NOW)
    writer.start(index, NOW)
    frame = writer.frame(noise(40, 30), captured=NOW, roles=[(index, FrameRole.BEFORE)], display=":7")
    writer.add_role(frame, index, FrameRole.OBSERVED)
    writer.add_role(frame, index, FrameRole.OBSERVED)
    events = [InputEvent("move", (10, 12), 5), InputEvent("button_down", (1,)), InputEvent("text", ("é",))]
    writer.finish(index, status=StepStatus.EXECUTED, result_text="ok", delivered=events, ended=LATER)
    verdict = StepVerdict(Verdict.DIVERGED, "a window", (Region(1, 2, 3, 4),), frame, frame)
    writer.verdict(index, verdict)
    writer.end()

    step = store.step("@1", 0)
    assert step.action == action
    assert (step.turn, step.call_id, step.call_index, step.source_step) == (0, "toolu_1", 2, 7)
    assert (step.status, step.result_text, step.duration_ms) == (StepStatus.EXECUTED, "ok", 8.0)
    assert step.delivered == (("move", 10, 12), ("button_down", 1), ("text", "é"))
    assert step.verdict == verdict
    assert {role: [f.id for f in frames] for role, frames in step.frames.items()} == {
        FrameRole.BEFORE: [frame],
        FrameRole.OBSERVED: [frame],
    }
    assert store.steps("@1") == [step]
    assert store.run("@1").steps == store.run("@1").turns == 1


def test_what_an_event_leaves_out_stays_as_it_was(store: Store) -> None:
    writer = store.begin_run()
    index = writer.intend(CLICK)
    writer.finish(index, status=StepStatus.EXECUTED, result_text="from the wire", started=NOW)
    writer.finish(index, status=StepStatus.EXECUTED, delivered=[InputEvent("move", (1, 2))], ended=LATER)
    step = store.step("@1", index)
    assert (step.result_text, step.delivered, step.started, step.ended) == (
        "from the wire",
        (("move", 1, 2),),
        NOW,
        LATER,
    )


@pytest.mark.parametrize(
    "coordinate", [["a", "b"], [], [1], None, [float("nan"), 1], [1e300, 1], [-(1 << 40), 0], "12", {"x": 1}]
)
def test_a_point_that_is_none_is_kept_in_the_arguments_only(store: Store, coordinate: object) -> None:
    writer = store.begin_run()
    writer.intend(Action("left_click", {"coordinate": coordinate}))
    row = store.database.rows("SELECT x, y FROM step")[0]
    assert tuple(row) == (None, None)
    assert store.step("@1", 0).action.point is None
    assert str(store.step("@1", 0).action.arguments["coordinate"]) == str(coordinate)


def test_a_tracked_point_is_marked_as_such(store: Store) -> None:
    writer = store.begin_run()
    writer.intend(Action("left_click", tracked=(3, 4)))
    writer.intend(Action("left_click", {"coordinate": [5, 6]}, tracked=(3, 4)))
    writer.intend(Action("run", namespace="bash", tracked=(3, 4)))
    assert [step.action.tracked for step in store.steps("@1")] == [(3, 4), None, None]
    assert [step.action.point for step in store.steps("@1")] == [(3, 4), (5, 6), None]


def test_two_layers_that_see_one_call_write_one_row(store: Store) -> None:
    writer = store.begin_run()
    other = store.join_run(writer.run_id, layer="proxy")
    assert [w.intend(CLICK, call_id="toolu_1") for w in (writer, other, writer)] == [0, 0, 0]
    assert [w.intend(CLICK, call_id="toolu_1", call_index=1) for w in (other, writer)] == [1, 1]
    assert [w.intend(CLICK) for w in (other, writer)] == [2, 3]  # scripted steps have no call
    other.finish(0, status=StepStatus.EXECUTED)
    writer.verdict(0, StepVerdict(Verdict.REPRODUCED))
    assert store.run("@1").steps == 4
    assert verify_store(store).ok


def test_two_layers_at_once_number_their_steps_without_holes(store: Store) -> None:
    writers = [store.begin_run()]
    writers += [store.join_run(writers[0].run_id, layer=f"layer {i}") for i in range(3)]

    def write(number: int) -> None:
        for i in range(10):
            writers[number].intend(CLICK, call_id=f"shared {i}")
            writers[number].intend(CLICK, call_id=f"{number}.{i}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert [step.index for step in store.steps("@1")] == list(range(50))
    assert verify_store(store).ok


def test_frames_know_their_screen_region_and_source(store: Store) -> None:
    writer = store.begin_run()
    writer.frame(noise(40, 30), captured=NOW, screen=(80, 60), region=Region(1, 2, 40, 30), source="wire", derived=True)
    frame = store.frames("@1")[0]
    assert (frame.width, frame.height, frame.screen_width, frame.screen_height) == (40, 30, 80, 60)
    assert (frame.region, frame.source, frame.derived, frame.captured) == (Region(1, 2, 40, 30), "wire", True, NOW)
    assert store.frame(frame.id) == frame


def test_turns_are_read_with_their_attempts(store: Store) -> None:
    writer = store.begin_run()
    turn = writer.begin_turn(model="m", started=NOW)
    writer.attempt(turn, number=0, started=NOW, status=529, error="overloaded")
    writer.attempt(turn, number=1, started=NOW)
    writer.attempt(turn, number=1, started=NOW, ended=LATER, status=200)
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello \ud83d"}]
    writer.end_turn(turn, content=content, ended=LATER, stop_reason="end_turn", usage={"output_tokens": 3}, model="m-2")
    writer.begin_turn(model="m", started=LATER)
    done, open_turn = store.turns("@1")
    assert (done.model, done.status, done.stop_reason, done.usage) == (
        "m-2",
        "completed",
        "end_turn",
        {"output_tokens": 3},
    )
    assert list(done.content) == content
    assert [(a.number, a.status, a.error, a.ended) for a in done.attempts] == [
        (0, 529, "overloaded", None),
        (1, 200, "", LATER),
    ]
    assert (open_turn.status, open_turn.attempts, open_turn.ended) == ("streaming", (), None)


def test_conversations_are_numbered(store: Store) -> None:
    writer = store.begin_run()
    assert [writer.conversation(label) for label in ("main", "")] == [0, 1]
    assert [(c.number, c.label) for c in store.conversations("@1")] == [(0, "main"), (1, "")]


def test_what_is_said_of_a_run_is_kept(store: Store) -> None:
    writer = store.begin_run(guarantee=Guarantee.ANCHORED, machine={"driver": "desktop"}, trusted=False)
    writer.describe(model="m", task="later", machine={"driver": "vnc"})
    writer.describe()
    index = writer.intend(CLICK)
    writer.gap("the disk was full", step=index, lost=3)
    writer.heartbeat()
    writer.outcome("success", OutcomeSource.SELF, "it said so")
    store.add_outcome(writer.run_id, "failure", OutcomeSource.HUMAN)
    store.add_note(writer.run_id, "look here", step=index)
    store.add_note(writer.run_id, "all in all")
    divergence = Divergence(1, None, Cause.ENVIRONMENT, "window", "a window", (Region(1, 2, 3, 4),))
    writer.end(verdict=Verdict.DIVERGED, divergence=divergence)
    run = store.run("@1")
    assert (run.model, run.task, run.machine, run.trusted) == ("m", "later", {"driver": "vnc"}, False)
    assert [(o.value, o.source, o.note) for o in run.outcomes] == [
        ("success", OutcomeSource.SELF, "it said so"),
        ("failure", OutcomeSource.HUMAN, ""),
    ]
    assert [(gap.reason, gap.step, gap.lost) for gap in store.gaps("@1")] == [("the disk was full", 0, 3)]
    assert [(note.text, note.step) for note in store.notes("@1")] == [("look here", 0), ("all in all", None)]
    assert (run.verdict, run.divergence, run.guarantee) == (Verdict.DIVERGED, divergence, Guarantee.ANCHORED)


def test_texts_that_utf8_cannot_hold_are_escaped(store: Store) -> None:
    writer = store.begin_run(task="lone \ud83d half")
    writer.gap("\udcff")
    store.add_note(writer.run_id, "nul \x00 inside")
    assert store.run("@1").task == "lone \\ud83d half"
    assert store.gaps("@1")[0].reason == "\\udcff"
    assert store.notes("@1")[0].text == "nul \x00 inside"


def test_a_step_or_turn_that_does_not_exist_is_a_wrong_argument(store: Store) -> None:
    writer = store.begin_run()
    wrong: list[Callable[[], object]] = [
        lambda: store.step("@1", 0),
        lambda: store.step("@1", 1 << 70),
        lambda: store.frame(5),
        lambda: store.add_note("@1", "x", step=3),
        lambda: writer.finish(3, status=StepStatus.EXECUTED),
        lambda: writer.start(-1, NOW),
        lambda: writer.end_turn(3, content=[], ended=NOW),
        lambda: writer.frame(noise(3, 3), captured=NOW, roles=[(5, FrameRole.AFTER)]),
        lambda: writer.gap("x", lost=1 << 70),
        lambda: store.join_run("nobody", layer="x"),
        lambda: store.begin_run(parent=Parent("nobody")),
    ]
    for call in wrong:
        with pytest.raises(UsageError):
            call()
    assert count(store, "event") == count(store, "frame") == count(store, "picture") == 0
    assert writer.intend(CLICK) == 0
    assert verify_store(store).ok


def test_events_are_numbered_without_holes_also_across_what_was_rolled_back(store: Store) -> None:
    writer = store.begin_run()
    writer.intend(CLICK)
    with pytest.raises(UsageError):
        writer.start(7, NOW)
    with contextlib.suppress(ZeroDivisionError), store.database.transaction():
        writer.finish(writer.intend(CLICK), status=StepStatus.EXECUTED)
        _ = 1 / 0
    assert writer.intend(CLICK) == 1
    writer.finish(1, status=StepStatus.EXECUTED)
    assert [row["sequence"] for row in store.database.rows("SELECT sequence FROM event")] == [0, 1, 2]
    assert verify_store(store).ok
