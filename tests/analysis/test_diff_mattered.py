"""The second answer: what mattered, what both runs took in their stride, and what was different from the beginning."""

from collections.abc import Sequence

import pytest
from PIL import Image

from drawn import bar, drawn_on, page, text, tick
from footage.analysis.runs.diff import DiffVerdict, RunDiff, diff_runs
from footage.storage import Store
from footage.trajectory import Action, Cause, Divergence, Pixels
from scenes import (
    BOX,
    END,
    MENU,
    SAVE,
    TASK,
    WAIT,
    WRONG,
    Asked,
    Scene,
    changed,
    click,
    note,
    story,
    typed,
    write_run,
)

ESCAPE = Action("key", {"text": "Escape"})


def diff(store: Store, scenes: list[Scene], end: Pixels | None = END, *, asked: Asked | None = None) -> RunDiff:
    asked = asked or Asked()
    return diff_runs(store, write_run(store, story(), END, asked=Asked()), write_run(store, scenes, end, asked=asked))


def where(found: Divergence | None) -> tuple[int | None, int | None, Cause] | None:
    return (found.a_step, found.b_step, found.cause) if found else None


def on(screen: Pixels | None, *marks: object) -> Pixels:
    assert screen is not None
    return drawn_on(Image.fromarray(screen), *marks)  # type: ignore[arg-type]  # marks of drawn.py


WIDGET = bar(470, 36, 150, 60, (60, 90, 120))  # in a corner where nobody acts
DIALOG = bar(180, 120, 240, 120, (230, 210, 180))


# --- two answers ----------------------------------------------------------------------------------


def test_another_action_on_equal_screens_is_both_answers(store: Store) -> None:
    result = diff(store, changed(story(), 3, action=click(BOX[0] + 60, BOX[1])))
    assert where(result.divergence) == where(result.mattered) == (3, 3, Cause.MODEL)
    assert result.tolerated == ()


def test_a_harmless_difference_is_tolerated_and_the_other_action_after_it_mattered(store: Store) -> None:
    scenes = [Scene(on(s.before, WIDGET) if n > 0 else s.before, s.action, s.delivered) for n, s in enumerate(story())]
    result = diff(store, changed(scenes, 4, action=ESCAPE), on(END, WIDGET))
    assert where(result.divergence) == (1, 1, Cause.ENVIRONMENT)
    assert where(result.mattered) == (4, 4, Cause.MODEL)
    (tolerated,) = result.tolerated
    assert tolerated.divergence == result.divergence
    assert tolerated.pairs >= 3


def test_a_wrong_page_that_is_gone_by_itself_did_not_matter(store: Store) -> None:
    result = diff(store, changed(story(), 1, before=WRONG))
    assert result.verdict is DiffVerdict.DIVERGED
    assert where(result.divergence) == (1, 1, Cause.ENVIRONMENT)
    assert result.mattered is None
    assert [each.divergence for each in result.tolerated] == [result.divergence]


def test_a_dialog_that_one_run_closes_did_not_matter(store: Store) -> None:
    scenes = story()
    scenes[2:2] = [Scene(on(note(), DIALOG), ESCAPE)]
    result = diff(store, scenes)
    assert where(result.divergence) == (2, 2, Cause.ENVIRONMENT)
    assert result.mattered is None
    assert [where(each.divergence) for each in result.tolerated] == [(2, 2, Cause.ENVIRONMENT)]


def test_a_dialog_after_which_the_run_went_elsewhere_mattered(store: Store) -> None:
    shown = on(note(), DIALOG)
    scenes = [*story()[:2], Scene(shown, click(300, 180)), Scene(WRONG, typed("help")), Scene(WRONG, ESCAPE)]
    result = diff(store, scenes, WRONG)
    assert where(result.divergence) == where(result.mattered) == (2, 2, Cause.ENVIRONMENT)
    assert result.tolerated == ()


def test_a_toast_elsewhere_does_not_excuse_another_action(store: Store) -> None:
    scenes = changed(story(), 3, before=on(note("hello"), WIDGET), action=click(BOX[0] - 60, BOX[1]))
    result = diff(store, scenes, END)
    assert where(result.divergence) == (3, 3, Cause.ENVIRONMENT)
    assert where(result.mattered) == (3, 3, Cause.MODEL)


