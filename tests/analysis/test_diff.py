"""Two runs of a store: where they part and whose doing it is."""

import numpy as np
import pytest
from PIL import Image

from drawn import bar, drawn_on, pixels, text
from footage.analysis.runs.diff import DiffVerdict, RunDiff, diff_runs
from footage.errors import RunNotFound
from footage.storage import Store
from footage.trajectory import Action, Cause, FrameRole, InputEvent, Instant, Pixels, Region, RunStatus, StepStatus
from scenes import (
    BOX,
    DESK,
    END,
    FIELD,
    LOOK,
    MENU,
    SAVE,
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


def diff(store: Store, scenes: list[Scene], end: Pixels | None = END, **more: object) -> RunDiff:
    """Compare the story with another run."""
    return diff_runs(store, write_run(store, story(), END), write_run(store, scenes, end, **more))  # type: ignore[arg-type]  # passed through


def parted(result: RunDiff) -> tuple[int | None, int | None, Cause, str]:
    assert result.verdict is DiffVerdict.DIVERGED
    assert result.divergence is not None
    found = result.divergence
    assert found.why
    return found.a_step, found.b_step, found.cause, found.kind


# --- nothing that matters -------------------------------------------------------------------------


def test_equal_runs_are_identical(store: Store) -> None:
    result = diff(store, story())
    assert result.verdict is DiffVerdict.IDENTICAL
    assert result.divergence is None
    assert result.ended_alike
    assert result.as_json() == {
        "format": 1,
        "verdict": "identical",
        "divergence": None,
        "mattered": None,
        "tolerated": [],
        "conditions": [],
        "answers": [],
        "forgiven": [],
        "left_out": [],
        "rejoined": [],
        "steps": [{"a": n, "b": n, "screen": "identical", "action": "same"} for n in range(5)],
    }


@pytest.mark.parametrize(
    "mark", [bar(600, 60, 1, 1), bar(252, 332, 1, 16), bar(100, 380, 2, 18)], ids=["pixel", "caret in field", "caret"]
)
def test_a_pixel_far_away_or_a_caret_is_cosmetic(store: Store, mark: object) -> None:
    screen = drawn_on(Image.fromarray(note("hello")), mark)  # type: ignore[arg-type]  # a mark of drawn.py
    result = diff(store, changed(story(), 3, before=screen))
    assert result.verdict is DiffVerdict.COSMETIC
    assert [pair.as_json()["screen"] for pair in result.steps] == ["identical"] * 3 + ["cosmetic", "identical"]


def test_clicks_a_few_pixels_apart_with_the_same_effect_are_cosmetic(store: Store) -> None:
    for dx in (3, 12, 20):
        result = diff(store, changed(story(), 3, action=click(BOX[0] + dx, BOX[1])))
        assert result.verdict is DiffVerdict.COSMETIC
        assert result.steps[3].action is not None
        assert result.steps[3].action.kind == ("same" if dx <= 12 else "near")


def test_waits_and_looks_are_cosmetic(store: Store) -> None:
    scenes = story()
    scenes[2:2] = [Scene(note(), WAIT), Scene(note(), LOOK)]
    result = diff(store, [Scene(pixels(DESK), LOOK), *scenes, Scene(END, WAIT)])
    assert result.verdict is DiffVerdict.COSMETIC
    assert [(pair.a, pair.b) for pair in result.steps if pair.a is None] == [(None, 0), (None, 3), (None, 4), (None, 8)]


def test_a_look_that_came_too_early_in_one_run_is_cosmetic(store: Store) -> None:
    scenes = story()
    scenes.insert(2, Scene(note(), LOOK))
    early = changed(scenes, 2, before=WRONG, after=note())
    result = diff_runs(store, write_run(store, scenes, END), write_run(store, early, END))
    assert result.verdict is DiffVerdict.COSMETIC


def test_another_wording_is_no_divergence(store: Store) -> None:
    one = write_run(store, story(), END, asked=Asked())
    two = write_run(store, story(), END, asked=Asked(model="model-two", words="Next."))
    assert diff_runs(store, one, two).verdict is DiffVerdict.IDENTICAL


# --- the world ------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 3, 4])
def test_a_wrong_page_names_its_step(store: Store, at: int) -> None:
    result = diff(store, changed(story(), at, before=WRONG))
    assert parted(result) == (at, at, Cause.ENVIRONMENT, "page")
    assert "another page" in str(result.divergence)


def test_a_look_that_saw_the_wrong_page_first_is_the_step(store: Store) -> None:
    scenes = story()
    scenes.insert(3, Scene(note("hello"), LOOK))
    wrong = changed(changed(scenes, 3, before=WRONG), 4, before=WRONG)
    result = diff_runs(store, write_run(store, scenes, END), write_run(store, wrong, END))
    assert parted(result) == (3, 3, Cause.ENVIRONMENT, "page")


def test_another_start_is_said_to_be_one(store: Store) -> None:
    assert parted(diff(store, changed(story(), 0, before=WRONG))) == (0, 0, Cause.ENVIRONMENT, "start")


def test_one_ticked_box_is_a_divergence(store: Store) -> None:
    result = diff(store, changed(story(), 2, before=note(ticked=True)))
    assert parted(result) == (2, 2, Cause.ENVIRONMENT, "content")
    assert result.divergence is not None
    assert result.divergence.regions == (Region(BOX[0] - 4, BOX[1] - 4, 9, 9),)


@pytest.mark.parametrize("lost", ["hell", "hllo", "helo."])
def test_one_lost_character_is_a_divergence(store: Store, lost: str) -> None:
    assert parted(diff(store, changed(story(), 3, before=note(lost)))) == (3, 3, Cause.ENVIRONMENT, "content")


def test_a_window_that_came_after_the_effect_is_the_worlds_doing(store: Store) -> None:
    popup = drawn_on(Image.fromarray(note("hello")), bar(440, 280, 160, 90, (90, 90, 90)))
    scenes = changed(changed(story(), 2, after=note("hello")), 3, before=popup)
    assert parted(diff(store, scenes)) == (3, 3, Cause.ENVIRONMENT, "content")


def test_a_toast_elsewhere_is_the_worlds_doing_though_the_clicks_jitter(store: Store) -> None:
    toast = drawn_on(Image.fromarray(note("hello", ticked=True)), bar(20, 40, 200, 60, (90, 90, 90)))
    scenes = changed(changed(story(), 3, action=click(BOX[0] + 3, BOX[1])), 4, before=toast)
    assert parted(diff(store, scenes)) == (4, 4, Cause.ENVIRONMENT, "content")


def test_keys_spelt_otherwise_are_not_to_blame_for_a_toast(store: Store) -> None:
    toast = drawn_on(Image.fromarray(END), bar(20, 40, 90, 30, (90, 90, 90)))
    scenes = changed(story(), 4, action=Action("key", {"text": "Ctrl+s"}))
    assert parted(diff(store, scenes, toast)) == (4, 4, Cause.ENVIRONMENT, "content")


def test_the_last_steps_effect_counts(store: Store) -> None:
    result = diff(store, story(), note("hello", ticked=True, saved=False))
    assert parted(result) == (4, 4, Cause.EXECUTION, "no effect")
    assert result.ended_alike is False
    assert parted(diff(store, story(), WRONG)) == (4, 4, Cause.ENVIRONMENT, "page")


def test_another_screen_size_is_the_worlds_doing(store: Store) -> None:
    scenes = [Scene(note()[:300], typed("x"))]
    one = write_run(store, [Scene(note(), typed("x"))])
    assert parted(diff_runs(store, one, write_run(store, scenes))) == (0, 0, Cause.ENVIRONMENT, "start")


# --- how an action was carried out ----------------------------------------------------------------


def test_a_lost_key_is_named_by_the_step_that_typed(store: Store) -> None:
    scenes = changed(story(), 2, delivered=[InputEvent("key_down", (letter,)) for letter in "hell"])
    result = diff(store, changed(scenes, 3, before=note("hell")))
    assert parted(result) == (2, 2, Cause.EXECUTION, "input")
    assert result.divergence is not None
    assert "5 input events against 4" in result.divergence.why


def test_other_input_with_the_same_effect_is_no_divergence(store: Store) -> None:
    events = [InputEvent("paste", ("hello",))]
    assert diff(store, changed(story(), 2, delivered=events)).verdict is DiffVerdict.IDENTICAL


def test_an_action_without_effect_is_named(store: Store) -> None:
    scenes = changed(story(), 3, after=note("hello"))
    result = diff(store, changed(scenes, 4, before=note("hello")), note("hello", saved=True))
    assert parted(result) == (3, 3, Cause.EXECUTION, "no effect")
    assert result.divergence is not None
    assert "left_click took effect in run a only" in result.divergence.why


def test_an_action_that_failed_in_one_run_is_named(store: Store) -> None:
    scenes = changed(story(), 3, status=StepStatus.FAILED)
    result = diff(store, changed(scenes, 4, before=note("hello")))
    assert parted(result) == (3, 3, Cause.EXECUTION, "failed")


# --- the model ------------------------------------------------------------------------------------


def missed(by: int = 40) -> list[Scene]:
    """Return the story with a click that misses the box."""
    scenes = changed(story(), 3, action=click(BOX[0] + by, BOX[1]))
    return changed(scenes, 4, before=note("hello"))


MISSED_END = note("hello", saved=True)


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (Asked(), "sampling"),
        (Asked(model="model-two"), "changed"),
        (Asked(words="I am quick."), "sampling"),
    ],
)
def test_a_misclick_is_the_models_doing_at_its_own_step(store: Store, other: Asked, kind: str) -> None:
    one = write_run(store, story(), END, asked=Asked())
    result = diff_runs(store, one, write_run(store, missed(), MISSED_END, asked=other))
    assert parted(result) == (3, 3, Cause.MODEL, kind)
    assert result.divergence is not None
    assert "left_click 40 px apart" in result.divergence.why
    assert result.divergence.regions == (Region(508, 328, 24, 24), Region(548, 328, 24, 24))


