"""Importing: what is walked, what is written, what is told; with the Anthropic event log as the format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from event_logs import session
from footage.errors import StoreFull, UsageError
from footage.interchange.importers import draft_writer as importers_writing
from footage.interchange.importers import import_paths
from footage.interchange.importers.common.blocks_of_recordings import wall_ns
from footage.interchange.importers.common.derive import derive_after, derive_before
from footage.interchange.importers.draft import DraftPicture, DraftRun, DraftStep
from footage.interchange.importers.salvage import closed
from footage.providers.actions.coordinates import FRACTIONS, THOUSANDTHS, placed, space_of
from footage.storage import Store
from footage.trajectory import Action, FrameRole, OutcomeSource, RunKind, RunStatus, Space, StepStatus
from samples import encoded, noise


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A folder with one event log, its picture and its label."""
    folder = tmp_path / "recording"
    (folder / "logs").mkdir(parents=True)
    (folder / "screenshots").mkdir()
    (folder / "evaluations").mkdir()
    (folder / "screenshots/shot_1.png").write_bytes(encoded(noise(64, 48)))
    (folder / "logs/session_7_Form_1.json").write_text(json.dumps(session()))
    label = {"task_successful": False, "step_failures": ["toolu_4"], "notes": "no form", "evaluated_by": "Ana"}
    (folder / "evaluations/evaluations.json").write_text(json.dumps({"7_7_Form_1": label}))
    return folder


def only_run(store: Store) -> str:
    (run,) = store.runs()
    return run.id


def test_a_session_comes_in_with_its_turns_steps_pictures_and_label(store: Store, recording: Path) -> None:
    report = import_paths(store, [recording])
    assert not report.skipped
    (made,) = report.imported
    run = store.run(made.run)
    assert (run.kind, run.status, run.source_format) == (RunKind.IMPORTED, RunStatus.COMPLETED, "anthropic-events")
    assert (run.task, run.task_id, run.model, run.trusted) == ("Fill in the form", "7_Form", "claude-test", False)
    assert run.replayable == "no"
    assert (run.started.wall_ns, run.ended and run.ended.wall_ns) == (1751364000 * 10**9, 1751364020 * 10**9)
    assert [(o.value, o.source, o.note) for o in run.outcomes] == [("failure", OutcomeSource.HUMAN, "no form")]
    look, move, click, bash = store.steps(run.id)
    assert [step.turn for step in (look, move, click, bash)] == [0, 1, 1, 2]
    assert (move.action.point, click.action.point, click.action.tracked) == ((40, 30), (40, 30), (40, 30))
    assert (bash.status, bash.error, bash.action.title) == (StepStatus.FAILED, "exit 1", "bash:run")
    assert look.duration_ms == 1000.0
    after = look.frame(FrameRole.AFTER)
    assert after is not None
    assert not after.derived
    assert look.frame(FrameRole.OBSERVED) == after
    before = click.frame(FrameRole.BEFORE)
    assert before is not None
    assert before.derived
    assert before.picture == after.picture
    assert [(note.step, note.text) for note in store.notes(run.id)] == [(3, "judged a failed step (Ana)")]
    assert [turn.text for turn in store.turns(run.id)] == ["I look.", "", ""]
    assert store.turns(run.id)[0].usage == {"input_tokens": 10, "output_tokens": 2}


def test_importing_twice_adds_nothing_wherever_the_recording_lies(
    store: Store, recording: Path, tmp_path: Path
) -> None:
    first = import_paths(store, [recording]).imported[0].run
    recording.rename(tmp_path / "moved")
    again = import_paths(store, [tmp_path / "moved"])
    assert (again.imported, again.already) == ([], 1)
    assert again.skipped[0].reason == f"it is in the store already, as run {first}"
    assert store.count_runs() == 1


