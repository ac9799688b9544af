"""
The action, drawn over the picture it was aimed at, as SVG in the picture's own pixels.

This is the one place that draws: pages and scripts show what `draw` returns. The viewBox is the picture's size, so a
point (x, y) of the screen has its centre at (x + ½, y + ½), whatever the zoom. What must not grow with the zoom (rings,
arrow heads, captions) stands in a `<g class="steady">` around its point; the style sheet scales that group back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from footage.trajectory import Action, Frame, Region
from footage.viewer.pages.page_text import one_line, plain
from footage.viewer.pages.wording import action_line

__all__ = ["Lens", "draw", "outline"]

CELL = 7.8
"""Width of one character of a caption, in CSS pixels."""
CAPTION_CELLS = 64
OUTSET = 4
"""Pixels of the screen between a changed region and the line around it."""

_RINGS = {"double_click": 2, "triple_click": 3}
_LABELS = {
    "right_click": "right",
    "middle_click": "middle",
    "double_click": "double",
    "triple_click": "triple",
    "left_mouse_down": "press",
    "left_mouse_up": "release",
    "mouse_move": "move",
}
_ARROWS = {"right": 0, "down": 90, "left": 180, "up": 270}  # degrees, clockwise


@dataclass(frozen=True, slots=True)
class Lens:
    """Where screen pixels lie within one picture: of the whole screen or a part of it, at any scale."""

    region: Region
    """The part of the screen that the picture shows, in screen pixels."""
    width: int
    """Of the picture."""
    height: int

    @classmethod
    def of(cls, frame: Frame) -> Lens:
        """Return the lens of a frame's picture."""
        part = frame.region or Region(0, 0, frame.screen_width, frame.screen_height)
        if part.width < 1 or part.height < 1:  # not recorded: take the picture for the screen
            part = Region(part.x, part.y, frame.width, frame.height)
        return cls(part, frame.width, frame.height)

    def centre(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return where the centre of the screen pixel `point` lies, in picture pixels."""
        x = (point[0] + 0.5 - self.region.x) * self.width / self.region.width
        y = (point[1] + 0.5 - self.region.y) * self.height / self.region.height
        return x, y

    def shows(self, point: tuple[float, float]) -> bool:
        """Tell whether the picture has the screen pixel `point`."""
        x, y = self.centre(point)
        return 0 <= x < self.width and 0 <= y < self.height

    def rectangle(self, region: Region) -> tuple[float, float, float, float]:
        """Return x, y, width and height of a region of the screen, in picture pixels."""
        across, down = self.width / self.region.width, self.height / self.region.height
        return (
            (region.x - self.region.x) * across,
            (region.y - self.region.y) * down,
            region.width * across,
            region.height * down,
        )


def draw(action: Action, frame: Frame, regions: Iterable[Region] = ()) -> Markup:
    """
    Return an `<svg>` that shows `action` on `frame`'s picture: a marker at its point, else a caption.

    `regions` of the screen are outlined besides.
    """
    lens = Lens.of(frame)
    shape = _SHAPES.get(action.name) if action.is_computer else None
    if action.namespace == "browser" and action.point is not None:
        shape = _placed
    points = [point for point in (_start(action), action.point) if point is not None]
    beyond = ""
    if shape is not None and action.name != "zoom" and not (points and all(lens.shows(point) for point in points)):
        shape, beyond = None, " (outside the picture)" if points else ""
    parts = shape(action, lens) if shape else _caption(action, lens, beyond)
    return _svg(lens, [*_outlines(lens, regions), *parts], action_line(action))


def outline(regions: Iterable[Region], frame: Frame, label: str = "changed") -> Markup:
    """Return an `<svg>` with the outline of each region of the screen."""
    lens = Lens.of(frame)
    return _svg(lens, _outlines(lens, regions), label)


# --- shapes: each returns SVG elements ------------------------------------------------------------


def _click(action: Action, lens: Lens) -> list[str]:
    point = action.point
    assert point is not None
    rings = [_ring(13 + 6 * number) for number in range(_RINGS.get(action.name, 1))]
    if action.name == "right_click":
        rings.append('<path class="half" d="M0-13A13 13 0 0 1 0 13Z"/>')
    held = str(action.arguments.get("text") or "")
    words = [held, _LABELS.get(action.name, ""), "" if "coordinate" in action.arguments else "(tracked pointer)"]
    label = " ".join(word for word in words if word)
    kind = "tracked" if "coordinate" not in action.arguments else ""
    return [_mark(lens, point, [*rings, _dot(), _side_label(lens, point, label)], kind)]


def _move(action: Action, lens: Lens) -> list[str]:
    point = action.point
    assert point is not None
    return [
        _mark(lens, point, [_stroke("M-16 0H-5M5 0H16M0-16V-5M0 5V16"), _dot(), _side_label(lens, point, "move")], "")
    ]


def _drag(action: Action, lens: Lens) -> list[str]:
    start, end = _start(action), action.point
    assert end is not None
    if start is None:
        return _click(action, lens)
    (x0, y0), (x1, y1) = lens.centre(start), lens.centre(end)
    path = f"M{x0:g} {y0:g}L{x1:g} {y1:g}"
    line = _stroke(path, "path")
    head = _arrow_head((x1 - x0, y1 - y0))
    label = _side_label(lens, end, " ".join(["drag", str(action.arguments.get("text") or "")]).strip())
    first = _mark(lens, start, ['<circle class="halo" r="5"/><circle class="start" r="5"/>'], "from")
    return [line, first, _mark(lens, end, [head, _dot(), label], "")]


def _scroll(action: Action, lens: Lens) -> list[str]:
    point = action.point
    assert point is not None
    direction = str(action.arguments.get("scroll_direction", ""))
    arrows = [
        f'<g transform="rotate({_ARROWS[direction]}) translate({distance} 0)">{_stroke("M-7-7L0 0L-7 7")}</g>'
        for distance in (20, 30, 40)
        if direction in _ARROWS
    ]
    label = f"scroll {direction} {action.arguments.get('scroll_amount', '')}".strip()
    return [_mark(lens, point, [_ring(10), _dot(), *arrows, _side_label(lens, point, label)], "")]


def _zoom(action: Action, lens: Lens) -> list[str]:
    box = _numbers(action.arguments.get("region"), 4)
    if box is None:
        return _caption(action, lens)
    (x0, x1), (y0, y1) = sorted((box[0], box[2])), sorted((box[1], box[3]))
    return [_rectangle(lens.rectangle(Region(x0, y0, x1 - x0, y1 - y0)), "looked"), *_caption(action, lens)]


def _placed(action: Action, lens: Lens) -> list[str]:
    """Mark where a browser's action was carried out, and tell it: its name says too little."""
    point = action.point
    assert point is not None
    return [_mark(lens, point, [_ring(13), _dot()], ""), *_caption(action, lens)]


def _caption(action: Action, lens: Lens, beyond: str = "") -> list[str]:
    """Tell what has no point, or one `beyond` the picture, along the lower edge."""
    text = action_line(action, CAPTION_CELLS) + beyond
    quiet = " quiet" if action.looks_only else ""
    chip = _chip(text, 0, -22, "middle")
    return [f'<g class="caption{quiet}" transform="translate({lens.width / 2:g} {lens.height:g})">{_steady(chip)}</g>']


_SHAPES: dict[str, Callable[[Action, Lens], list[str]]] = {
    "left_click": _click,
    "right_click": _click,
    "middle_click": _click,
    "double_click": _click,
    "triple_click": _click,
    "left_mouse_down": _click,
    "left_mouse_up": _click,
    "mouse_move": _move,
    "left_click_drag": _drag,
    "scroll": _scroll,
    "zoom": _zoom,
}


# --- pieces ---------------------------------------------------------------------------------------


def _svg(lens: Lens, parts: list[str], label: str) -> Markup:
    head = (
        f'<svg class="overlay" viewBox="0 0 {lens.width} {lens.height}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(plain(label))}">'
    )
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - numbers, our own elements, and escaped text


def _outlines(lens: Lens, regions: Iterable[Region]) -> list[str]:
    """Outline regions a little outside of them, so that what changed is not covered."""
    wider = (Region(r.x - OUTSET, r.y - OUTSET, r.width + 2 * OUTSET, r.height + 2 * OUTSET) for r in regions)
    return [_rectangle(lens.rectangle(region), "region") for region in wider]


def _start(action: Action) -> tuple[int, int] | None:
    given = _numbers(action.arguments.get("start_coordinate"), 2)
    return None if given is None or action.name != "left_click_drag" else (given[0], given[1])


def _numbers(value: object, count: int) -> list[int] | None:
    """Return `count` whole numbers; None where a recorded value is something else."""
    if not isinstance(value, (list, tuple)) or len(value) != count:
        return None
    try:
        return [int(one) for one in value]
    except (TypeError, ValueError, OverflowError):
        return None


def _mark(lens: Lens, point: tuple[int, int], parts: list[str], kind: str) -> str:
    x, y = lens.centre(point)
    classes = f"mark {kind}".strip()
    return f'<g class="{classes}" transform="translate({x:g} {y:g})">{_steady("".join(parts))}</g>'


def _steady(inner: str) -> str:
    return f'<g class="steady">{inner}</g>'


def _ring(radius: float) -> str:
    return f'<circle class="halo" r="{radius:g}"/><circle class="ring" r="{radius:g}"/>'


def _stroke(path: str, kind: str = "") -> str:
    return f'<path class="halo {kind}" d="{path}"/><path class="line {kind}" d="{path}"/>'


def _dot() -> str:
    return '<circle class="dot" r="3"/>'


def _rectangle(box: tuple[float, float, float, float], kind: str) -> str:
    x, y, width, height = box
    size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect class="halo path" {size}/><rect class="{kind} path" {size}/>'


def _arrow_head(direction: tuple[float, float]) -> str:
    from math import atan2, degrees

    turn = degrees(atan2(direction[1], direction[0]))
    return f'<path class="head" transform="rotate({turn:.2f})" d="M0 0L-15-7L-11 0L-15 7Z"/>'


def _side_label(lens: Lens, point: tuple[int, int], text: str) -> str:
    """Return a label beside the marker, on the side where the picture has more room."""
    if not text:
        return ""
    right = lens.centre(point)[0] < lens.width * 0.7
    return _chip(text, 26 if right else -26, 0, "start" if right else "end")


def _chip(text: str, x: float, y: float, anchor: str) -> str:
    text = one_line(text, CAPTION_CELLS)
    width = CELL * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
    left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
    box = f'<rect class="chip" x="{left - 8:g}" y="{y - 12:g}" width="{width + 16:g}" height="24" rx="6"/>'
    words = f'<text x="{left:g}" y="{y + 4.7:g}" textLength="{width:g}" lengthAdjust="spacingAndGlyphs">'
    return f"{box}{words}{escape(text)}</text>"
