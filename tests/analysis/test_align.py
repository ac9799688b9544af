"""Which step of one run is which step of the other."""

import numpy as np

from drawn import bar, drawn_on, page, pixels
from footage.analysis.runs.align import Pair, align, signature_costs
from footage.storage.pictures.signatures import signature_of
from footage.trajectory import Action

WAIT = Action("wait", {"duration": 1})
LOOK = Action("screenshot")


def click(x: int) -> Action:
    return Action("left_click", {"coordinate": [x, 100]})


def aligned(a: list[tuple[str, Action]], b: list[tuple[str, Action]]) -> list[Pair]:
    """Align steps of (name of the screen before, action)."""
    return align([step[1] for step in a], [step[1] for step in b], lambda i, j: float(a[i][0] != b[j][0]))


def test_equal_runs_are_paired_step_by_step() -> None:
    run = [("desk", click(10)), ("menu", click(90)), ("menu", WAIT), ("editor", Action("type", {"text": "x"}))]
    assert aligned(run, run) == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_empty_runs() -> None:
    run = [("desk", click(10)), ("menu", click(90))]
    assert aligned([], []) == []
    assert aligned(run, []) == [(0, None), (1, None)]
    assert aligned([], run) == [(None, 0), (None, 1)]


def test_waits_and_screenshots_are_free_to_skip() -> None:
    a = [("desk", click(10)), ("menu", click(90)), ("editor", click(300))]
    b = [
        ("desk", LOOK),
        ("desk", click(10)),
        ("menu", WAIT),
        ("menu", LOOK),
        ("menu", click(90)),
        ("editor", click(300)),
    ]
    assert aligned(a, b) == [(None, 0), (0, 1), (None, 2), (None, 3), (1, 4), (2, 5)]


def test_looks_on_both_sides_are_paired() -> None:
    run = [("desk", LOOK), ("desk", click(10)), ("menu", LOOK)]
    assert aligned(run, run) == [(0, 0), (1, 1), (2, 2)]


def test_the_last_looks_are_paired_though_the_screens_differ_and_a_wait_is_no_look() -> None:
    a, b = [("desk", click(10)), ("note", LOOK)], [("desk", click(10)), ("menu", LOOK)]
    assert aligned(a, b) == [(0, 0), (1, 1)]
    assert aligned(a, [("desk", click(10)), ("note", WAIT)]) == [(0, 0), (1, None), (None, 1)]


def test_an_action_is_no_other_look() -> None:
    assert aligned([("desk", LOOK)], [("desk", click(10))]) == [(0, None), (None, 0)]


def test_a_misclick_is_paired_with_the_click_it_should_have_been() -> None:
    a = [("desk", click(10)), ("menu", click(90)), ("editor", click(300))]
    b = [("desk", click(10)), ("menu", click(130)), ("menu", click(300))]
    assert aligned(a, b) == [(0, 0), (1, 1), (2, 2)]


def test_a_detour_is_left_alone() -> None:
    a = [("desk", click(10)), ("menu", click(90)), ("editor", click(300))]
    b = [("desk", click(10)), ("help", click(500)), ("help", click(600)), ("menu", click(90)), ("editor", click(300))]
    assert aligned(a, b) == [(0, 0), (None, 1), (None, 2), (1, 3), (2, 4)]


def test_of_a_repeated_step_the_repetition_is_left_alone() -> None:
    once = [("desk", click(10)), ("menu", click(90))]
    twice = [("desk", click(10)), ("desk", click(10)), ("menu", click(90))]
    assert aligned(once, twice) == [(0, 0), (None, 1), (1, 2)]


def test_runs_of_very_different_length_are_aligned_to_their_ends() -> None:
    long = [(f"screen {n}", click(40 * n)) for n in range(120)]
    assert aligned(long[:3] + long[-3:], long)[-3:] == [(3, 117), (4, 118), (5, 119)]


def test_every_step_comes_once_and_in_order() -> None:
    choose = np.random.default_rng(5)
    for _ in range(20):
        a, b = (
            [(str(choose.integers(6)), click(40 * int(choose.integers(6)))) for _ in range(choose.integers(1, 40))]
            for _ in "ab"
        )
        pairs = aligned(a, b)
        assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
        assert [j for _, j in pairs if j is not None] == list(range(len(b)))


def test_three_hundred_steps_that_share_nothing_are_aligned() -> None:
    choose = np.random.default_rng(7)
    screens = [choose.integers(0, 256, 1000, dtype=np.uint8) for _ in range(600)]
    a, b = ([click(int(x)) for x in choose.integers(0, 1280, 300)] for _ in "ab")
    costs = signature_costs(screens[:300], screens[300:])
    pairs = align(a, b, lambda i, j: float(costs[i, j]))
    assert len(pairs) >= 300


def test_signatures_tell_pages_apart_and_forgive_small_things() -> None:
    notes, settings = page("Notes"), page("Settings", paper=(30, 32, 38), ink=(220, 220, 220))
    caret = drawn_on(notes, bar(300, 350, 1, 16))
    toast = drawn_on(notes, bar(400, 320, 160, 60, (60, 60, 60)))
    first, *others = (
        np.frombuffer(signature_of(screen), np.uint8) for screen in (pixels(notes), caret, toast, pixels(settings))
    )
    costs = signature_costs([first], others)
    assert costs.shape == (1, 3)
    assert costs[0, 0] < 0.01
    assert 0.05 < costs[0, 1] < 0.5
    assert costs[0, 2] == 1