def test_an_import_that_dies_leaves_a_marked_run_and_the_next_one_makes_a_whole_one(
    store: Store, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise StoreFull("no room")

    with monkeypatch.context() as patched:
        patched.setattr(importers_writing._Pen, "_store", die)
        with pytest.raises(StoreFull):
            import_paths(store, [recording])
    (half,) = store.runs()
    assert half.status is RunStatus.INTERRUPTED
    whole = import_paths(store, [recording]).imported[0].run
    assert [(run.id, run.status) for run in store.runs()] == [
        (whole, RunStatus.COMPLETED),
        (half.id, RunStatus.INTERRUPTED),
    ]
    assert import_paths(store, [recording]).already == 1


def test_an_origin_is_taken_by_one_run(store: Store) -> None:
    store.begin_run(origin="one").end()
    with pytest.raises(UsageError, match="already"):
        store.begin_run(origin="one")


def test_a_session_without_an_end_is_interrupted_and_one_without_steps_is_a_run(store: Store, tmp_path: Path) -> None:
    empty = session() | {"events": session()["events"][:3]}
    del empty["end_time"]
    (tmp_path / "killed.json").write_text(json.dumps(empty))
    report = import_paths(store, [tmp_path / "killed.json"])
    assert [(run.format, run.steps) for run in report.imported] == [("anthropic-events", 0)]
    assert store.run("@1").status is RunStatus.INTERRUPTED


def test_what_is_broken_in_a_recording_is_told_and_the_rest_comes_in(store: Store, recording: Path) -> None:
    log = recording / "logs/session_7_Form_1.json"
    broken = session()
    broken["events"][6] = {"type": "api_response", "data": None}
    log.write_text(json.dumps(broken))
    (recording / "screenshots/shot_1.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    report = import_paths(store, [recording])
    assert [run.steps for run in report.imported] == [2]
    reasons = [skipped.reason for skipped in report.skipped]
    assert any(reason.startswith("event 6: it is not of the usual form") for reason in reasons)
    assert any("a result of the call 'toolu_2', which nobody made" in reason for reason in reasons)
    assert any("the picture cannot be read" in reason for reason in reasons)
    gaps = store.gaps(only_run(store))
    assert len(gaps) == len(reasons)
    assert any(gap.step == 0 for gap in gaps)


def test_a_missing_picture_is_a_gap_of_its_step(store: Store, recording: Path) -> None:
    (recording / "screenshots/shot_1.png").unlink()
    report = import_paths(store, [recording])
    assert [skipped.reason for skipped in report.skipped] == ["there is no such picture"]
    assert [gap.step for gap in store.gaps(only_run(store))] == [0]


def test_a_session_that_breaks_off_comes_in_as_far_as_it_goes(store: Store, recording: Path) -> None:
    log = recording / "logs/session_7_Form_1.json"
    whole = log.read_text()
    log.write_text(whole[: whole.index("toolu_4") - 20])
    (recording / "evaluations/evaluations.json").unlink()
    report = import_paths(store, [log])
    assert [run.steps for run in report.imported] == [3]
    reasons = [skipped.reason for skipped in report.skipped]
    assert any(reason.startswith("it breaks off: ") for reason in reasons)
    run = store.run("@1")
    assert run.status is RunStatus.INTERRUPTED
    assert [gap.reason for gap in store.gaps(run.id)] == reasons


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ('{"a": [1, 2, {"b": "}', '{"a": [1, 2]}'),
        ('{"a": "x, \\"y", "b": [tru', '{"a": "x, \\"y"}'),
        ("[[1], [2]", "[[1], [2]]"),
        ('{"a": 1}', None),
        ('{"a": 1]', None),
        ('{"a": 1', None),
        ("", None),
    ],
)
def test_what_is_whole_of_json_that_breaks_off(text: str, whole: str | None) -> None:
    assert closed(text) == whole


def test_files_that_are_no_recordings_are_named_and_their_neighbours_come_in(store: Store, recording: Path) -> None:
    (recording / "README.md").write_text("no recording, and nobody would think so")
    (recording / "cut.json").write_text(json.dumps(session())[:200])
    (recording / "other.json").write_text('{"a": 1}')
    (recording / "empty.json").write_bytes(b"")
    (recording / "settings.toml").write_text("[tool]\na = 1")
    (recording / "page.html").write_text("{% extends 'base.html' %}\n{{ title }}")
    report = import_paths(store, [recording])
    assert len(report.imported) == 1
    told = {Path(skipped.path).name: skipped.reason for skipped in report.skipped}
    assert set(told) == {"cut.json", "other.json"}
    assert told["other.json"] == "it is none of the formats that footage knows"
    assert "no JSON" in told["cut.json"]
    alone = import_paths(store, [recording / "empty.json"])
    assert [skipped.reason for skipped in alone.skipped] == ["empty.json is empty"]