def test_a_near_miss_is_the_models_doing(store: Store) -> None:
    for by in (9, 16):
        assert parted(diff(store, missed(by), MISSED_END))[:3] == (3, 3, Cause.MODEL)


def test_without_requests_the_harness_is_not_ruled_out(store: Store) -> None:
    result = diff(store, missed(), MISSED_END)
    assert parted(result) == (3, 3, Cause.MODEL, "unknown")
    assert result.divergence is not None
    assert "cannot be ruled out" in result.divergence.why


def test_a_caret_put_elsewhere_by_a_click_nearby_is_the_models_doing(store: Store) -> None:
    first, second = (drawn_on(Image.fromarray(note("hello")), bar(x, 332, 1, 16)) for x in (262, 269))
    runs = [[Scene(note("hello"), click(x, 340)), Scene(screen, SAVE)] for x, screen in ((262, first), (269, second))]
    result = diff_runs(store, *(write_run(store, scenes) for scenes in runs))
    assert parted(result)[:3] == (0, 0, Cause.MODEL)


def test_a_run_that_stopped_by_itself(store: Store) -> None:
    one = write_run(store, story(), END, asked=Asked())
    two = write_run(store, story()[:4], note("hello", ticked=True), asked=Asked())
    result = diff_runs(store, one, two)
    assert parted(result) == (4, None, Cause.MODEL, "sampling")
    assert result.divergence is not None
    assert "run b ended after 4 steps; run a went on with key" in result.divergence.why
    assert parted(diff_runs(store, two, one)) == (None, 4, Cause.MODEL, "sampling")


