"""Detectors: what is told is so, what is not known is not told, and what was found is kept once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli import call, sample_in
from footage.analysis.detectors.diagnosing import diagnose
from footage.errors import UsageError
from footage.recorder.recording import record
from footage.storage import Store, open_store
from footage.storage.findings import findings_of, keep_findings
from footage.trajectory import Action, Finding, FrameRole, Instant, Region, RunStatus, StepStatus
from places import EXAMPLES
from recording import pixels

CLICK = Action("left_click", {"coordinate": [5, 6]})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "runs.db") as opened:
        yield opened


@dataclass
class Drawn:
    """A step to be recorded: its action, and the shades of grey of its screens; None: no screen was taken."""

    action: Action = CLICK
    before: int | None = 7
    after: int | None = 7
    between: tuple[int, ...] = ()
    status: StepStatus = StepStatus.EXECUTED
    frame: dict[str, Any] = field(default_factory=dict)


def recorded(store: Store, *steps: Drawn, gap: str = "") -> str:
    writer = store.begin_run(task="press")
    for drawn in steps:
        index = writer.intend(drawn.action)
        shades = [(FrameRole.BEFORE, drawn.before), *((FrameRole.BETWEEN, shade) for shade in drawn.between)]
        for role, shade in [*shades, (FrameRole.AFTER, drawn.after)]:
            if shade is not None:
                writer.frame(pixels(shade), captured=Instant.now(), roles=[(index, role)], **drawn.frame)
        writer.finish(index, status=drawn.status)
    if gap:
        writer.gap(gap)
    writer.end()
    return writer.run_id


def kinds(store: Store, run: str) -> list[tuple[str, int | None]]:
    return [(finding.kind, finding.step) for finding in diagnose(store, run, ["no-effect"]).findings]


def test_the_same_click_three_times_without_effect_is_noticed(store: Store) -> None:
    run = recorded(store, Drawn(after=9), Drawn(before=9, after=9), *[Drawn(before=9, after=9)] * 2, Drawn(before=9))
    (found,) = diagnose(store, run, ["no-effect"]).findings
    assert (found.kind, found.step, found.rule, found.confidence) == ("no_effect", 1, "no-effect/1", 1.0)
    assert "left_click at (5, 6) was carried out 3 times in a row, in steps 1 to 3" in found.message
    steps = store.steps(run)
    shown = [steps[1].frame(FrameRole.BEFORE), steps[3].frame(FrameRole.AFTER)]
    assert list(found.evidence) == [frame.id for frame in shown if frame]


SILENT: dict[str, Callable[[], list[Drawn]]] = {
    "two clicks": lambda: [Drawn()] * 2,
    "another place": lambda: [Drawn(), Drawn(Action("left_click", {"coordinate": [5, 7]})), Drawn(), Drawn()],
    "an effect": lambda: [Drawn(), Drawn(after=8), Drawn(before=8, after=8), Drawn(before=8, after=8)],
    "an effect that came late": lambda: [Drawn(), Drawn(), Drawn(before=8, after=8), Drawn(before=8, after=8)],
    "an effect that the next step sees": lambda: [*[Drawn()] * 3, Drawn(Action("wait"), before=8)],
    "something that flashed up": lambda: [Drawn(), Drawn(between=(8,)), Drawn()],
    "no screen before": lambda: [Drawn(before=None)] * 4,
    "no screen after": lambda: [Drawn(after=None)] * 4,
    "screens taken over": lambda: [Drawn(frame={"derived": True})] * 4,
    "parts of the screen": lambda: [Drawn(frame={"region": Region(0, 0, 64, 48), "screen": (128, 96)})] * 4,
    "smaller pictures": lambda: [Drawn(frame={"screen": (128, 96)})] * 4,
    "it failed": lambda: [Drawn(status=StepStatus.FAILED)] * 4,
    "nobody knows": lambda: [Drawn(status=StepStatus.UNKNOWN)] * 4,
    "waiting": lambda: [Drawn(Action("wait", {"duration": 1}))] * 4,
    "looking": lambda: [Drawn(Action("screenshot"))] * 4,
    "holding the button": lambda: [Drawn(Action("left_mouse_down"))] * 4,
    "another tool": lambda: [Drawn(Action("run", {"command": "ls"}, "bash"))] * 4,
    "no steps": list,
}


@pytest.mark.parametrize("why", SILENT)
def test_nothing_is_said_of(store: Store, why: str) -> None:
    assert kinds(store, recorded(store, *SILENT[why]())) == []


def test_nothing_is_said_where_nobody_knows_what_is_missing(store: Store) -> None:
    assert kinds(store, recorded(store, *[Drawn()] * 4, gap="the recorder died")) == []


def test_what_a_recorded_machine_did_not_react_to_is_noticed(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / "plugins/machine"))
    import own_machine  # type: ignore[import-not-found] # found in the examples' folder

    with closing(own_machine.Blackboard()) as machine, record("write", store=store, machine=machine) as run:
        watched = run.watch(machine, quiet=0.02)
        watched.perform(Action("left_click", {"coordinate": [50, 60]}))
        for _ in range(4):
            watched.perform(Action("type", {"text": " "}))  # leaves nothing on the board
        for _ in range(4):
            watched.perform(Action("left_click", {"coordinate": [80, 90]}))  # the first alone leaves a dot
    found = diagnose(store, run.id, ["no-effect"]).findings
    assert [(finding.step, finding.message.partition(", in steps")[0]) for finding in found] == [
        (1, "type was carried out 4 times in a row"),
        (6, "left_click at (80, 90) was carried out 3 times in a row"),
    ]


def test_findings_are_kept_once_and_runs_are_found_by_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs.db"
    with open_store(path) as store:
        run = recorded(store, *[Drawn()] * 3)
        other = recorded(store, *[Drawn()] * 2)
    for _ in range(2):
        document = call(capsys, "diagnose", run, "--store", path, "--json").document
        assert ([each["kind"] for each in document["findings"]], document["broken"]) == (["no_effect", "stuck"], [])
        assert {"no-effect/1", "scale/1", "stuck/1"} < set(document["rules"])
    assert not call(capsys, "diagnose", other, "--store", path, "--json").document["findings"]
    listed = call(capsys, "runs", "--finding", "no_effect", "--store", path, "--json").document["runs"]
    assert [each["id"] for each in listed] == [run]
    assert not call(capsys, "runs", "--finding", "loop", "--store", path, "--json").document["runs"]
    shown = call(capsys, "show", run, "--store", path, "--json").document
    assert [{**each, "alarm": True} for each in shown["findings"]] == document["findings"]
    assert {each["detector"] for each in document["abstained"]} >= {"done-without-looking", "outliers"}
    assert "3 times in a row" in call(capsys, "show", run, "--store", path).out.replace("\n", " ")
    said = call(capsys, "diagnose", other, "--store", path, "--detector", "no-effect", "--detector", "scale")
    assert said.out.strip().endswith(f"run {other}: nothing noticed by no-effect/1, scale/1")


def test_a_newer_version_of_a_rule_replaces_what_the_older_found_and_no_other_rule(store: Store) -> None:
    run = recorded(store, Drawn())
    of = {rule: Finding(run, 0, "odd", "It is odd.", 0.5, Region(1, 2, 3, 4), (), rule) for rule in ("a/1", "a/2")}
    of |= {rule: Finding(run, None, "odd", "It is odd.", 1.0, rule=rule) for rule in ("a-b/1", "b/1")}
    for rule, finding in of.items():
        keep_findings(store, run, rule.partition("/")[0], [finding])
    assert findings_of(store, run) == [of["a-b/1"], of["b/1"], of["a/2"]]
    assert store.facets("finding") == [("odd", 1)]
    for rule in ("a", "a-b", "b"):
        keep_findings(store, run, rule, [])
    assert findings_of(store, run) == []
    assert store.facets("finding") == []


def test_the_sample_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "diagnose", "@1", "--sample", "--json")
    assert said.code == 0
    path = sample_in(tmp_path)
    assert call(capsys, "diagnose", "@1", "--store", path, "--json").document["findings"] == said.document["findings"]


def test_a_run_that_goes_on_is_not_diagnosed(store: Store) -> None:
    writer = store.begin_run(task="go on")
    assert store.run(writer.run_id).status is RunStatus.RECORDING
    with pytest.raises(UsageError, match="still being recorded"):
        diagnose(store, writer.run_id)
    writer.end()


def test_an_unknown_detector_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "diagnose", "@1", "--store", sample_in(tmp_path), "--detector", "crystal-ball")
    assert said.code == 2
    assert "'no-effect'" in said.err
