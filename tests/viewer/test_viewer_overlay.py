"""Where an action is drawn on a picture."""

import re
from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup

from footage.trajectory import Action, Frame, Instant, Region
from footage.viewer.pages.overlay import Lens, draw, outline

POINT = {"coordinate": [417, 523]}


def frame(
    width: int = 1280, height: int = 800, screen: tuple[int, int] = (1280, 800), region: Region | None = None
) -> Frame:
    return Frame(1, "run", 1, width, height, "0" * 64, Instant("", 0, 0), "", *screen, region)


def parse(markup: Markup) -> ET.Element:
    return ET.fromstring(str(markup))


def centres(markup: Markup, kind: str = "mark") -> list[tuple[float, ...]]:
    """The points of the markers, in pixels of the picture."""
    groups = [group for group in parse(markup).iter("g") if group.get("class", "").split()[0] == kind]
    return [tuple(map(float, re.findall(r"[\d.]+", group.attrib["transform"]))) for group in groups]


@pytest.mark.parametrize(
    "name",
    ["left_click", "right_click", "middle_click", "double_click", "triple_click", "mouse_move", "scroll"],
)
def test_a_marker_stands_on_the_middle_of_its_pixel(name: str) -> None:
    assert centres(draw(Action(name, POINT), frame())) == [(417.5, 523.5)]


def test_the_view_box_is_the_picture() -> None:
    assert parse(draw(Action("left_click", POINT), frame(640, 400))).get("viewBox") == "0 0 640 400"


def test_a_scaled_picture_scales_the_point() -> None:
    assert centres(draw(Action("left_click", {"coordinate": [401, 201]}), frame(640, 400))) == [(200.75, 100.75)]


def test_a_crop_shifts_the_point() -> None:
    crop = frame(200, 100, region=Region(400, 500, 200, 100))
    assert centres(draw(Action("left_click", POINT), crop)) == [(17.5, 23.5)]


def test_an_enlarged_crop_does_both() -> None:
    crop = frame(400, 200, region=Region(400, 500, 200, 100))
    assert centres(draw(Action("left_click", POINT), crop)) == [(35, 47)]


def test_a_point_outside_the_picture_gets_a_caption_and_no_marker() -> None:
    drawn = draw(Action("left_click", {"coordinate": [10, 10]}), frame(200, 100, region=Region(400, 500, 200, 100)))
    assert centres(drawn) == []
    assert centres(drawn, "caption") == [(100, 100)]


def test_an_action_of_a_browser_is_marked_where_it_was_carried_out() -> None:
    drawn = draw(Action("click", {"index": 4, **POINT}, "browser"), frame())
    assert centres(drawn) == [(417.5, 523.5)]
    assert len(centres(drawn, "caption")) == 1
    assert centres(draw(Action("locate", POINT, "maps"), frame())) == []  # another tool's coordinate is no pixel


def test_a_drag_is_drawn_from_its_start_to_its_end() -> None:
    drawn = draw(Action("left_click_drag", {"start_coordinate": [10, 20], "coordinate": [30, 5]}), frame())
    assert centres(drawn) == [(10.5, 20.5), (30.5, 5.5)]
    assert "M10.5 20.5L30.5 5.5" in drawn


def test_a_tracked_pointer_is_marked_as_such() -> None:
    drawn = draw(Action("left_click", {}, tracked=(3, 4)), frame())
    assert centres(drawn) == [(3.5, 4.5)]
    assert 'class="mark tracked"' in drawn
    assert "tracked pointer" in drawn


@pytest.mark.parametrize("name", ["left_click", "mouse_move", "scroll", "left_click_drag", "left_mouse_down"])
def test_an_action_without_a_point_gets_no_marker(name: str) -> None:
    assert centres(draw(Action(name, {}), frame())) == []


@pytest.mark.parametrize(
    ("direction", "degrees"),
    [("right", "rotate(0)"), ("down", "rotate(90)"), ("left", "rotate(180)"), ("up", "rotate(270)")],
)
def test_scroll_arrows_point_where_it_goes(direction: str, degrees: str) -> None:
    drawn = draw(Action("scroll", {**POINT, "scroll_direction": direction, "scroll_amount": 7}), frame())
    assert drawn.count(degrees) == 3
    assert f"scroll {direction} 7" in drawn


def test_a_label_keeps_inside_the_picture() -> None:
    right = parse(draw(Action("right_click", {"coordinate": [1270, 400]}), frame()))
    left = parse(draw(Action("right_click", {"coordinate": [10, 400]}), frame()))
    assert [float(text.attrib["x"]) > 0 for text in (*right.iter("text"), *left.iter("text"))] == [False, True]


@pytest.mark.parametrize(
    "action",
    [
        Action("type", {"text": "<script>alert(1)</script>\u202e\ud800"}),
        Action("left_click", {**POINT, "text": '"/><script>'}),
        Action("scroll", {**POINT, "scroll_direction": "<b>", "scroll_amount": "<b>"}),
        Action("zoom", {"region": [300, 200, 100, 50]}),
        Action("zoom", {"region": ["a", None, {}, []]}),
        Action("zoom", {"region": [1, 2]}),
        Action("left_click_drag", {**POINT, "start_coordinate": ["x", float("inf")]}),
        Action("wait", {"duration": {}}),
        Action("<i>", {}),
        Action("run", {"command": "<script>"}, namespace="<b>"),
    ],
    ids=lambda action: str(action.name),
)
def test_whatever_was_recorded_the_drawing_is_well_formed(action: Action) -> None:
    root = parse(draw(action, frame()))
    assert {element.tag for element in root.iter()} <= {"svg", "g", "path", "circle", "rect", "text"}
    assert all(float(rect.attrib["width"]) >= 0 for rect in root.iter("rect"))


def test_a_frame_without_a_screen_size_is_its_own_screen() -> None:
    assert Lens.of(frame(100, 50, screen=(0, 0))).region == Region(0, 0, 100, 50)


def test_regions_are_outlined_in_the_pixels_of_the_picture() -> None:
    boxes = [rect.attrib for rect in parse(outline([Region(100, 50, 20, 10)], frame(640, 400))).iter("rect")]
    assert {(box["x"], box["y"], box["width"], box["height"]) for box in boxes} == {("48", "23", "14", "9")}