def test_a_step_more_is_named(store: Store) -> None:
    scenes = story()
    scenes.insert(3, Scene(note("hello"), click(*MENU)))
    result = diff(store, scenes)
    assert parted(result) == (3, 3, Cause.MODEL, "unknown")
    assert result.rejoined == ((3, 4),)
    assert result.ended_alike


# --- the harness ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "kind", "path"),
    [
        (Asked(system="Be quick."), "prompt", "system"),
        (Asked(width=1024, model="model-two"), "scaling", "tools[0].display_width_px"),
        (Asked(extra={"temperature": 1}), "parameters", "temperature"),
        (Asked(whole_history=False), "history", "messages"),
    ],
)
def test_another_request_is_the_harness_doing(store: Store, other: Asked, kind: str, path: str) -> None:
    one = write_run(store, story(), END, asked=Asked())
    result = diff_runs(store, one, write_run(store, missed(), MISSED_END, asked=other))
    assert parted(result) == (3, 3, Cause.HARNESS, kind)
    assert result.divergence is not None
    assert path in result.divergence.why


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (RunStatus.ERRORED, None),
        (RunStatus.INTERRUPTED, None),
        (RunStatus.COMPLETED, Asked(says_done=False)),
    ],
)
def test_a_run_that_was_stopped(store: Store, status: RunStatus, asked: Asked | None) -> None:
    one = write_run(store, story(), END, asked=asked)
    two = write_run(store, story()[:4], note("hello", ticked=True), asked=asked, status=status)
    assert parted(diff_runs(store, one, two)) == (4, None, Cause.HARNESS, "stopped")


