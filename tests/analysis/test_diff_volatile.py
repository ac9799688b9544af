"""Which regions of a screen change by themselves."""

from drawn import bar, drawn_on, page, pixels, text, tick
from footage.analysis.screens.volatile import learn_volatile
from footage.trajectory import Pixels, Region

CALM = pixels(page())


def at(second: int, *, ticked: bool = False) -> Pixels:
    marks = [text((570, 4), f"12:00:{second:02}", ink=(255, 255, 255))]
    return drawn_on(page(), *marks, *([tick(300, 340)] if ticked else []))


def test_a_clock_is_volatile_and_what_changed_once_is_not() -> None:
    regions = learn_volatile([(at(1), at(2)), (at(2), at(3, ticked=True)), (at(3), at(14))])
    assert len(regions) == 1
    assert 600 < regions[0].x < 640
    assert regions[0].bottom < 24


def test_once_is_never_enough() -> None:
    assert learn_volatile([(at(1), at(2))]) == ()


def test_what_changes_seldom_is_not_volatile() -> None:
    changes = [(at(1), at(2)), (at(3), at(4))]
    assert learn_volatile(changes, unchanged=4)
    assert learn_volatile(changes, unchanged=5) == ()


def test_a_large_change_is_content() -> None:
    window = drawn_on(page(), bar(100, 100, 200, 150))
    assert learn_volatile([(CALM, window), (window, CALM)]) == ()


def test_regions_that_touch_are_one() -> None:
    pairs = [(CALM, drawn_on(page(), bar(300, 340, width, 12))) for width in (10, 30)]
    assert learn_volatile(pairs) == (Region(300, 340, 30, 12),)


def test_screens_of_two_sizes_tell_nothing() -> None:
    assert learn_volatile([(CALM, CALM[:100]), (CALM, CALM[:100])]) == ()
    assert learn_volatile([], unchanged=3) == ()