def test_links_are_not_followed_out_of_the_recording(store: Store, recording: Path, tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere" / "shot_1.png"
    secret.parent.mkdir()
    (recording / "screenshots/shot_1.png").rename(secret)
    (recording / "screenshots/shot_1.png").symlink_to(secret)
    (recording / "logs/more").symlink_to(tmp_path)
    report = import_paths(store, [recording])
    assert len(report.imported) == 1
    assert [skipped.reason for skipped in report.skipped] == ["there is no such picture"]


def test_progress_counts_every_file(store: Store, recording: Path) -> None:
    seen: list[tuple[int, int]] = []
    import_paths(store, [recording], on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)
    assert seen == sorted(seen)


def test_tags_and_a_forced_format(store: Store, recording: Path) -> None:
    report = import_paths(store, [recording], format="anthropic-events", tags=["baseline"])
    assert [store.run(run.run).tags for run in report.imported] == [("baseline",)]
    (recording / "none.txt").write_text("none")
    forced = import_paths(store, [recording / "none.txt"], format="anthropic-events")
    assert [skipped.reason for skipped in forced.skipped] == [
        "it cannot be read as anthropic-events: none.txt holds no JSON object"
    ]


def test_coordinates_become_pixels_of_the_picture() -> None:
    assert placed(0.5, 0.25, space_of(FRACTIONS, (1280, 800))) == (640, 200)
    assert placed(345, 954, space_of(THOUSANDTHS, (1280, 720))) == (441, 686)
    assert placed(1000, 1000, space_of(THOUSANDTHS, (1280, 720))) == (1279, 719)
    assert placed(1001, 5, space_of(THOUSANDTHS, (1280, 720))) is None
    assert placed(float("nan"), 5, None) is None
    assert space_of((1280, 720), (1280, 720)) is None
    assert space_of((1366, 768), (683, 384)) == Space(1366, 768, 683, 384)


def picture(name: str) -> DraftPicture:
    return DraftPicture(lambda: encoded(noise(8, 8)), name)


def test_a_missing_side_is_the_neighbours_and_marked_as_derived() -> None:
    one, two, end = picture("1"), picture("2"), picture("3")
    run = DraftRun("x", steps=[DraftStep(Action("left_click")), DraftStep(Action("type", {"text": "a"}))])
    run.steps[0].show(one, FrameRole.BEFORE)
    run.steps[1].show(two, FrameRole.BEFORE)
    derive_after(run, last=end)
    assert [[(f.picture.name, f.role, f.derived) for f in step.frames] for step in run.steps] == [
        [("1", FrameRole.BEFORE, False), ("2", FrameRole.AFTER, True)],
        [("2", FrameRole.BEFORE, False), ("3", FrameRole.AFTER, True)],
    ]
    late = DraftRun("y", steps=[DraftStep(Action("left_click")), DraftStep(Action("left_click"))])
    late.steps[0].show(one, FrameRole.AFTER)
    derive_before(late)
    assert late.steps[0].picture(FrameRole.BEFORE) is None
    assert late.steps[1].frames[0].derived


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("2025-07-01T10:00:00Z", 1751364000.0),
        ("2025-07-01T12:00:00.500+02:00", 1751364000.5),
        (1751364000, 1751364000.0),
        (1751364000500, 1751364000.5),
        ("1751364000.5", 1751364000.5),
        ("no time", None),
        (True, None),
        (None, None),
    ],
)
def test_times_in_every_unit(given: object, seconds: float | None) -> None:
    assert wall_ns(given) == (None if seconds is None else int(seconds * 1000) * 10**6)


def test_a_run_that_cannot_be_stored_is_told_and_the_others_come_in(
    store: Store, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = session("8_Form_2") | {"events": session()["events"][:5]}
    (recording / "logs/session_8_Form_2.json").write_text(json.dumps(other))
    begun: list[object] = []

    def turn(*_: object) -> None:
        begun.append(None)
        if len(begun) == 1:
            raise OverflowError("too large")

    monkeypatch.setattr(importers_writing._Pen, "_turn", turn)
    report = import_paths(store, [recording])
    assert [skipped.reason for skipped in report.skipped if "stored" in skipped.reason] == [
        "a run in it cannot be stored: it is not of the usual form (too large)"
    ]
    assert len(report.imported) == 1
    assert sorted(run.status for run in store.runs()) == [RunStatus.COMPLETED, RunStatus.INTERRUPTED]


def test_a_point_outside_the_picture_has_no_marker_and_is_told(store: Store, recording: Path) -> None:
    log = session()
    log["events"][6]["data"]["content"][0]["input"]["coordinate"] = [40, 48]
    (recording / "logs/session_7_Form_1.json").write_text(json.dumps(log))
    report = import_paths(store, [recording])
    assert [skipped.reason for skipped in report.skipped] == ["the point 40,48 lies outside the picture of 64x48"] * 2
    _, move, click, _ = store.steps(only_run(store))
    assert (move.action.point, click.action.point) == (None, None)
    assert (move.action.raw or {})["coordinate"] == [40, 48]
    assert [gap.step for gap in store.gaps(only_run(store))] == [1, 2]
