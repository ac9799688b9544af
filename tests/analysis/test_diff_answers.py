"""Runs that did the same are not called identical where they were answered otherwise, or ended in other words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import call as command
from footage.analysis.runs.diff import DiffVerdict, RunDiff, diff_runs
from footage.recorder.recording import record
from footage.storage import open_store
from footage.trajectory import OutcomeSource
from recording import call, reply, request, result, said, text, user

Capture = pytest.CaptureFixture[str]


def listed(store: Path, answer: str, last: str, *, failed: bool = False, command: str = "ls") -> str:
    """Record a run that lists files by a shell, without screens."""
    with record("List the files", store=store, model="m") as run:
        asked = call(f"c-{run.id}", name="bash", command=command)
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


def test_what_another_action_was_answered_is_no_other_answer(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    a, b = listed(store, "a.txt", "Done."), listed(store, "/home", "Done.", command="pwd")
    assert compared(store, a, b).answers == ()
    a, b = listed(store, "a.txt", "Done."), listed(store, "denied", "Done.", command="pwd", failed=True)
    assert compared(store, a, b).answers == ()


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


def dated(store: Path, date: str, folder: str, *, answer: str = "a.txt") -> str:
    """Record a run whose harness tells the day and a folder."""
    with record("List the files", store=store, model="m") as run:
        asked = call(f"c-{run.id}", name="bash", command=command)
        system = f"You use a computer. Today is {date}. Work in {folder}."
        run.turn(request(user("List"), tools=[], system=system), reply(asked, message_id=f"a-{run.id}"))
        answered = result(asked["id"], text(answer))
        more = request(user("List"), said(asked), user([answered]), tools=[], system=system)
        run.turn(more, reply(text("Done."), message_id=f"b-{run.id}"))
    return run.id


def test_a_date_that_differs_in_the_prompt_is_forgiven_and_named(tmp_path: Path, capsys: Capture) -> None:
    store = tmp_path / "runs.db"
    a = dated(store, "Sunday, November 22, 2026", "/work", answer="took 3.2 s")
    b = dated(store, "Monday, November 23, 2026", "/work", answer="took 4.9 s")
    found = compared(store, a, b)
    assert not found.conditions
    assert not found.answers
    assert [(each.name, each.only_in) for each in found.forgiven] == [
        ("system prompt", ("date",)),
        ("result of step 0", ("duration",)),
    ]
    assert found.as_json()["forgiven"][0] == {
        "name": "system prompt",
        "only_in": ["date"],
        "a": "…Sunday, November 22, 2026. Work in /work.",
        "b": "…Monday, November 23, 2026. Work in /work.",
    }
    shown = " ".join(command(capsys, "diff", a, b, "--store", store).out.split())
    assert "the system prompt differs only in its date" in shown


def test_several_kinds_that_differ_are_all_named(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    found = compared(store, dated(store, "2026-11-22", "/tmp/ab12/x"), dated(store, "2026-11-23", "/tmp/zz99/x"))
    assert found.forgiven[0].sentence == "the system prompt differs only in its date and temporary folder"


def test_a_prompt_that_differs_in_more_is_another_one_and_nothing_of_it_is_forgiven(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    found = compared(store, dated(store, "2026-11-22", "/work"), dated(store, "2026-11-23", "/home/other"))
    assert [each.name for each in found.conditions] == ["system prompt"]
    assert not found.forgiven
