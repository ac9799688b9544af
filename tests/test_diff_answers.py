"""Runs that did the same are not called identical where they were answered otherwise, or ended in other words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import call as command
from footage.analysis.diff import DiffVerdict, RunDiff, diff_runs
from footage.recorder.session import record
from footage.storage import open_store
from footage.trajectory import OutcomeSource
from recording import call, reply, request, result, said, text, user

Capture = pytest.CaptureFixture[str]


def listed(store: Path, answer: str, last: str, *, failed: bool = False) -> str:
    """Record a run that lists files by a shell, without screens."""
    with record("List the files", store=store, model="m") as run:
        asked = call(f"c-{run.id}", name="bash", command="ls")
        run.turn(request(user("List"), tools=[]), reply(asked, message_id=f"a-{run.id}"))
        answered = result(asked["id"], text(answer)) | ({"is_error": True} if failed else {})
        more = request(user("List"), said(asked), user([answered]), tools=[])
        run.turn(more, reply(text(last), message_id=f"b-{run.id}"))
    return run.id


def compared(store: Path, a: str, b: str) -> RunDiff:
    with open_store(store) as opened:
        return diff_runs(opened, a, b)


def test_other_results_and_last_words_are_told(tmp_path: Path, capsys: Capture) -> None:
    store = tmp_path / "runs.db"
    a, b = listed(store, "a.txt", "There is a.txt."), listed(store, "b.txt c.txt", "I deleted everything.")
    found = compared(store, a, b)
    assert found.verdict is DiffVerdict.COSMETIC
    assert [(each.name, each.a, each.b) for each in found.answers] == [
        ("result of step 0", "a.txt", "b.txt c.txt"),
        ("last words", "There is a.txt.", "I deleted everything."),
    ]
    shown = command(capsys, "diff", a, b, "--store", store)
    assert "identical" not in shown.out
    assert "not every screen was recorded" in " ".join(shown.out.split())


def test_a_step_that_failed_in_one_run_is_told(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    a, b = listed(store, "a.txt", "Done."), listed(store, "permission denied", "Done.", failed=True)
    assert [each.name for each in compared(store, a, b).answers] == ["step 0"]


def test_another_outcome_is_told(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    a, b = listed(store, "a.txt", "Done."), listed(store, "a.txt", "Done.")
    with open_store(store) as opened:
        for run, value in ((a, "success"), (b, "failure")):
            opened.add_outcome(run, value, OutcomeSource.HUMAN)
    (told,) = compared(store, a, b).answers
    assert (told.name, told.a, told.b) == ("outcome", "success", "failure")


def test_times_and_ids_in_an_answer_are_no_other_answer(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    a, b = (listed(store, f"a.txt 2026-0{month}-11 10:0{month}", "Done.") for month in (1, 2))
    assert compared(store, a, b).verdict is DiffVerdict.IDENTICAL
