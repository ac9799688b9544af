"""Screens of the same machine: every pixel counts, except a caret, a pointer and a stray pixel."""

import numpy as np
import pytest

from drawn import arrow, bar, beam, drawn_on, page, pixels, recorded_screens, text, tick
from footage.analysis.screens import (
    ScreenVerdict,
    changed_regions,
    compare_screens,
    difference_mask,
    focus_regions,
)
from footage.trajectory import Action, Region

FIELD = Region(300, 310, 120, 60)
PAPER, INK = (30, 32, 38), (220, 220, 220)


def test_equal_screens_are_identical() -> None:
    screen = pixels(page())
    difference = compare_screens(screen, screen.copy())
    assert difference.kind is ScreenVerdict.IDENTICAL
    assert (difference.regions, difference.changed_pixels, difference.why) == ((), 0, "")


def test_read_only_and_cropped_arrays_are_fine() -> None:
    screen = pixels(page())
    screen.setflags(write=False)
    assert compare_screens(screen[3:, 5:], screen[3:, 5:].copy()).kind is ScreenVerdict.IDENTICAL


@pytest.mark.parametrize("letter", list("l.iI1:',-_;`jtaW"))
@pytest.mark.parametrize("size", [10, 13, 16, 22])
@pytest.mark.parametrize("dark", [False, True])
def test_one_character_at_the_focus_is_material(letter: str, size: int, *, dark: bool) -> None:
    window = page(paper=PAPER, ink=INK) if dark else page()
    typed = drawn_on(window, text((340, 330), letter, size=size, ink=INK if dark else (0, 0, 0)))
    difference = compare_screens(pixels(window), typed, focus=[FIELD])
    assert difference.is_material
    assert len(difference.regions) == 1
    assert FIELD.x < difference.regions[0].x < FIELD.right


@pytest.mark.parametrize("place", [(30, 380), (320, 340), (620, 8), (5, 5)])
def test_one_ticked_box_is_material_anywhere(place: tuple[int, int]) -> None:
    box = bar(place[0] - 6, place[1] - 6, 13, 13, (240, 240, 240))
    unticked, ticked = drawn_on(page(), box), drawn_on(page(), box, tick(*place))
    assert compare_screens(unticked, ticked).is_material
    assert compare_screens(ticked, unticked, focus=[FIELD], pointers=[place]).is_material


@pytest.mark.parametrize(("width", "height"), [(1, 14), (1, 17), (2, 16), (2, 20), (3, 28)])
@pytest.mark.parametrize("place", [(345, 330), (40, 350)])
def test_a_caret_blink_is_cosmetic_at_the_focus_and_elsewhere(width: int, height: int, place: tuple[int, int]) -> None:
    shown = drawn_on(page(), bar(*place, width, height))
    difference = compare_screens(pixels(page()), shown, focus=[FIELD])
    assert (difference.kind, difference.why) == (ScreenVerdict.COSMETIC, "caret blink")
    assert difference.regions == (Region(*place, width, height),)


def test_a_caret_blink_in_the_middle_of_text_is_cosmetic() -> None:
    shown = drawn_on(page(), bar(150, 62, 1, 16))
    assert compare_screens(pixels(page()), shown).why == "caret blink"


def test_a_caret_that_crosses_a_line_of_its_colour_is_cosmetic() -> None:
    underlined = drawn_on(page(), bar(330, 344, 60, 2))
    shown = drawn_on(page(), bar(330, 344, 60, 2), bar(345, 331, 1, 16))
    assert compare_screens(underlined, shown).why == "caret blink"


def test_a_caret_that_stands_elsewhere_is_material() -> None:
    here, there = drawn_on(page(), bar(340, 330, 1, 16)), drawn_on(page(), bar(380, 330, 1, 16))
    assert compare_screens(here, there).is_material


def test_two_carets_where_the_pointer_is_are_no_pointer() -> None:
    here, there = drawn_on(page(), bar(340, 330, 1, 16)), drawn_on(page(), bar(347, 330, 1, 16))
    assert compare_screens(here, there, pointers=[(340, 338), (347, 338)]).is_material


def test_a_caret_that_moved_with_a_typed_letter_is_material() -> None:
    before = drawn_on(page(), bar(340, 330, 1, 16))
    after = drawn_on(page(), text((340, 330), "l"), bar(344, 330, 1, 16))
    assert compare_screens(before, after, focus=[FIELD]).is_material