def test_a_harness_that_keeps_the_last_replies_only_is_the_same_on_both_sides(store: Store) -> None:
    short = Asked(whole_history=False)
    one = write_run(store, story(), END, asked=short)
    scenes = missed()
    scenes.insert(2, Scene(note(), LOOK))
    result = diff_runs(store, one, write_run(store, scenes, MISSED_END, asked=short))
    assert parted(result) == (3, 4, Cause.MODEL, "sampling")


# --- together again -------------------------------------------------------------------------------


def test_runs_that_rejoin_say_where(store: Store) -> None:
    scenes = changed(story(), 1, before=WRONG)
    result = diff(store, scenes)
    assert parted(result) == (1, 1, Cause.ENVIRONMENT, "page")
    assert result.rejoined == ((2, 2),)
    assert result.as_json()["rejoined"] == [{"a": 2, "b": 2}]
    assert result.ended_alike


def test_a_detour_that_is_repaired_rejoins(store: Store) -> None:
    scenes = missed()
    scenes.insert(4, Scene(note("hello"), click(*BOX)))
    result = diff(store, changed(scenes, 5, before=note("hello", ticked=True)))
    assert parted(result)[:3] == (3, 3, Cause.MODEL)
    assert result.rejoined == ((3, 4),)
    assert result.ended_alike


# --- clocks, lossy pictures, runs with little in them ---------------------------------------------


def with_clock(scenes: list[Scene], first: int) -> list[Scene]:
    """Draw a clock that goes on by itself between the steps."""
    ticking = []
    for number, scene in enumerate(scenes):
        assert scene.before is not None
        following = scenes[number + 1].before if number + 1 < len(scenes) else END
        assert following is not None
        before, after = (
            drawn_on(Image.fromarray(screen), text((570, 4), f"12:0{seconds}", ink=(255, 255, 255)))
            for screen, seconds in ((scene.before, first + number), (following, first + number))
        )
        ticking.append(Scene(before, scene.action, scene.delivered, after=after))
    return ticking


def test_a_clock_is_learned_from_the_times_when_nobody_acts(store: Store) -> None:
    one, two = (write_run(store, with_clock(story(), first)) for first in (0, 5))
    result = diff_runs(store, one, two)
    assert result.verdict is DiffVerdict.COSMETIC
    assert {pair.screen.why for pair in result.steps if pair.screen} == {"a volatile region"}


def test_a_clock_hides_nothing_else(store: Store) -> None:
    one = write_run(store, with_clock(story(), 0))
    two = write_run(store, with_clock(changed(story(), 3, before=note("hell")), 5))
    assert parted(diff_runs(store, one, two)) == (3, 3, Cause.ENVIRONMENT, "content")


def test_regions_can_be_left_out(store: Store) -> None:
    scenes = changed(story(), 2, before=note(ticked=True))
    one, two = write_run(store, story(), END), write_run(store, scenes, END)
    result = diff_runs(store, one, two, volatile=[Region(510, 330, 20, 20)])
    assert result.verdict is DiffVerdict.COSMETIC


def test_lossy_screens_of_the_same_run_are_cosmetic(store: Store) -> None:
    result = diff(store, story(), lossy=True)
    assert result.verdict is DiffVerdict.COSMETIC
    assert parted(diff(store, missed(), MISSED_END, lossy=True))[:3] == (3, 3, Cause.MODEL)


def test_a_lost_character_shows_in_lossy_screens_of_another_machine(store: Store) -> None:
    scenes = changed(story(), 3, before=note("hell"))
    result = diff(store, scenes, lossy=True, machine={"driver": "vnc"})
    assert parted(result) == (3, 3, Cause.ENVIRONMENT, "content")


