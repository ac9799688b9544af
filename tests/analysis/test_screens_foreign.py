"""Screens of other machines, or lossy ones: cells everywhere, pixels at the focus."""

import numpy as np
import pytest

from drawn import arrow, bar, beam, drawn_on, encoded, page, pixels, recorded_screens, text, tick
from footage.analysis.screens.comparison_of_screens import ScreenVerdict, compare_screens
from footage.trajectory import Pixels, Region

FIELD = Region(300, 310, 120, 60)


@pytest.mark.parametrize(("form", "quality"), [("JPEG", 75), ("JPEG", 90), ("WEBP", 80)])
def test_re_encoding_is_cosmetic_even_at_the_focus(form: str, quality: int) -> None:
    screen = pixels(page())
    difference = compare_screens(
        screen, encoded(screen, form, quality), exact_source=False, focus=[Region(20, 40, 300, 200)]
    )
    assert (difference.kind, difference.why) == (ScreenVerdict.COSMETIC, "re-encoding")


def test_equal_bytes_are_identical() -> None:
    screen = encoded(pixels(page()))
    assert compare_screens(screen, screen.copy(), exact_source=False).kind is ScreenVerdict.IDENTICAL


@pytest.mark.parametrize("letter", list("l.i1:a"))
def test_one_character_at_the_focus_is_material_through_jpeg(letter: str) -> None:
    typed = encoded(drawn_on(page(), text((340, 330), letter)))
    difference = compare_screens(pixels(page()), typed, exact_source=False, focus=[FIELD])
    assert difference.is_material
    assert difference.regions[0].x >= FIELD.x


def test_one_tick_at_the_focus_is_material_through_jpeg_though_a_pointer_may_hide_it() -> None:
    ticked = encoded(drawn_on(page(), tick(340, 330)))
    difference = compare_screens(pixels(page()), ticked, exact_source=False, focus=[FIELD], pointers=[(340, 330)])
    assert difference.is_material


def test_a_caret_or_a_pointer_at_the_focus_is_cosmetic_through_jpeg() -> None:
    blinked = encoded(drawn_on(page(), bar(340, 330, 1, 16)))
    assert not compare_screens(pixels(page()), blinked, exact_source=False, focus=[FIELD]).is_material
    pointed = encoded(drawn_on(page(), arrow(340, 330)))
    pointers = [(340, 330)]
    assert not compare_screens(
        pixels(page()), pointed, exact_source=False, focus=[FIELD], pointers=pointers
    ).is_material
    assert compare_screens(pixels(page()), pointed, exact_source=False, focus=[FIELD]).is_material


def test_an_i_beam_at_the_focus_is_cosmetic_where_it_may_be() -> None:
    beamed = encoded(drawn_on(page(), beam(340, 330)))
    screen = pixels(page())
    assert not compare_screens(screen, beamed, exact_source=False, focus=[FIELD], pointers=[(340, 330)]).is_material
    assert compare_screens(screen, beamed, exact_source=False, focus=[FIELD], pointers=[(380, 330)]).is_material


def test_two_pointers_side_by_side_are_cosmetic_where_they_may_be() -> None:
    here, there = drawn_on(page(), arrow(340, 330)), encoded(drawn_on(page(), arrow(354, 330)))
    assert not compare_screens(here, there, exact_source=False, pointers=[(340, 330), (354, 330)]).is_material
    assert compare_screens(here, there, exact_source=False).is_material


def test_a_toast_is_material_anywhere() -> None:
    toast = drawn_on(page(), bar(400, 340, 200, 40, (60, 60, 60)), text((410, 350), "Saved", ink=(255, 255, 255)))
    difference = compare_screens(pixels(page()), encoded(toast), exact_source=False)
    assert difference.is_material
    assert difference.regions == (Region(400, 336, 200, 48),)


def test_what_is_smaller_than_nine_cells_is_cosmetic_far_from_the_focus() -> None:
    small = drawn_on(page(), tick(600, 380))
    difference = compare_screens(pixels(page()), small, exact_source=False, focus=[FIELD])
    assert (difference.kind, difference.why) == (ScreenVerdict.COSMETIC, "a change too small to matter")


def test_volatile_regions_and_sizes_count_as_on_the_same_machine() -> None:
    clock = Region(520, 0, 120, 32)
    other = drawn_on(page(), bar(clock.x, clock.y, clock.width, clock.height))
    assert compare_screens(pixels(page()), other, exact_source=False).is_material
    assert not compare_screens(pixels(page()), other, exact_source=False, volatile=[clock]).is_material
    assert compare_screens(pixels(page()), pixels(page(width=320)), exact_source=False).resized


def test_a_focus_beyond_the_screen_is_no_trouble() -> None:
    screen = pixels(page())
    noisy = encoded(screen)
    for region in (Region(-60, -60, 96, 96), Region(630, 390, 96, 96), Region(700, 500, 9, 9), Region(-9, 5, 9, 0)):
        assert not compare_screens(screen, noisy, exact_source=False, focus=[region]).is_material


def test_real_screens_survive_jpeg_and_show_a_toast() -> None:
    screens = recorded_screens(8)
    if not screens:
        pytest.skip("no recordings at hand")
    for screen in screens:
        height, width = screen.shape[:2]
        focus = [Region(width // 2 - 48, height // 2 - 48, 96, 96)]
        assert not compare_screens(screen, encoded(screen), exact_source=False, focus=focus).is_material
        assert compare_screens(screen, encoded(_with_toast(screen)), exact_source=False, focus=focus).is_material


def _with_toast(screen: Pixels) -> Pixels:
    toast = screen.copy()
    toast[40:100, 60:360] = np.array((90, 140, 90), np.uint8)
    return toast
