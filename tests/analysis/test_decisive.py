"""The decisive step: one answer for a run, and never more than is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import call, sample_in
from examined_runs import Desk, click
from footage.analysis.detectors.decisive import Answer, Basis, Ending, decide, ending_of, passing_twin
from footage.analysis.detectors.diagnosing import diagnose
from footage.storage import Store, open_store
from footage.trajectory import Action, OutcomeSource, RunStatus


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "runs.db") as opened:
        yield opened


def answer(desk: Desk, outcome: str = "failure", status: RunStatus = RunStatus.COMPLETED) -> Answer:
    run = desk.ends(outcome=outcome, status=status)
    return decide(desk.store, desk.store.run(run), diagnose(desk.store, run))


def _stuck(desk: Desk) -> None:
    for number in range(4):
        desk.does(click(60 + 20 * number, 60))


def _works(desk: Desk, count: int) -> None:
    for number in range(count):
        desk.does(click(30 * number % 300, 150), (30 * number % 300, 140, 30, 30, 10 * number % 190))


def _ends(desk: Desk, words: str) -> None:
    desk.says(text=words, stop_reason="end_turn")


def test_a_refusal_is_a_kind_and_no_step_even_after_a_stretch(store: Store) -> None:
    desk = Desk(store)
    _stuck(desk)
    _ends(desk, "I'm sorry, I cannot assist with that.")
    found = answer(desk)
    assert (found.basis, found.kind, found.step) == (Basis.WORDS, "refused", None)


def test_a_stretch_without_effect_at_the_end_is_the_step_and_last_words_are_added(store: Store) -> None:
    desk = Desk(store)
    _works(desk, 3)
    _stuck(desk)
    _ends(desk, "I was unable to find the table.")
    found = answer(desk)
    assert (found.basis, found.kind, found.step) == (Basis.FINDING, "stuck", 3)
    assert "unable to find the table" in found.why


def test_a_stretch_that_the_run_got_over_counts_less_than_an_error_at_the_end(store: Store) -> None:
    desk = Desk(store)
    _stuck(desk)
    _works(desk, 12)
    desk.does(Action("run", {"command": "rm -rf ~/table"}, "bash"))
    found = answer(desk)
    assert (found.kind, found.step) == ("dangerous_stop", 16)


def test_without_a_rule_that_speaks_it_is_not_known(store: Store) -> None:
    desk = Desk(store)
    _works(desk, 4)
    _ends(desk, "I am done.")
    found = answer(desk)
    assert not found.is_known
    assert found.step is None
    assert found.why.startswith("Not known")


def test_a_run_that_passed_has_nothing_to_explain(store: Store) -> None:
    desk = Desk(store)
    _stuck(desk)
    found = answer(desk, "success")
    assert (found.ending, found.is_known) == (Ending.PASSED, False)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ([("success", OutcomeSource.SELF), ("failure", OutcomeSource.EVALUATOR)], Ending.FAILED),
        ([("0.4", OutcomeSource.JUDGE)], Ending.FAILED),
        ([("1.0", OutcomeSource.JUDGE)], Ending.PASSED),
        ([("odd", OutcomeSource.HUMAN)], Ending.UNKNOWN),
        ([], Ending.UNKNOWN),
    ],
)
def test_others_count_before_the_agent(store: Store, said: list[tuple[str, OutcomeSource]], wanted: Ending) -> None:
    desk = Desk(store)
    for value, source in said:
        desk.writer.outcome(value, source)
    assert ending_of(store.run(desk.ends())) is wanted


def test_the_demo_is_answered_alone_and_beside_the_run_that_passed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sample_in(tmp_path)
    alone = call(capsys, "diagnose", "@2", "--store", path, "--alone", "--json")
    assert alone.code == 1
    said = alone.document["answer"]
    assert (said["kind"], said["step"], said["basis"], said["reference"]) == ("missed_target", 5, "finding", None)
    assert "It missed (155, 496)" in said["why"]
    with open_store(path) as store:
        twin = passing_twin(store, store.run("@2"))
    beside = call(capsys, "diagnose", "@2", "--store", path, "--json").document["answer"]
    assert (beside["step"], beside["basis"], beside["reference"]) == (5, "reference", twin)
    assert call(capsys, "diagnose", "@1", "@3", "--store", path, "--json").code == 0
    both = call(capsys, "diagnose", "@1", "@2", "--store", path, "--json").document["diagnoses"]
    assert [each["answer"]["ending"] for each in both] == ["passed", "failed"]


def test_the_answer_comes_first_and_makes_a_paragraph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sample_in(tmp_path)
    shown = call(capsys, "diagnose", "@2", "--store", path, "--alone").out
    assert "failed  missed target, step 5  confidence 0.8" in shown.splitlines()[0]
    paragraph = call(capsys, "diagnose", "@2", "--store", path, "--alone", "--issue").out.strip()
    assert paragraph.startswith("**Run ")
    assert "missed target at step 5 of 11 (confidence 0.8, missed-target/1).**" in paragraph
    assert "\n" not in paragraph
