"""What is said of a run without steps is known; and `@N` means what the list shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.analysis.runs.absences import kept_unread, why_no_steps
from footage.cli import main
from footage.recorder.recording import record
from footage.storage import Store, open_store
from footage.trajectory import Instant, Parent, RawExchange, RunKind, RunStatus
from footage.viewer import create_app
from recording import pixels, request, said, text, user
from service import click

REPLY = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "runs.db") as opened:
        yield opened


def raw(path: str) -> RawExchange:
    now = Instant.now()
    return RawExchange("POST", path, 200, now, now, "", {}, b"{}", 2, {}, b"{}", 2)


def begun(store: Store, *paths: str, **more: object) -> str:
    writer = store.begin_run(task="t", **more)  # type: ignore[arg-type] # what the tests give is right
    for path in paths:
        writer.raw_exchange(raw(path))
    writer.end()
    return writer.run_id


def replied(store: Store, *contents: list[dict[str, object]]) -> str:
    with record("t", store=store) as run:
        for number, content in enumerate(contents):
            run.turn(request(user("a"), *[said(text("b")), user("c")] * number), {**REPLY, "content": content})
    return run.id


def test_exchanges_that_are_not_read_are_told_and_nothing_is_claimed_of_what_was_done(store: Store) -> None:
    run = begun(store, *["/via/openai/responses"] * 14, "/via/gemini/x:generateContent", "/v1/models")
    told = why_no_steps(store, store.run(run))
    assert told.startswith("1 exchange with gemini, 14 exchanges with openai were kept as they came. Footage does not")
    assert kept_unread([("/v1/models", ""), ("", "")]) == ""


def test_each_absence_is_told_as_far_as_it_is_known(store: Store) -> None:
    gap = store.begin_run(task="t")
    gap.gap("The disk was full.", lost=3)
    gap.end()
    live = store.begin_run(task="t")
    told = {
        "raw": why_no_steps(store, store.run(begun(store, "", "/v1/models"))),
        "none": why_no_steps(store, store.run(begun(store))),
        "imported": why_no_steps(store, store.run(begun(store, kind=RunKind.IMPORTED))),
        "gap": why_no_steps(store, store.run(gap.run_id)),
        "live": why_no_steps(store, store.run(live.run_id)),
        "replies": why_no_steps(store, store.run(replied(store, [text("Hello")], [text("Bye")]))),
    }
    live.end()
    assert told == {
        "raw": "No model was asked in a way that footage reads; 2 exchanges of other kinds were kept.",
        "none": "No request to a model and no action reached the recording.",
        "imported": "The imported recording holds none.",
        "gap": "What was recorded holds none, but something is missing.",
        "live": "It is being recorded; steps appear here as they are taken.",
        "replies": "The model called no tool in its 2 replies.",
    }


def test_the_page_and_the_terminal_say_the_same(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    run = begun(store, *["/via/openai/responses"] * 14)
    words = "14 exchanges with openai were kept as they came. Footage does not read such exchanges"
    client = create_app(store, token=None).test_client()
    assert words in client.get(f"/runs/{run}").get_data(as_text=True)
    assert ">@1</span>" in client.get("/").get_data(as_text=True)
    main(["show", run, "--store", str(store.path)])
    out = " ".join(capsys.readouterr().out.split())
    assert words in out
    assert "not read: 14 exchanges with openai" in out


def test_a_run_of_another_provider_and_one_of_screens_alone_are_counted_as_runs_in_which_something_happened(
    store: Store,
) -> None:
    older = begun(store, "/via/openai/responses")
    begun(store)
    screens = store.begin_run(task="t")
    screens.frame(pixels(3), captured=Instant.now())
    screens.end()
    assert [store.run("@1").id, store.run("@2").id] == [screens.run_id, older]


def test_the_list_shows_what_each_number_means_and_stands_in_its_order(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [replied(store, [text("a")]) for _ in range(3)]
    imported = begun(store, "/v1/models", kind=RunKind.IMPORTED)
    empty = begun(store)
    again = store.begin_run(kind=RunKind.REPLAY, task="t", parent=Parent(runs[0]))
    again.end(RunStatus.COMPLETED)
    filters = ("", "--kind recorded", "--text t", "--since 1d", "--limit 2", f"--before {runs[2]}")
    for argv in (words.split() for words in filters):
        main(["runs", "--store", str(store.path), "--json", *argv])
        listed = {run["id"]: run["at"] for run in json.loads(capsys.readouterr().out)["runs"]}
        assert listed
        for run, at in listed.items():
            assert (at is None) == (run == again.run_id)
            assert at is None or store.run(at).id == run
    numbers = store.numbers(store.runs())
    assert numbers == {runs[2]: 1, runs[1]: 2, runs[0]: 3, imported: 4, empty: 5}
    main(["runs", "--store", str(store.path)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines if line and line[0].startswith("@")] == ["@1", "@2", "@3", "@4", "@5"]
    below = lines[[line[:1] for line in lines].index(["@3"]) + 1]
    assert below[0] == again.run_id[:8], "below the run it was made from"


def test_what_was_thought_and_what_was_said_are_told_apart_without_colour(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    thought = {"type": "thinking", "thinking": "The first button, I think.", "signature": ""}
    with record("t", store=store) as run:
        run.turn(request(user("a")), {**REPLY, "content": [thought, text("I click."), click("a", 1, 2)]})
    main(["show", run.id, "--store", str(store.path), "--said"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "thinks: The first button, I think." in lines
    assert "says: I click." in lines
