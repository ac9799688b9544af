"""Detectors that go by screens: what is planted is found at its step, and what looks like it is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from cli import sample_in
from examined_runs import Desk, click
from footage.analysis.detectors.contract import ExaminedRun
from footage.analysis.detectors.diagnosing import diagnose
from footage.analysis.detectors.effects import Effect
from footage.storage import Store, open_store
from footage.trajectory import Action, StepStatus

KEYS = Action("key", {"text": "Page_Down"})
LOOK = Action("screenshot")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_store(tmp_path / "runs.db") as store:
        yield Desk(store)


def effects(desk: Desk) -> list[Effect]:
    store: Store = desk.store
    examined = ExaminedRun(store, store.run(desk.ends()))
    return [examined.effects.of(step.index) for step in examined.steps]


# --- what a step changed --------------------------------------------------------------------------


def test_one_letter_is_an_effect_of_typing_and_a_caret_that_blinks_is_none(desk: Desk) -> None:
    desk.does(Action("type", {"text": "l"}), (60, 60, 2, 9))
    desk.does(Action("type", {"text": "x"}), (100, 60, 1, 16))
    desk.does(LOOK)
    assert effects(desk)[:2] == [Effect.CHANGED, Effect.NONE]


def test_a_small_tick_under_a_click_is_an_effect_and_a_speck_elsewhere_is_none(desk: Desk) -> None:
    desk.does(click(100, 100), (98, 92, 7, 5))
    desk.does(click(100, 100), (250, 200, 3, 3))
    desk.does(LOOK)
    assert effects(desk)[:2] == [Effect.CHANGED, Effect.NONE]


def test_a_clock_in_a_panel_is_no_effect_and_the_display_of_a_calculator_is_one(desk: Desk) -> None:
    for number in range(6):
        desk.does(click(40 + 30 * number, 160), (280, 0, 30, 8, 20 * number))
    for number in range(6):
        desk.does(click(40 + 30 * number, 160), (60, 100, 100, 20, 20 * number))
    desk.does(LOOK)
    assert effects(desk)[:12] == [Effect.NONE] * 6 + [Effect.CHANGED] * 6


def test_what_changes_while_nobody_acts_is_no_effect_anywhere(desk: Desk) -> None:
    shades = cycle((10, 90, 170))
    for _ in range(4):
        desk.does(LOOK, (120, 100, 24, 24, next(shades)))
    for number in range(3):
        desk.does(click(40, 40 + number), (120, 100, 24, 24, next(shades)))
    desk.does(LOOK)
    assert effects(desk)[4:7] == [Effect.NONE] * 3


# --- stuck ----------------------------------------------------------------------------------------


def test_three_different_actions_without_effect_are_stuck_from_the_first_on(desk: Desk) -> None:
    desk.does(click(), (40, 40, 80, 80))
    desk.does(click(60, 60))
    desk.does(Action("wait", {"duration": 1}))
    desk.does(KEYS)
    desk.does(click(200, 200))
    desk.does(LOOK)
    found = desk.diagnosis("stuck")
    assert [(each.kind, each.step) for each in found.findings] == [("stuck", 1)]
    assert "3 actions in a row changed nothing on the screen, in steps 1 to 4" in found.findings[0].message
    assert len(found.findings[0].evidence) == 2
    assert "stuck" not in found.listed


def test_two_actions_without_effect_are_not_stuck(desk: Desk) -> None:
    for number in range(6):
        desk.does(click(60, 60), *([(40, 40, 80, 80, number * 30)] if number % 3 == 2 else []))
    desk.does(LOOK)
    assert desk.found("stuck") == []


def test_an_effect_that_the_next_step_sees_ends_a_stretch(desk: Desk) -> None:
    for number in range(5):
        desk.does(click(60, 60))
        desk.draw(40, 40, 80, 80, number * 30)
    assert desk.found("stuck") == []


def test_what_showed_and_went_away_again_is_an_effect(desk: Desk) -> None:
    for _ in range(5):
        desk.does(click(60, 60), flash=(120, 40, 120, 60))
    assert desk.found("stuck") == []


def test_copying_and_saving_need_not_show(desk: Desk) -> None:
    for _ in range(4):
        desk.does(Action("key", {"text": "ctrl+c"}))
    found = desk.diagnosis("stuck")
    assert not found.findings
    assert [(name, each.steps) for name, each in found.abstained] == [("stuck", 4)]


# --- cycle ----------------------------------------------------------------------------------------


def _in_turn(desk: Desk, rounds: int, *, progress: bool) -> None:
    for number in range(rounds):
        desk.does(click(40, 40), (100, 100, 120, 80, 0))
        desk.does(click(200, 40), (100, 100, 120, 80, 200))
        if progress:
            desk.draw(10, 200, 10 + 10 * number, 20)
    desk.does(LOOK)


def test_two_actions_in_turn_three_times_on_the_same_screens_are_a_cycle(desk: Desk) -> None:
    desk.does(click(7, 7), (60, 200, 60, 20))
    desk.draw(60, 200, 60, 20, 100)
    desk.does(click(40, 200), (100, 100, 120, 80, 200))
    _in_turn(desk, 3, progress=False)
    assert desk.found("cycle") == [("cycle", 2)]


@pytest.mark.parametrize(("rounds", "progress"), [(2, False), (5, True)])
def test_rounds_that_are_few_or_get_on_are_no_cycle(desk: Desk, rounds: int, progress: bool) -> None:
    desk.draw(100, 100, 120, 80, 200)
    _in_turn(desk, rounds, progress=progress)
    assert desk.found("cycle") == []


def test_a_clock_that_ticks_hides_no_cycle(desk: Desk) -> None:
    for number in range(3):
        desk.does(click(40, 140), (100, 100, 120, 80, 0))
        desk.does(click(200, 40), (100, 100, 120, 80, 200), (290, 2, 8, 6, 30 * number))
    desk.does(LOOK)
    assert desk.found("cycle") == [("cycle", 0)]


def test_a_model_that_acts_blindly_saw_no_stale_picture(desk: Desk) -> None:
    desk.does(LOOK, seen=True)
    desk.says(text="I open it.")
    desk.does(click(20, 20), (80, 80, 60, 60))
    desk.says(text="I press it.")
    desk.does(click(100, 100))
    assert desk.found("stale-screenshot") == []


# --- what the model saw ---------------------------------------------------------------------------


def test_a_target_that_changed_since_the_model_saw_it_is_noticed(desk: Desk) -> None:
    desk.does(LOOK, seen=True)
    desk.draw(80, 80, 60, 60)
    desk.says(text="I press the button.")
    desk.does(click(100, 100), seen=True)
    found = desk.diagnosis("stale-screenshot").findings
    assert [(each.kind, each.step) for each in found] == [("stale_screenshot", 1)]
    assert found[0].region is not None
    assert (found[0].region.x, found[0].region.right) == (76, 124)


def test_a_change_elsewhere_makes_no_picture_stale(desk: Desk) -> None:
    desk.does(LOOK, seen=True)
    desk.draw(200, 180, 60, 40)
    desk.does(click(100, 100))
    assert desk.found("stale-screenshot") == []


def test_later_calls_of_one_reply_aim_at_what_the_first_changes(desk: Desk) -> None:
    desk.does(LOOK, seen=True)
    desk.says(text="I open the menu and choose.")
    desk.does(click(100, 100), (80, 80, 60, 60))
    desk.does(click(100, 120))
    assert desk.found("stale-screenshot") == []


def test_what_flashed_up_is_listed_and_no_alarm(desk: Desk) -> None:
    desk.does(click(20, 20), flash=(120, 40, 120, 60))
    found = desk.diagnosis("missed-event")
    assert [(each.kind, each.step) for each in found.findings] == [("missed_event", 0)]
    assert len(found.findings[0].evidence) == 3
    assert "missed_event" in found.listed


@pytest.mark.parametrize("flash", [(120, 40, 1, 16), (0, 0, 320, 240)])
def test_a_caret_and_a_page_that_is_being_built_are_no_event(desk: Desk, flash: tuple[int, ...]) -> None:
    desk.does(click(20, 20), flash=flash)
    assert desk.found("missed-event") == []


# --- missed target --------------------------------------------------------------------------------


def _aims(desk: Desk, name: str, named: tuple[int, int], at: tuple[int, int], *, thing: bool = True) -> None:
    if thing:
        desk.draw(at[0] - 5, at[1] - 5, 10, 10)
    desk.says(text=f"I press {name}.", thinking=f"I see {name} at {named}.")
    desk.does(click(*at), (at[0] - 6, at[1] - 6, 12, 12, 60))


@pytest.mark.parametrize(
    ("at", "thing", "wanted"),
    [
        ((200, 112), True, [("missed_target", 4)]),
        ((208, 180), False, []),  # a corner is named, and the middle of an empty field is clicked
        ((128, 112), True, []),  # a little beside, within the thing
    ],
)
def test_a_click_beside_what_its_reply_sees_is_a_miss(
    desk: Desk, at: tuple[int, int], thing: bool, wanted: list[tuple[str, int]]
) -> None:
    for number in range(4):
        _aims(desk, str(number), (30 + 30 * number, 40), (40 + 30 * number, 52))
    _aims(desk, "save", (110, 100), at, thing=thing)
    assert desk.found("missed-target") == wanted


def test_words_without_a_place_say_nothing_of_a_miss(desk: Desk) -> None:
    for number in range(6):
        desk.says(text="I click the Save button.")
        desk.does(click(40 * number + 10, 30 * number + 20), (40 * number, 30 * number, 20, 20))
    assert desk.found("missed-target") == []


def test_the_hasty_run_of_the_demo_is_found_at_step_5_without_its_twin(tmp_path: Path) -> None:
    with open_store(sample_in(tmp_path)) as store:
        (found,) = [each for each in diagnose(store, "@2").findings if each.kind == "missed_target"]
        assert found.step == 5
        assert "“4”, at (139, 483)" in found.message
        assert "It missed (155, 496)" in found.message
        for run in ("@1", "@3"):
            said = diagnose(store, run)
            assert [each.kind for each in said.findings if each.kind not in said.listed] == []


def test_without_screens_nothing_is_said_of_an_effect(desk: Desk) -> None:
    index = desk.writer.intend(click())
    desk.writer.finish(index, status=StepStatus.EXECUTED)
    assert effects(desk) == [Effect.UNKNOWN]