def test_a_thing_that_stands_elsewhere_and_is_clicked_there_is_no_other_action(store: Store) -> None:
    def form(x: int) -> Pixels:
        marks = [bar(x - 60, 200, 120, 40, (20, 80, 160)), text((x - 40, 210), "Send it", ink=(255, 255, 255), size=16)]
        return drawn_on(page("Form", lines=4), *marks)

    first = [Scene(form(200), click(200, 220)), Scene(note(), typed("x")), Scene(note("x"), SAVE)]
    second = [Scene(form(420), click(420, 220)), *first[1:]]
    result = diff_runs(store, write_run(store, first, END), write_run(store, second, END))
    assert where(result.divergence) == (0, 0, Cause.ENVIRONMENT)
    assert result.mattered is None


def test_what_the_runs_ended_with_mattered(store: Store) -> None:
    result = diff(store, story(), note("hello", ticked=True, saved=False))
    assert where(result.mattered) == where(result.divergence) == (4, 4, Cause.EXECUTION)


def test_a_click_that_did_nothing_and_was_done_again_did_not_matter(store: Store) -> None:
    scenes = changed(story(), 3, after=note("hello"))
    scenes[4:4] = [Scene(note("hello"), click(*BOX))]
    result = diff(store, scenes)
    assert where(result.divergence) == (3, 3, Cause.EXECUTION)
    assert result.mattered is None


def test_the_document_has_both_answers(store: Store) -> None:
    document = diff(store, changed(story(), 1, before=WRONG), asked=Asked(model="model-two")).as_json()
    assert document["mattered"] is None
    assert document["divergence"]["cause"] == "environment"
    assert [each["cause"] for each in document["tolerated"]] == ["environment"]
    assert {*document["tolerated"][0]} == {*document["divergence"], "pairs", "share"}
    assert document["conditions"] == [{"name": "model", "a": "model-one", "b": "model-two"}]


# --- what must not be blamed ----------------------------------------------------------------------


@pytest.mark.parametrize("by", [0, 2, 9])
def test_a_tick_near_the_last_click_is_the_worlds_doing_however_the_click_jittered(store: Store, by: int) -> None:
    ticked = on(note("hello", ticked=True), tick(BOX[0] + 18, BOX[1] - 30))
    scenes = changed(changed(story(), 3, action=click(BOX[0] + by, BOX[1])), 4, before=ticked)
    assert where(diff(store, scenes).divergence) == (4, 4, Cause.ENVIRONMENT)


@pytest.mark.parametrize("waits", [1, 3])
def test_waits_in_one_run_are_no_pruned_history(store: Store, waits: int) -> None:
    scenes = changed(story(), 3, action=click(BOX[0] - 60, BOX[1]))
    scenes[2:2] = [Scene(note(), WAIT)] * waits
    result = diff(store, changed(scenes, 4 + waits, before=note("hello")), note("hello", saved=True))
    assert where(result.divergence) == (3, 3 + waits, Cause.MODEL)


def test_a_step_more_in_one_run_is_no_pruned_history(store: Store) -> None:
    scenes = story()
    scenes[1:1] = [Scene(note(), click(*MENU))]
    result = diff(store, scenes)
    assert result.divergence is not None
    assert (result.divergence.cause, result.divergence.kind) == (Cause.MODEL, "sampling")


