"""The commands that browse and keep: runs, show, tag, note, outcome, verify, diff."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest

from cli import call, sample_in
from footage.analysis.runs.run_tree import in_families
from footage.errors import RunNotFound
from footage.sample import sample_path
from footage.storage import open_store
from footage.trajectory import Action, Guarantee, Instant, Parent, RunKind, RunStatus, StepStatus, Verdict

Capture = pytest.CaptureFixture[str]

RUN_KEYS = {
    "id", "kind", "task", "task_id", "model", "status", "steps", "started_at", "outcomes", "parent", "replayable",
    "source_format",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return sample_in(tmp_path)


def test_runs_are_listed_newest_first(capsys: Capture, store: Path) -> None:
    document = call(capsys, "runs", "--store", store, "--json").document
    started = [run["started_at"] for run in document["runs"]]
    assert started == sorted(started, reverse=True)
    assert [run["kind"] for run in document["runs"]].count("recorded") == 3
    assert document["next"] is None
    assert all(run.keys() >= RUN_KEYS for run in document["runs"])


def test_runs_come_in_pages(capsys: Capture, store: Path) -> None:
    whole = call(capsys, "runs", "--store", store, "--json").document["runs"]
    first = call(capsys, "runs", "--store", store, "--json", "--limit", "2").document
    rest = call(capsys, "runs", "--store", store, "--json", "--before", first["next"]).document
    assert [run["id"] for run in first["runs"] + rest["runs"]] == [run["id"] for run in whole]
    assert f"--before {first['next'][:8]}" in call(capsys, "runs", "--store", store, "--limit", "2").out


def test_runs_are_found_by_what_they_are(capsys: Capture, store: Path) -> None:
    def found(*words: str) -> list[str]:
        return [run["kind"] for run in call(capsys, "runs", "--store", store, "--json", *words).document["runs"]]

    assert found("--kind", "replay") == ["replay"]
    assert found("--model", "stand-in/hasty", "--kind", "recorded") == ["recorded"]
    assert found("--status", "interrupted") == []
    assert found("--text", "no such words") == []


def test_replays_and_forks_stand_below_their_parent(store: Path) -> None:
    with open_store(store) as opened:
        listed = list(in_families(opened.runs()))
    for (above, _), (run, branch) in pairwise(listed):
        if branch:
            assert run.parent is not None
            assert run.parent.run == above.id
    assert [branch for run, branch in listed if run.parent] == ["└ ", "└ "]
    assert len(listed) == 5


def test_a_family_stands_where_its_newest_member_would(tmp_path: Path) -> None:
    with open_store(tmp_path / "two.db") as opened:
        ids = []
        for name in ("old", "new"):
            writer = opened.begin_run(task=name)
            writer.end()
            ids.append(writer.run_id)
        for step in (1, None):
            kind = RunKind.REPLAY if step is None else RunKind.FORK
            opened.begin_run(kind=kind, task="old", parent=Parent(ids[0], step)).end()
        listed = [(run.task, run.kind, branch) for run, branch in in_families(opened.runs())]
    assert listed == [
        ("old", RunKind.RECORDED, ""),
        ("old", RunKind.FORK, "├ "),
        ("old", RunKind.REPLAY, "└ "),
        ("new", RunKind.RECORDED, ""),
    ]


def test_the_list_tells_verdicts_of_tapes_models_of_children_and_what_is_exact(capsys: Capture, tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as opened:
        writer = opened.begin_run(task="Sum", model="m-1", guarantee=Guarantee.EXACT)
        writer.end()
        tape = opened.begin_run(kind=RunKind.TAPE, task="Sum", model="m-1", parent=Parent(writer.run_id, None))
        tape.end(verdict=Verdict.DIVERGED)
        fork = opened.begin_run(kind=RunKind.FORK, task="Sum", model="m-2", parent=Parent(writer.run_id, 0))
        fork.end(verdict=Verdict.REPRODUCED)
    recorded, taped, forked = call(capsys, "runs", "--store", tmp_path / "runs.db").out.splitlines()[2:]
    assert "recorded, exact" in recorded
    assert ("m-1" in taped, "✗ diverged" in taped, "exact" in taped) == (True, True, False)
    assert ("m-2" in forked, "fork at 0" in forked, "completed" in forked) == (True, True, True)


def test_at_1_is_not_taken_over_by_imports_and_empty_runs(capsys: Capture, tmp_path: Path) -> None:
    ids = {}
    with open_store(tmp_path / "runs.db") as opened:
        for name, kind, full in (
            ("first", RunKind.RECORDED, True),
            ("own", RunKind.RECORDED, True),
            ("older import", RunKind.IMPORTED, True),
            ("import", RunKind.IMPORTED, True),
            ("empty", RunKind.RECORDED, False),
        ):
            writer = opened.begin_run(kind=kind, task=name)
            if full:
                writer.intend(Action("key", {"text": "a"}))
            writer.end()
            ids[name] = writer.run_id
        order = [opened.run(f"@{number}").task for number in range(1, 6)]
        with pytest.raises(RunNotFound):
            opened.run("@6")
    assert order == ["own", "first", "import", "older import", "empty"]
    assert ids["own"] in call(capsys, "show", "--store", tmp_path / "runs.db").out


def test_the_list_says_what_runs_came_to(capsys: Capture, store: Path) -> None:
    lines = call(capsys, "runs", "--store", store).out.splitlines()
    assert any("replay" in line and "✓ reproduced" in line for line in lines)
    assert any("stand-in/hasty" in line and "failure" in line for line in lines)


def test_an_empty_list_says_so(capsys: Capture, tmp_path: Path) -> None:
    open_store(tmp_path / "empty.db").close()
    said = call(capsys, "runs", "--store", tmp_path / "empty.db")
    assert said.out == f"No runs yet. `footage demo --store {tmp_path / 'empty.db'}` records some.\n"
    assert call(capsys, "runs", "--store", tmp_path / "empty.db", "--tag", "x").out == "No run fits.\n"


def test_show_tells_a_run_step_by_step(capsys: Capture, store: Path) -> None:
    document = call(capsys, "show", "--store", store, "--json").document
    steps = document["steps"]
    assert [step["index"] for step in steps] == list(range(document["run"]["steps"]))
    clicks = [step["action"] for step in steps if step["action"]["name"] == "left_click"]
    assert clicks
    assert all(isinstance(click["x"], int) and isinstance(click["y"], int) for click in clicks)
    assert {frame["role"] for step in steps for frame in step["frames"]} >= {"before", "after"}
    assert [turn["number"] for turn in document["turns"]] == list(range(document["run"]["turns"]))
    out = call(capsys, "show", "--store", store).out
    assert f"{clicks[0]['x']},{clicks[0]['y']}" in out
    assert document["run"]["id"] in out


def test_show_prints_what_the_model_said(capsys: Capture, store: Path) -> None:
    words = "take a look"
    assert words not in call(capsys, "show", "--store", store).out
    assert words in " ".join(call(capsys, "show", "--store", store, "--said").out.split())


def test_show_prints_the_closing_reply_and_replies_without_steps(capsys: Capture, store: Path) -> None:
    closing = call(capsys, "show", "--store", store, "--json").document["turns"][-1]["text"]
    said = " ".join(call(capsys, "show", "--store", store, "--said").out.split())
    assert " ".join(closing.split()) in said
    with open_store(store) as opened:
        writer = opened.begin_run(task="Hello")
        writer.conversation()
        turn = writer.begin_turn(conversation=0, model="m", started=Instant.now(), request={})
        writer.end_turn(turn, content=[{"type": "text", "text": "I have no tools."}], ended=Instant.now())
        writer.end()
        hello = writer.run_id
    for words in ([hello], [hello, "--said"]):  # without steps it is all there is to show
        assert "I have no tools." in call(capsys, "show", *words, "--store", store).out


def test_show_tells_what_the_service_answered_instead_of_a_reply(capsys: Capture, tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.db") as opened:
        writer, now = opened.begin_run(task="Hello"), Instant.now()
        writer.conversation()
        turn = writer.begin_turn(conversation=0, model="claude-x", started=now, request={})
        writer.attempt(turn, number=0, started=now, ended=now, status=404, error="not_found_error: model: claude-x")
        writer.end_turn(turn, content=[], ended=now, status="errored")
        writer.end()
    for words in (["show"], ["show", "--said"]):
        out = call(capsys, *words, "--store", tmp_path / "runs.db").out
        assert "no reply: 404 not_found_error: model: claude-x" in out


def test_show_prints_the_verdicts_of_a_replay(capsys: Capture, store: Path) -> None:
    replay = call(capsys, "runs", "--store", store, "--kind", "replay", "--json").document["runs"][0]
    out = call(capsys, "show", replay["id"][:6], "--store", store).out
    assert out.count("✓") == replay["steps"] + ("✓" in replay["task"]) + _typed_ticks(capsys, replay["id"], store)


def _typed_ticks(capsys: Capture, run: str, store: Path) -> int:
    steps = call(capsys, "show", run, "--store", store, "--json").document["steps"]
    return sum((step["action"]["text"] or "").count("✓") for step in steps)


def test_a_tag_finds_its_run_again(capsys: Capture, store: Path) -> None:
    assert call(capsys, "tag", "@2", "nightly", "baseline", "--store", store).code == 0
    assert call(capsys, "tag", "@2", "nightly", "--store", store).code == 0
    runs = call(capsys, "runs", "--tag", "nightly", "--store", store, "--json").document["runs"]
    assert [set(run["tags"]) >= {"nightly", "baseline"} for run in runs] == [True]
    assert runs[0]["tags"].count("nightly") == 1


def test_notes_stand_at_their_run_or_step(capsys: Capture, store: Path) -> None:
    assert call(capsys, "note", "@1", "Looks fine.", "--store", store).code == 0
    assert call(capsys, "note", "@1", "Slow here.", "--step", "3", "--store", store).code == 0
    notes = call(capsys, "show", "@1", "--store", store, "--json").document["notes"]
    assert notes == [{"text": "Looks fine.", "step": None}, {"text": "Slow here.", "step": 3}]
    assert "note at step 3: Slow here." in call(capsys, "show", "@1", "--store", store).out


def test_outcomes_add_up_with_their_sources(capsys: Capture, store: Path) -> None:
    before = call(capsys, "show", "@1", "--store", store, "--json").document["run"]["outcomes"]
    assert call(capsys, "outcome", "@1", "failure", "--note", "Wrong sum.", "--store", store).code == 0
    assert call(capsys, "outcome", "@1", "0.25", "--source", "judge", "--store", store).code == 0
    after = call(capsys, "show", "@1", "--store", store, "--json").document["run"]["outcomes"]
    assert after == [
        *before,
        {"value": "failure", "source": "human", "note": "Wrong sum."},
        {"value": "0.25", "source": "judge", "note": ""},
    ]


@pytest.mark.parametrize("value", ["maybe", "nan", "inf", ""])
def test_an_outcome_is_success_failure_or_a_number(capsys: Capture, store: Path, value: str) -> None:
    said = call(capsys, "outcome", "@1", value, "--store", store)
    assert said.code == 2
    assert "neither success, failure nor a number" in said.err


def test_verify_finds_a_damaged_picture(capsys: Capture, store: Path) -> None:
    whole = call(capsys, "verify", "--store", store, "--json")
    assert whole.code == 0
    assert whole.document["ok"]
    assert whole.document["pictures"] > 10
    with sqlite3.connect(store) as connection:
        (picture,) = connection.execute("SELECT min(id) FROM picture").fetchone()
        connection.execute("UPDATE picture SET sha256 = ? WHERE id = ?", ("0" * 64, picture))
    connection.close()
    damaged = call(capsys, "verify", "--store", store, "--json")
    assert damaged.code == 1
    assert [(bad["kind"], bad["id"]) for bad in damaged.document["bad"]][:1] == [("picture", picture)]
    told = call(capsys, "verify", "--store", store).out
    assert "damaged" in told
    assert f"footage export --store {store} RUN" in told


def test_verify_does_not_send_those_to_itself_whose_store_cannot_be_opened(capsys: Capture, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(sample_path().read_bytes()[:100] + b"\xff" * 60000)
    said = call(capsys, "verify", "--store", broken)
    assert said.code == 3
    assert "footage verify" not in said.err
    assert "backup" in said.err


def test_diff_names_the_step_and_the_cause(capsys: Capture, store: Path) -> None:
    said = call(capsys, "diff", "@3", "@2", "--store", store, "--json")
    assert said.code == 1
    assert said.document["verdict"] == "diverged"
    divergence = said.document["divergence"]
    assert divergence["cause"] == "model"
    out = call(capsys, "diff", "@3", "@2", "--store", store).out
    assert out.startswith(f"diverged at step {divergence['a_step']}: model")
    assert "✗" in out


def test_an_action_that_a_person_gave_is_told_as_theirs(capsys: Capture, store: Path) -> None:
    fork = call(capsys, "runs", "--store", store, "--kind", "fork", "--json").document["runs"][0]
    words = ("diff", fork["parent"]["run"], fork["id"], "--store", store)
    found = call(capsys, *words, "--json").document["divergence"]
    assert (found["cause"], found["kind"]) == ("harness", "given")
    assert f"at step {fork['parent']['step']}: by you, " in call(capsys, *words).out


def test_diff_of_a_run_with_itself_finds_nothing(capsys: Capture, store: Path) -> None:
    said = call(capsys, "diff", "@1", "@1", "--store", store)
    assert said.code == 0
    assert said.out.startswith("identical")
    assert "✗" not in said.out


def test_the_sample_is_there_without_a_store(capsys: Capture) -> None:
    runs = call(capsys, "runs", "--sample", "--json").document["runs"]
    assert len(runs) == 5
    assert call(capsys, "show", runs[0]["id"], "--sample", "--json").document["steps"]
    assert sample_path().with_name("sample.db-shm").exists() is False


def test_gaps_of_one_reason_are_told_once(capsys: Capture, tmp_path: Path) -> None:
    with open_store(tmp_path / "gaps.db") as opened:
        writer = opened.begin_run(kind=RunKind.RECORDED, task="Look")
        for _ in range(3):
            writer.gap("let go before it was stored", lost=0)
        for lost in (2, 3):
            writer.gap("the store was full", lost=lost)
        writer.gap("the screen was gone")
        writer.end()
    said = call(capsys, "show", "--store", tmp_path / "gaps.db").out
    assert "let go before it was stored" not in said  # nothing was lost
    assert said.splitlines()[-2:] == [
        "2 gaps: the store was full (5 events)",
        "gap: the screen was gone",
    ]
    assert "3 gaps in run" in call(capsys, "verify", "--store", tmp_path / "gaps.db").out


def test_recorded_text_cannot_steer_the_terminal(capsys: Capture, tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[31mred\u202ekcab [bold]no markup[/bold]\r\x9b2J"
    with open_store(tmp_path / "hostile.db") as opened:
        writer = opened.begin_run(kind=RunKind.RECORDED, task=hostile, model=hostile)
        index = writer.intend(Action(hostile, {"text": hostile}))
        writer.finish(index, status=StepStatus.FAILED, result_text=hostile, error=hostile)
        writer.gap(hostile, step=0)
        writer.end(RunStatus.ERRORED, error=hostile)
        opened.add_note(writer.run_id, hostile)
        opened.add_tag(writer.run_id, hostile)
    for words in (["runs"], ["show"], ["show", "--said"], ["diff", "@1", "@1"], ["verify"]):
        out = call(capsys, *words, "--store", tmp_path / "hostile.db").out
        assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e"} & set(out)
    assert "[bold]no markup[/bold]" in call(capsys, "show", "--store", tmp_path / "hostile.db").out
