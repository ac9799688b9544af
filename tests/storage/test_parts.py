"""Where two pictures differ, told from their tiles alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from footage.analysis.runs.diff import diff_runs
from footage.errors import StoreCorrupt
from footage.storage import Store, open_store
from footage.trajectory import Action, FrameRole, Instant, Pixels, StepStatus


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.db") as opened:
        yield opened


def run_of(store: Store, screens: list[Pixels]) -> str:
    """Record a run that presses a key on each screen."""
    writer = store.begin_run(task="t", model="m", machine={"driver": "bench"})
    for index, screen in enumerate(screens):
        writer.intend(Action("key", {"text": "Tab"}))
        writer.finish(index, status=StepStatus.EXECUTED)
        writer.frame(screen, captured=Instant.now(), roles=[(index, FrameRole.BEFORE)])
    writer.end()
    return writer.run_id


def noise(seed: int, height: int = 203, width: int = 301) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pictures(store: Store, run: str) -> list[int]:
    return [step.frames[FrameRole.BEFORE][0].picture for step in store.steps(run)]


@pytest.mark.parametrize("places", [[(0, 0)], [(202, 300)], [(31, 32), (32, 31)], [(40, 40), (200, 290)]])
def test_all_that_differs_is_in_the_parts_and_nothing_else_does(store: Store, places: list[tuple[int, int]]) -> None:
    screen = noise(1)
    other = screen.copy()
    for y, x in places:
        other[y, x] ^= 255
    a, b = pictures(store, run_of(store, [screen]))[0], pictures(store, run_of(store, [other]))[0]
    parts = store.parts(a, b)
    assert parts is not None
    rows, columns = np.nonzero((parts.a != parts.b).any(axis=2))
    assert {(y + parts.y, x + parts.x) for y, x in zip(rows.tolist(), columns.tolist(), strict=True)} == set(places)
    for part, whole in ((parts.a, screen), (parts.b, other)):
        cut = whole[parts.y : parts.y + len(part), parts.x : parts.x + part.shape[1]]
        assert (part == cut)[(parts.a != parts.b).any(axis=2)].all()


def test_pictures_that_are_compared_one_after_the_other_are_told_apart(store: Store) -> None:
    shown = [noise(1) for _ in range(6)]
    others = [screen.copy() for screen in shown]
    for number, screen in enumerate(others):
        screen[5:9, 40 * number : 40 * number + 9] = number
        shown[number][150, 10 + number] = 0
    one, two = pictures(store, run_of(store, shown)), pictures(store, run_of(store, others))
    for number, (a, b) in enumerate(zip(one, two, strict=True)):
        parts = store.parts(a, b)
        assert parts is not None
        found = np.zeros(shown[0].shape[:2], np.bool_)
        height, width = parts.a.shape[:2]
        found[parts.y : parts.y + height, parts.x : parts.x + width] = (parts.a != parts.b).any(axis=2)
        assert (found == (shown[number] != others[number]).any(axis=2)).all()


def test_pictures_of_two_sizes_have_no_parts(store: Store) -> None:
    one, two = pictures(store, run_of(store, [noise(1), noise(1, width=300)]))
    assert store.parts(one, two) is None


def test_a_damaged_picture_that_would_be_a_difference_is_told_of(store: Store) -> None:
    other = noise(1)
    other[60:90, 60:90] = 7
    a, b = run_of(store, [noise(1)] * 2), run_of(store, [other] * 2)
    with store.database.transaction() as connection:
        connection.execute("UPDATE picture SET sha256 = ? WHERE id = ?", ("0" * 64, pictures(store, b)[0]))
    with pytest.raises(StoreCorrupt):
        diff_runs(store, a, b)


def test_what_was_read_of_removed_pictures_is_not_taken_for_those_that_got_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with open_store(path) as looking, open_store(path) as writing:
        old = run_of(writing, [noise(1), noise(2)])
        looking.parts(*pictures(looking, old))
        numbers = pictures(looking, old)
        with writing.database.transaction() as connection:
            connection.execute("DELETE FROM run")
            connection.execute("DELETE FROM family")
        new = run_of(writing, [noise(3), noise(4)])
        assert pictures(looking, new) == numbers, "no number is used again: the test tests nothing"
        looking.forget_pictures()
        parts = looking.parts(*numbers)
        assert parts is not None
        assert (parts.a == noise(3)).all()
        assert (parts.b == noise(4)).all()