@pytest.mark.parametrize(
    "prompts",
    [
        ("Today is Sunday, November 22, 2026.", "Today is Monday, November 23, 2026."),
        ("It is 14:03 in Europe/Berlin.", "It is 09:41 in America/New_York."),
        ("Session 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "Session 9b2504e0-4f89-11d3-9a0c-0305e82c3302"),
        ("Write to /tmp/tmpab12/out.", "Write to /tmp/tmpzz99/out."),
    ],
)
def test_a_date_in_the_prompt_is_no_other_prompt(store: Store, prompts: tuple[str, str]) -> None:
    scenes = changed(story(), 3, action=click(BOX[0] - 60, BOX[1]))
    one = write_run(store, story(), END, asked=Asked(system=prompts[0]))
    two = write_run(store, scenes, END, asked=Asked(system=prompts[1], model="model-two"))
    result = diff_runs(store, one, two)
    assert where(result.divergence) == (3, 3, Cause.MODEL)
    assert result.divergence is not None
    assert result.divergence.kind == "changed"
    assert [each.name for each in result.conditions] == ["model"]


def test_one_pixel_counts_only_if_the_next_screens_show_it_too(store: Store) -> None:
    speck = bar(262, 348, 1, 2)
    once = changed(story(), 3, before=on(note("hello"), speck))
    assert diff(store, once).verdict is DiffVerdict.COSMETIC
    lasting = changed(once, 4, before=on(note("hello", ticked=True), speck))
    assert where(diff(store, lasting).divergence) == (3, 3, Cause.ENVIRONMENT)


def test_a_page_that_comes_back_is_not_an_action_with_effect(store: Store) -> None:
    desk = story()[0].before
    reference = [Scene(desk, click(*MENU)), Scene(note(), WAIT), Scene(note(), ESCAPE), Scene(note(), SAVE)]
    back = changed(reference, 3, before=desk)
    result = diff_runs(store, write_run(store, reference, END), write_run(store, back, END))
    assert where(result.divergence) == (3, 3, Cause.ENVIRONMENT)


# --- clocks ---------------------------------------------------------------------------------------


def with_clock(scenes: Sequence[Scene], first: int, *, at: tuple[int, int] = (590, 4)) -> list[Scene]:
    """Draw a clock that shows the same minute for two steps."""
    return [
        Scene(
            on(s.before, text(at, f"{(first + n // 2) // 60:02}:{(first + n // 2) % 60:02}", ink=(255, 0, 0))), s.action
        )
        for n, s in enumerate(scenes)
    ]


@pytest.mark.parametrize("minutes", [(581, 667), (0, 1), (599, 600), (719, 1200)])
def test_a_clock_on_another_minute_is_no_divergence(store: Store, minutes: tuple[int, int]) -> None:
    one, two = (write_run(store, with_clock(story(), minute), None) for minute in minutes)
    result = diff_runs(store, one, two)
    assert result.verdict is DiffVerdict.COSMETIC
    (region,) = result.left_out
    assert region.x > 550
    assert region.bottom < 40
    assert result.as_json()["left_out"] == [region.as_list()]


def test_a_clock_hides_no_other_difference(store: Store) -> None:
    one = write_run(store, with_clock(story(), 581), None)
    two = write_run(store, with_clock(changed(story(), 3, before=note("hell")), 667), None)
    assert where(diff_runs(store, one, two).divergence) == (3, 3, Cause.ENVIRONMENT)


def test_what_is_clicked_on_is_no_clock(store: Store) -> None:
    one, two = (
        write_run(store, with_clock(story(), minute, at=(BOX[0] - 10, BOX[1] - 8)), None) for minute in (581, 667)
    )
    assert diff_runs(store, one, two).verdict is DiffVerdict.DIVERGED


def test_what_differs_from_some_step_on_is_no_clock(store: Store) -> None:
    scenes = [Scene(on(s.before, tick(600, 60)) if n else s.before, s.action) for n, s in enumerate(story())]
    result = diff_runs(store, write_run(store, story()), write_run(store, scenes))
    assert where(result.divergence) == (1, 1, Cause.ENVIRONMENT)


# --- conditions -----------------------------------------------------------------------------------


def test_runs_that_do_the_same_though_they_were_made_otherwise_say_so(store: Store) -> None:
    other = Asked(model="model-two", system="Be careful.", width=1024, extra={"temperature": 1})
    result = diff(store, story(), asked=other)
    assert result.verdict is DiffVerdict.IDENTICAL
    found = {each.name: (each.a, each.b) for each in result.conditions}
    assert found["model"] == ("model-one", "model-two")
    assert found["system prompt"] == ("You use a computer.", "Be careful.")
    assert "1024" in found["tools"][1]
    assert found["temperature"] == ("none", "1")


def test_another_task_is_a_condition(store: Store) -> None:
    one, two = (store.begin_run(task=task) for task in (TASK, "Book a flight."))
    for writer in (one, two):
        writer.end()
    assert [(each.name, each.b) for each in diff_runs(store, one.run_id, two.run_id).conditions] == [
        ("task", "Book a flight.")
    ]


def test_what_is_unknown_of_one_run_is_no_condition(store: Store) -> None:
    one, two = write_run(store, story(), END), write_run(store, story(), END, asked=Asked())
    assert diff_runs(store, one, two).conditions == ()


def test_a_long_prompt_is_shown_from_where_it_parts(store: Store) -> None:
    same = "You use a computer. " * 40
    one, two = (write_run(store, story(), END, asked=Asked(system=f"{same}Be {how}.")) for how in ("quick", "slow"))
    (condition,) = diff_runs(store, one, two).conditions
    assert condition.a.endswith("Be quick.")
    assert condition.b.endswith("Be slow.")
    assert len(condition.a) < 100
