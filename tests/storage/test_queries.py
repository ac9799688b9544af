"""Finding runs: filters, counts, full text, pages; on a store of today, and on one of an older version."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from footage.storage import RunWriter, Store, open_store
from footage.storage.search import queries
from footage.storage.search.places import Place
from footage.storage.search.queries import match_expression
from footage.storage.upkeep import tidying
from footage.storage.upkeep.tidying import tidy_texts
from footage.trajectory import Action, Instant, OutcomeSource, RunKind, RunStatus
from places import STORES

NOW = Instant("boot", 1, 1_700_000_000_000_000_000)
OLD_STORE = STORES / "v2.db"


def recorded(store: Store, task: str = "", *, said: str = "", typed: str = "", **begun: Any) -> str:
    writer = store.begin_run(task=task, **begun)
    say(writer, said, typed)
    writer.end()
    return writer.run_id


def say(writer: RunWriter, said: str, typed: str = "") -> None:
    turn = writer.begin_turn(model="m", started=NOW)
    writer.end_turn(turn, content=[{"type": "text", "text": said}], ended=NOW)
    if typed:
        writer.intend(Action("type", {"text": typed}), turn=turn)


def found(store: Store, **conditions: Any) -> list[str]:
    return [run.id for run in store.runs(**conditions)]


def start(store: Store, run: str, wall_ns: int) -> None:
    with store.database.transaction() as connection:
        connection.execute("UPDATE run SET started_wall = ? WHERE name = ?", (wall_ns, run))


# --- text ---


def test_a_text_is_found_in_tasks_replies_thoughts_and_typed_text(store: Store) -> None:
    task = recorded(store, "Book a flight to Lisbon")
    said = recorded(store, said="The Lisbon page is open.")
    typed = recorded(store, typed="lisbon")
    writer = store.begin_run()
    turn = writer.begin_turn(model="m", started=NOW)
    writer.end_turn(turn, content=[{"type": "thinking", "thinking": "Lisbon?"}, {"type": "tool_use"}], ended=NOW)
    writer.intend(Action("run", {"command": "ping lisbon"}, namespace="bash"))
    writer.end()
    recorded(store, "Book a flight to Porto", said="Porto", typed="porto")
    assert found(store, text="LISBON") == [writer.run_id, typed, said, task]
    assert store.places_of_text(task, "lisbon") == [Place("task", 0)]
    assert store.places_of_text(said, "lisbon") == [Place("turn", 0)]
    assert store.places_of_text(typed, "lisbon") == [Place("step", 0)]
    assert store.places_of_text(writer.run_id, "lisbon") == [Place("turn", 0), Place("step", 0)]


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("save file", True),
        ("file save", True),
        ('"save the file"', True),
        ('"file the save"', False),
        ("sav*", True),
        ("sav", False),
        ("cafe", True),
        ("file missing", False),
        ("file AND", False),
        ("NOT file", False),
        ('"unbalanced file', False),
        ("file × ( ) *", True),
        ("12 × 34", True),
        ("×", False),
        ("", True),
        ("开始", True),
        ("x" * 5000, False),
    ],
)
def test_words_phrases_and_beginnings(store: Store, asked: str, fits: bool) -> None:
    run = recorded(store, "Save the file as café.txt: 12 × 34")
    recorded(store, said="开始菜单")
    chinese = found(store, text="开始")
    assert len(chinese) == 1
    assert (run in found(store, text=asked or None)) is (fits and asked != "开始")


def test_quotes_and_operators_of_the_index_are_only_words() -> None:
    assert match_expression('text:x OR "a b" c* -d') == '"text:x" "OR" "a b" "c"* "-d"'
    assert match_expression('" * ×') == ""


def test_text_that_is_changed_or_removed_is_not_found_any_more(store: Store) -> None:
    run = recorded(store, "first", said="spoken", typed="secret")
    with store.database.transaction() as connection:
        connection.execute("UPDATE run SET task = 'second'")
        connection.execute("UPDATE turn SET content = '[]'")
        connection.execute("DELETE FROM step")
    assert [found(store, text=word) for word in ("first", "spoken", "secret", "second")] == [[], [], [], [run]]
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM run")
        connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")
    assert found(store, text="second") == []


def test_a_text_is_found_among_the_runs_that_the_filters_leave(store: Store) -> None:
    runs = [recorded(store, "a common task", model=f"m{number % 3}") for number in range(30)]
    store.add_tag(runs[5], "rare")
    for run in runs[::2]:
        store.add_outcome(run, "success", OutcomeSource.HUMAN)
    assert found(store, text="common", model="m1") == runs[1::3][::-1]
    assert found(store, text="common", tag="rare") == [runs[5]]
    assert found(store, text="common", tag="rare", model="m0") == []
    assert found(store, text="common", outcome="success", model="m0") == runs[::6][::-1]


def test_more_hits_than_are_read_at_once_are_paged_without_a_hole(store: Store) -> None:
    talkative = store.begin_run()
    for _ in range(600):
        say(talkative, "word")
    talkative.end()
    runs = [recorded(store, said="word", model="m") for _ in range(5)]
    assert found(store, text="word", limit=3) == runs[:1:-1]
    assert found(store, text="word", limit=9, before=runs[2]) == [runs[1], runs[0], talkative.run_id]
    assert found(store, text="word", kind="recorded") == [*runs[::-1], talkative.run_id]


@pytest.mark.parametrize(("name", "value"), [("_FEW", 0), ("_LOOK", 0), ("_LOOK", 1 << 40)])
def test_every_way_to_a_text_leads_to_the_same_runs(
    store: Store, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    runs = [recorded(store, "a task", said="the word", model=f"m{number % 2}") for number in range(40)]
    for run in runs[::4]:
        store.add_tag(run, "x")
    monkeypatch.setattr(queries, name, value)
    assert found(store, text='"the word"', model="m0") == runs[::2][::-1]
    assert found(store, text="word", tag="x", model="m0") == runs[::4][::-1]
    assert found(store, text="word", model="m0", limit=3, before=runs[10]) == [runs[8], runs[6], runs[4]]
    assert found(store, text="word", model="m2") == []
    assert found(store, text="nowhere", model="m0") == []


def segments(store: Store) -> int:
    return int(store.database.rows("SELECT count(DISTINCT segid) FROM search_idx")[0][0])


def test_the_ends_of_runs_keep_the_pieces_of_the_index_few(store: Store) -> None:
    most = 0
    for number in range(150):
        run = recorded(store, f"task {number}", said=f"the word-{number} " * 40)
        most = max(most, segments(store))
        assert found(store, text=f'"word {number}"') == [run]
    assert most <= 9  # 17 without
    assert len(found(store, text="the", limit=200)) == 150
    with store.database.transaction(durable=False) as connection:
        connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")


def test_tidying_makes_the_index_one_piece_also_after_it_was_stopped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [recorded(store, f"task {number}", said=f"the word-{number}") for number in range(30)]
    assert segments(store) > 2
    monkeypatch.setattr(tidying, "_SEGMENTS", 1)
    monkeypatch.setattr(tidying, "_PAGES", 1)
    with pytest.raises(KeyboardInterrupt):
        tidy_texts(store.database, on_progress=_stop)
    runs.append(recorded(store, said="the last"))
    told: list[tuple[int, int]] = []
    assert tidy_texts(store.database, on_progress=lambda *at: told.append(at))
    assert segments(store) == 1
    assert {done for done, total in told if done == total}
    assert found(store, text="the") == runs[::-1]
    assert [found(store, text=f'"word {number}"') for number in range(30)] == [[run] for run in runs[:-1]]
    assert not tidy_texts(store.database)


def _stop(*_: int) -> None:
    raise KeyboardInterrupt


# --- filters and their counts ---


def test_runs_are_found_by_what_people_and_detectors_say_of_them(store: Store) -> None:
    good, bad, both = (recorded(store) for _ in range(3))
    for run, value in ((good, "success"), (bad, "failure"), (both, "failure"), (both, "success"), (both, "success")):
        store.add_outcome(run, value, OutcomeSource.JUDGE)
    with store.database.transaction() as connection:
        sql = (
            "INSERT INTO finding (run, kind, message, confidence) SELECT id, 'no_effect', 'x', 1 FROM run WHERE name=?"
        )
        connection.execute(sql, (bad,))
    assert found(store, outcome="success") == [both, good]
    assert found(store, outcome="failure") == [both, bad]
    assert found(store, finding="no_effect") == [bad]
    assert found(store, outcome="failure", finding="no_effect") == [bad]
    assert found(store, outcome="partly") == []
    assert store.facets("outcome") == [("failure", 2), ("success", 2)]
    assert store.facets("finding") == [("no_effect", 1)]


def test_counts_follow_every_change(store: Store) -> None:
    a, b = recorded(store, model="m1"), recorded(store, model="m2", kind=RunKind.IMPORTED)
    live = store.begin_run(model="m1")
    store.add_tag(a, "nightly")
    store.add_tag(b, "nightly")
    store.add_tag(b, "nightly")
    assert store.facets("model") == [("m1", 2), ("m2", 1)]
    assert store.facets("kind") == [("recorded", 2), ("imported", 1)]
    assert dict(store.facets("status")) == {"completed": 2, "recording": 1}
    assert store.facets("tag") == [("nightly", 2)]
    live.describe(model="m3")
    live.leave()
    assert dict(store.facets("status")) == {"completed": 2, "interrupted": 1}
    with store.database.transaction() as connection:
        connection.execute("UPDATE tag SET value = 'weekly' WHERE run = 1")
        connection.execute("DELETE FROM run WHERE name = ?", (b,))
    assert store.facets("model") == [("m1", 1), ("m3", 1)]
    assert store.facets("tag") == [("weekly", 1)]
    assert store.facets("status", limit=1)


def test_runs_of_a_time_come_in_the_order_in_which_they_started(store: Store) -> None:
    late, early, middle, other = (recorded(store, model=model) for model in ("m", "m", "m", "other"))
    for run, second in ((late, 9), (early, 1), (middle, 5), (other, 5)):
        start(store, run, second)
    assert found(store, since=2) == [late, other, middle]
    assert found(store, since=2, limit=1) == [late]
    assert found(store, since=2, before=late) == [other, middle]
    assert found(store, since=2, before=other) == [middle]
    assert found(store, until=9, model="m") == [middle, early]
    assert found(store, since=1, until=5) == [early]


def test_pages_of_every_filter_join_without_a_hole(store: Store) -> None:
    runs = [recorded(store, "same task", model="m", task_id="t") for _ in range(9)]
    for run in runs:
        store.add_tag(run, "x")
        store.add_outcome(run, "success", OutcomeSource.SELF)
        store.add_outcome(run, "success", OutcomeSource.HUMAN)
    for conditions in ({"model": "m"}, {"tag": "x"}, {"outcome": "success"}, {"task_id": "t"}, {"text": "task"}):
        pages: list[str] = []
        while page := found(store, limit=4, before=pages[-1] if pages else None, **conditions):
            pages += page
        assert pages == runs[::-1], conditions


def test_an_old_store_that_is_only_read_answers_as_well(tmp_path: Path) -> None:
    copy = Path(shutil.copy(OLD_STORE, tmp_path))
    with open_store(copy, readonly=True) as store:
        (run,) = store.runs()
        same = {"text": "task", "tag": "old", "outcome": "success", "status": RunStatus.COMPLETED, "kind": run.kind}
        assert all(found(store, **{name: value}) == [run.id] for name, value in same.items())
        assert found(store, **same) == [run.id]
        assert found(store, text="nothing of it") == found(store, tag="new") == []
        before = store.facets("tag"), store.facets("kind"), store.facets("outcome")
    with open_store(copy) as store:
        assert found(store, **same) == [run.id]
        assert (store.facets("tag"), store.facets("kind"), store.facets("outcome")) == before
        assert found(store, text="click") == [run.id], "what was said is found once the store is of today"