def test_one_equal_screen_shows_that_the_machines_render_alike(store: Store) -> None:
    scenes = changed(story(), 4, before=note("hello"))  # the box is unticked, far from where ctrl+s is pressed
    scenes = changed(scenes, 3, action=SAVE)
    one = write_run(store, changed(story(), 3, action=SAVE), END)
    result = diff_runs(store, one, write_run(store, scenes, END, machine={"driver": "vnc"}))
    assert parted(result)[2] is Cause.EXECUTION


def scaled(store: Store, scenes: list[Scene], end: Pixels) -> str:
    """Write a run that has only what the model was sent: pictures at half the size of the screen."""
    writer = store.begin_run(task="scaled")
    for index, scene in enumerate(scenes):
        following = scenes[index + 1].before if index + 1 < len(scenes) else end
        assert following is not None
        height, width = following.shape[:2]
        writer.intend(scene.action)
        writer.finish(index, status=StepStatus.EXECUTED)
        small = np.asarray(Image.fromarray(following).resize((width // 2, height // 2), Image.Resampling.BOX)).copy()
        roles = [(index, FrameRole.OBSERVED)]
        writer.frame(small, captured=Instant.now(), roles=roles, screen=(width, height), source="wire")
    writer.end()
    return writer.run_id


def test_pictures_smaller_than_their_screen_are_compared_at_its_size(store: Store) -> None:
    one, full = scaled(store, story(), END), write_run(store, story(), END)
    assert diff_runs(store, one, scaled(store, story(), END)).verdict is DiffVerdict.IDENTICAL
    assert diff_runs(store, one, full).verdict is DiffVerdict.COSMETIC
    wrong = scaled(store, changed(story(), 3, before=WRONG), END)
    assert parted(diff_runs(store, one, wrong)) == (3, 3, Cause.ENVIRONMENT, "page")
    assert parted(diff_runs(store, full, wrong)) == (3, 3, Cause.ENVIRONMENT, "page")


def test_a_crop_is_no_screen(store: Store) -> None:
    run = write_run(store, story(), END)
    cropped = store.begin_run(task="cropped")
    for index, scene in enumerate(story()):
        assert scene.before is not None
        cropped.intend(scene.action)
        part = Region(10, 10, 100, 50)
        roles = [(index, FrameRole.BEFORE)]
        cropped.frame(scene.before[10:60, 10:110], captured=Instant.now(), roles=roles, screen=(640, 400), region=part)
    cropped.end()
    result = diff_runs(store, run, cropped.run_id)
    assert {pair.screen for pair in result.steps} == {None}


def test_runs_without_screens_are_compared_by_their_actions(store: Store) -> None:
    blind = [Scene(None, scene.action) for scene in story()]
    one, two = write_run(store, blind), write_run(store, changed(blind, 2, action=typed("hell")))
    assert diff_runs(store, one, one).verdict is DiffVerdict.IDENTICAL
    result = diff_runs(store, one, two)
    assert parted(result) == (2, 2, Cause.MODEL, "unknown")
    assert result.steps[0].as_json() == {"a": 0, "b": 0, "screen": None, "action": "same"}
    assert result.ended_alike is None


def test_runs_without_steps(store: Store) -> None:
    empty = write_run(store, [])
    assert diff_runs(store, empty, empty).verdict is DiffVerdict.IDENTICAL
    assert parted(diff_runs(store, empty, write_run(store, story(), END))) == (None, 0, Cause.MODEL, "unknown")


def test_an_unknown_run_is_an_error(store: Store) -> None:
    with pytest.raises(RunNotFound):
        diff_runs(store, write_run(store, []), "nosuchrun")


def test_progress_goes_up_to_the_whole(store: Store) -> None:
    told: list[tuple[int, int]] = []
    one, two = write_run(store, story(), END), write_run(store, [*missed(), Scene(END, WAIT)], MISSED_END)
    diff_runs(store, one, two, on_progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (22, 22)


def test_the_field_that_was_clicked_is_no_page(store: Store) -> None:
    scenes = changed(story(), 1, action=click(FIELD[0], FIELD[1] + 40))
    assert parted(diff(store, scenes))[:3] == (1, 1, Cause.MODEL)
