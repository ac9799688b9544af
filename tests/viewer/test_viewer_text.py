"""What of a recorded text reaches a page."""

from datetime import datetime

import pytest
from markupsafe import Markup

from footage.trajectory import Action, Instant
from footage.viewer.pages.page_text import clip, one_line, plain, visible
from footage.viewer.pages.wording import action_line, elapsed_ms, span, when


@pytest.mark.parametrize(
    ("hidden", "spelled"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x00", "\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066a\u2069", "\\u2066a\\u2069"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ufeff", "\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\x85\u2028\u2029", "\\x85\\u2028\\u2029"),
    ],
)
def test_hidden_characters_are_spelled_out(hidden: str, spelled: str) -> None:
    assert plain(hidden) == spelled
    assert "hidden-char" in visible(hidden)
    assert not any(character in visible(hidden) for character in hidden if not character.isascii())


@pytest.mark.parametrize("text", ["Grüße\n\tto 東京", "👩\u200d💻 ok", "nim\u200cfasele"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_windows_line_ends_are_line_ends() -> None:
    assert plain("a\r\nb") == "a\nb"
    assert visible("a\r\nb") == "a\nb"


def test_visible_escapes_html_and_marks_what_it_replaced() -> None:
    shown = visible('<img src=x onerror=alert(1)>\u202e"&')
    assert isinstance(shown, Markup)
    assert shown == ('&lt;img src=x onerror=alert(1)&gt;<span class="hidden-char">\\u202e</span>&#34;&amp;')


def test_one_line_stays_one_line_and_within_its_limit() -> None:
    assert one_line("\na\nb\tc\n") == "a⏎b⇥c"
    assert len(one_line("x" * 500, 60)) == 60


def test_clip_counts_what_it_leaves_out() -> None:
    assert clip("abcdef", 4) == ("abcd", 2)
    assert clip("abc", 4) == ("abc", 0)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "\N{EN DASH}"), (0, "0 ms"), (999.4, "999 ms"), (999.6, "1.0 s"), (59_940, "59.9 s"),
     (59_960, "1 min 00 s"), (3_599_499, "59 min 59 s"), (3_600_000, "1 h 00 min"), (4_020_000, "1 h 07 min")],
)  # fmt: skip
def test_durations_read_well(milliseconds: float | None, text: str) -> None:
    assert span(milliseconds) == text


def test_time_between_two_boots_is_told_by_the_wall_clock() -> None:
    a, b = Instant("boot-1", 5_000_000_000, 10_000_000_000), Instant("boot-2", 1_000_000_000, 12_500_000_000)
    assert elapsed_ms(a, b) == 2500
    assert elapsed_ms(a, Instant("boot-1", 5_250_000_000, 0)) == 250
    assert elapsed_ms(a, None) is None


def test_a_time_of_today_leaves_out_the_date() -> None:
    noon = datetime(2026, 3, 4, 12, 0).astimezone()
    instant = Instant("", 0, int(noon.timestamp() * 1e9))
    assert when(instant, now=noon) == "today 12:00:00"
    assert when(instant, now=noon.replace(day=5)) == "4 Mar, 12:00"
    assert when(instant, now=noon.replace(year=2027)) == "4 Mar 2026, 12:00"


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (Action("left_click", {"coordinate": [4, 5]}), "click 4, 5"),
        (Action("left_click", {"coordinate": [4, 5], "text": "ctrl"}), "ctrl+click 4, 5"),
        (Action("left_click", {}, tracked=(7, 8)), "click 7, 8"),
        (Action("left_click_drag", {"start_coordinate": [1, 2], "coordinate": [3, 4]}), "drag 1, 2 to 3, 4"),
        (Action("type", {"text": "a\nb"}), 'type "a⏎b"'),
        (Action("key", {"text": "Tab", "repeat": 3}), "key Tab, 3 times"),
        (Action("scroll", {"scroll_direction": "up", "scroll_amount": 2, "coordinate": [1, 1]}), "scroll up 2 1, 1"),
        (Action("hold_key", {"text": "a", "duration": 2}), "hold a for 2 s"),
        (Action("wait", {"duration": 1.5}), "wait 1.5 s"),
        (Action("screenshot"), "screenshot"),
        (Action("run", {"command": "ls -l"}, namespace="bash"), "bash:run ls -l"),
    ],
)
def test_an_action_in_one_line(action: Action, line: str) -> None:
    assert action_line(action) == line