def test_stray_pixels_far_from_the_action_are_cosmetic_and_near_it_are_not() -> None:
    strayed = drawn_on(page(), bar(600, 390, 1, 1))
    difference = compare_screens(pixels(page()), strayed, focus=[FIELD])
    assert (difference.kind, difference.why) == (ScreenVerdict.COSMETIC, "one pixel far from the action")
    assert difference.changed_pixels == 1
    assert compare_screens(pixels(page()), strayed, focus=[Region(590, 380, 20, 20)]).is_material


def test_many_stray_pixels_are_no_accident() -> None:
    marks = [bar(500 + 40 * (n % 3), 320 + 30 * (n // 3), 1, 1) for n in range(5)]
    assert compare_screens(pixels(page()), drawn_on(page(), *marks[:4])).kind is ScreenVerdict.COSMETIC
    assert compare_screens(pixels(page()), drawn_on(page(), *marks)).is_material


def test_a_pointer_is_forgiven_where_it_may_be_and_nowhere_else() -> None:
    pointed = drawn_on(page(), arrow(300, 100))
    assert compare_screens(pixels(page()), pointed, pointers=[(300, 100)]).why == "pointer"
    assert compare_screens(pixels(page()), pointed, pointers=[(500, 300)]).is_material
    assert compare_screens(pixels(page()), pointed).is_material


@pytest.mark.parametrize("other", [(304, 103), (309, 96), (500, 300)])
def test_pointers_at_two_places_are_forgiven(other: tuple[int, int]) -> None:
    here, there = drawn_on(page(), arrow(300, 100)), drawn_on(page(), arrow(*other))
    assert compare_screens(here, there, pointers=[(300, 100), other]).why == "pointer"


@pytest.mark.parametrize("other", [(341, 330), (343, 328), (347, 336), (362, 330), (500, 360)])
def test_i_beams_at_two_places_are_forgiven_at_the_focus(other: tuple[int, int]) -> None:
    here, there = drawn_on(page(), beam(340, 330)), drawn_on(page(), beam(*other))
    pointers = [(340, 330), other]
    assert compare_screens(here, there, focus=[FIELD], pointers=pointers).why == "pointer"
    assert compare_screens(here, there, focus=[FIELD], pointers=[(340, 345), (480, 300)]).is_material


def test_a_letter_typed_under_an_i_beam_is_material() -> None:
    here = drawn_on(page(), beam(340, 330))
    there = drawn_on(page(), beam(352, 332), text((338, 322), "w"))
    assert compare_screens(here, there, focus=[FIELD], pointers=[(340, 330), (352, 332)]).is_material


def test_a_tick_beside_a_forgiven_pointer_is_material() -> None:
    here = drawn_on(page(), arrow(300, 100))
    there = drawn_on(page(), arrow(400, 300), tick(300, 100))
    assert compare_screens(here, there, pointers=[(300, 100), (400, 300)]).is_material


def test_volatile_regions_are_left_out_and_nothing_beside_them_is() -> None:
    clock = Region(560, 0, 80, 24)
    one, two = (drawn_on(page(), text((570, 4), time, ink=(255, 255, 255))) for time in ("12:01", "12:02"))
    assert compare_screens(one, two).is_material
    assert compare_screens(one, two, volatile=[clock]).why == "a volatile region"
    assert compare_screens(one, drawn_on(page(), tick(300, 300)), volatile=[clock]).is_material


def test_invisible_shades_are_cosmetic() -> None:
    screen = pixels(page())
    shaded = np.where(screen > 100, screen - 1, screen + 2)
    difference = compare_screens(screen, shaded.astype(np.uint8))
    assert difference.kind is ScreenVerdict.COSMETIC
    assert "no colour differs by more than 2 levels" in difference.why


@pytest.mark.parametrize("colour", [(255, 252, 255), (252, 255, 255), (255, 255, 252)])
def test_a_faint_highlight_in_any_channel_is_material(colour: tuple[int, int, int]) -> None:
    hovered = drawn_on(page(lines=0), bar(100, 100, 80, 30, colour))
    difference = compare_screens(pixels(page(lines=0)), hovered)
    assert difference.is_material
    assert difference.regions == (Region(100, 100, 80, 30),)
    assert difference.why == "changed in 80x30 at (100, 100)"


def test_a_scroll_by_one_line_is_material() -> None:
    screen = pixels(page())
    assert compare_screens(screen, np.roll(screen, -3, axis=0)).is_material


def test_another_page_is_called_so() -> None:
    difference = compare_screens(pixels(page("Notes")), pixels(page("Settings", paper=PAPER, ink=INK)))
    assert difference.why.startswith("another page: ")
    assert difference.share > 0.9


def test_other_sizes_are_material_and_named() -> None:
    difference = compare_screens(pixels(page()), pixels(page(width=320, height=480)))
    assert difference.is_material
    assert difference.resized
    assert difference.why == "size 640x400 against 320x480"
    assert difference.regions == (Region(0, 0, 640, 480),)


def test_regions_are_largest_first_and_few() -> None:
    marks = [bar(20 + 60 * (n % 10), 40 + 60 * (n // 10), 20 + n // 2, 9) for n in range(40)]
    difference = compare_screens(pixels(page(lines=0)), drawn_on(page(lines=0), *marks))
    sizes = [region.width * region.height for region in difference.regions]
    assert len(sizes) == 16
    assert sizes == sorted(sizes, reverse=True)
    assert difference.why.endswith("and in 39 more places")


def test_changed_text_is_called_text() -> None:
    changed = drawn_on(page(), text((40, 340), "a few more words"))
    assert compare_screens(pixels(page()), changed).why.startswith("text changed in ")


def test_the_mask_is_true_exactly_where_a_channel_differs() -> None:
    screen = pixels(page())
    other = screen.copy()
    other[10, 20, 2] ^= 1
    other[399, 639] ^= 255
    assert np.argwhere(difference_mask(screen, other)).tolist() == [[10, 20], [399, 639]]


def test_the_mask_of_two_sizes_covers_what_only_one_has() -> None:
    wide, high = np.zeros((2, 5, 3), np.uint8), np.zeros((4, 3, 3), np.uint8)
    assert difference_mask(wide, high).astype(int).tolist() == [
        [0, 0, 0, 1, 1],
        [0, 0, 0, 1, 1],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 0, 0],
    ]


def test_changed_regions_see_every_pixel() -> None:
    screen = pixels(page())
    other = drawn_on(page(), bar(600, 390, 1, 1, (254, 255, 255)), bar(340, 330, 1, 16))
    assert changed_regions(screen, other) == (Region(340, 330, 1, 16), Region(600, 390, 1, 1))


def test_the_focus_of_a_click_is_around_its_point_and_where_it_took_effect() -> None:
    click = Action("left_click", {"coordinate": [100, 200]})
    assert focus_regions(click) == (Region(52, 152, 96, 96),)
    after = drawn_on(page(), bar(400, 300, 50, 20))
    assert focus_regions(click, pixels(page()), after) == (Region(52, 152, 96, 96), Region(392, 292, 66, 36))


def test_the_focus_of_a_drag_is_at_both_ends_and_of_a_key_nowhere() -> None:
    drag = Action("left_click_drag", {"start_coordinate": [10, 20], "coordinate": [300, 310]})
    assert focus_regions(drag, reach=5) == (Region(295, 305, 10, 10), Region(5, 15, 10, 10))
    assert focus_regions(Action("key", {"text": "ctrl+s"})) == ()


def test_a_new_window_is_a_place_to_look_closely_at_only_where_keys_may_have_written_it() -> None:
    written = drawn_on(page(), bar(100, 100, 200, 80))
    click, text = Action("left_click", {"coordinate": [500, 300]}), Action("type", {"text": "…"})
    assert focus_regions(click, pixels(page()), written) == (Region(452, 252, 96, 96),)
    assert focus_regions(text, pixels(page()), written) == (Region(92, 92, 216, 96),)


def test_a_new_page_is_no_place_to_look_closely_at() -> None:
    other = pixels(page("Settings", paper=PAPER, ink=INK))
    assert focus_regions(Action("key", {"text": "Return"}), pixels(page()), other) == ()


def test_real_screens_tell_a_tick_from_a_caret() -> None:
    screens = recorded_screens(8)
    if not screens:
        pytest.skip("no recordings at hand")
    for screen in screens:
        ticked, blinked = screen.copy(), screen.copy()
        ticked[200:209, 300:309] = 255 - ticked[200:209, 300:309]
        blinked[200:216, 300] = (255, 0, 255)
        assert compare_screens(screen, ticked).is_material
        assert compare_screens(screen, blinked).why == "caret blink"
