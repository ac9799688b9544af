"""Instants, places on a screen, actions, and what a machine says of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, dataclass_transform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]
    """Shape (height, width, 3), RGB."""
else:
    Pixels = Any  # numpy is not loaded for a type's sake

__all__ = [
    "JSON",
    "Action",
    "InputEvent",
    "Instant",
    "Performed",
    "Pixels",
    "Region",
    "Screenshot",
    "Space",
    "made_by_thousands",
]

JSON: TypeAlias = dict[str, Any]
"""A JSON object."""

Made = TypeVar("Made")


@dataclass_transform(frozen_default=True)
def made_by_thousands(cls: type[Made]) -> type[Made]:
    """
    Make a dataclass of whose objects a long run has thousands: a value like the others, frozen to type checkers alone.

    A frozen object is filled through `object.__setattr__`, field by field, which takes ten times as long and more.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return f"process-{time.time_ns() - time.monotonic_ns()}"


@made_by_thousands
class Instant:
    """A moment: (boot id, monotonic clock) orders events, the wall clock is for people."""

    boot_id: str
    """Names the boot whose monotonic clock it is."""
    monotonic_ns: int
    """Nanoseconds of the monotonic clock."""
    wall_ns: int
    """Nanoseconds since 1970, UTC, as the wall clock had them."""

    @classmethod
    def now(cls) -> Instant:
        """Return this moment."""
        return cls(_boot_id(), time.monotonic_ns(), time.time_ns())


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in screen pixels; `right` and `bottom` are exclusive."""

    x: int
    """First column."""
    y: int
    """First row."""
    width: int
    """In pixels."""
    height: int
    """In pixels."""

    @property
    def right(self) -> int:
        """First column to the right of the region."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the region."""
        return self.y + self.height

    def as_list(self) -> list[int]:
        """Return [x, y, width, height], the form in JSON documents."""
        return [self.x, self.y, self.width, self.height]


@dataclass(frozen=True, slots=True)
class Space:
    """
    The coordinate space of an action's raw input: an image of `width` x `height` pixels that shows a screen of
    `screen_width` x `screen_height`.
    """

    width: int
    """Of the image, in pixels."""
    height: int
    """Of the image, in pixels."""
    screen_width: int
    """In pixels."""
    screen_height: int
    """In pixels."""

    def to_screen(self, x: float, y: float) -> tuple[int, int]:
        """
        Return the screen pixel of the image's pixel (x, y): each number times the scale, rounded, as agents' own
        loops move the pointer there. A point within the image is within the screen, one outside stays outside.
        """
        sx, sy = round(x * self.screen_width / self.width), round(y * self.screen_height / self.height)
        if self.shows(x, y):
            return min(sx, self.screen_width - 1), min(sy, self.screen_height - 1)
        return sx, sy

    def shows(self, x: float, y: float) -> bool:
        """Tell whether the image has the pixel (x, y)."""
        return 0 <= x < self.width and 0 <= y < self.height

    def as_json(self) -> JSON:
        """Return {"width", "height", "screen_width", "screen_height"}."""
        return {
            "width": self.width,
            "height": self.height,
            "screen_width": self.screen_width,
            "screen_height": self.screen_height,
        }


def _is_point(given: Any) -> bool:
    """Tell whether what a model gave is two numbers that can be pixels."""
    if not isinstance(given, list | tuple) or len(given) < 2:
        return False
    return all(isinstance(number, int | float) and abs(number) < 1 << 31 for number in given[:2])


@made_by_thousands
class Action:
    """
    One tool call's meaning: canonical name and arguments, and the raw input as it came.

    Names of computer actions are the members of `computer_toolset_20260801`: key, hold_key, type, cursor_position,
    mouse_move, left_mouse_down, left_mouse_up, left_click, right_click, middle_click, double_click, triple_click,
    left_click_drag, scroll, wait, screenshot, zoom. Any other tool has a `namespace` (bash, browser, an MCP server).

    Arguments of computer actions (all points in screen pixels):

    - clicks: {"coordinate": [x, y]?, "text": "shift+ctrl"?} (held modifiers; no coordinate: the current pointer)
    - left_click_drag: {"start_coordinate": [x, y], "coordinate": [x, y], "text"?}
    - mouse_move: {"coordinate": [x, y]}; left_mouse_down, left_mouse_up, cursor_position, screenshot: {}
    - type: {"text"}; key: {"text": "ctrl+s", "repeat"?}; hold_key: {"text", "duration": seconds}
    - scroll: {"scroll_direction": up|down|left|right, "scroll_amount": clicks, "coordinate"?, "text"?}
    - wait: {"duration": seconds}; zoom: {"region": [x0, y0, x1, y1]}
    """

    name: str
    """The canonical name, or the tool's own outside the computer."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """The canonical arguments; see above."""
    namespace: str = "computer"
    """`computer`, or whose tool it is: `bash`, `browser`, `mcp/server` …"""
    raw: Mapping[str, Any] | None = None
    """The input exactly as the model gave it."""
    space: Space | None = None
    """The space of the raw input's coordinates; None where it is the screen itself."""
    tracked: tuple[int, int] | None = None
    """The pointer as footage tracked it, for a click that names no point."""

    @property
    def is_computer(self) -> bool:
        """Whether this acts on, or looks at, the screen."""
        return self.namespace == "computer"

    @property
    def looks_only(self) -> bool:
        """Whether this changes nothing by itself: screenshot, zoom, wait, cursor_position."""
        return self.is_computer and self.name in {"screenshot", "zoom", "wait", "cursor_position"}

    @property
    def shows_part(self) -> bool:
        """Whether what it shows is a part of the screen only."""
        return self.is_computer and self.name == "zoom"

    @property
    def point(self) -> tuple[int, int] | None:
        """Where the action lands, in screen pixels: given, else tracked; None where it has none, or a wrong one."""
        given = self.arguments.get("coordinate")
        if given is None:
            return self.tracked if self.is_computer else None
        return (int(given[0]), int(given[1])) if _is_point(given) else None

    @property
    def title(self) -> str:
        """The name as people read it: `left_click`, or `bash:run` outside the computer."""
        return self.name if self.is_computer else f"{self.namespace}:{self.name}"


@dataclass(frozen=True, slots=True)
class InputEvent:
    """One event as the machine delivered it: ("key_down", "a"), ("move", 10, 20), ("button_up", 1)."""

    kind: str
    """`key_down`, `key_up`, `move`, `button_down` or `button_up`."""
    values: tuple[str | int, ...] = ()
    """The key's name, the point in screen pixels, or the button's number."""
    at_ns: int = 0
    """Monotonic clock of the host; not compared."""

    def as_list(self) -> list[str | int]:
        """Return [kind, *values], the form that is stored and compared."""
        return [self.kind, *self.values]


@dataclass(frozen=True, slots=True)
class Screenshot:
    """Pixels as a machine showed them at an instant."""

    pixels: Pixels
    """Shape (height, width, 3), dtype uint8, RGB; they never change afterwards."""
    captured: Instant
    """When the screen looked like this."""
    display: str = ""
    """The display's name, such as `:100`."""
    icount: int | None = None
    """In an exact recording: how many instructions the machine had executed."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True, slots=True)
class Performed:
    """What a machine says of an action it carried out."""

    text: str = ""
    """What the action answers, such as the pointer's position; it goes to the model."""
    delivered: tuple[InputEvent, ...] = ()
    """The input events that it delivered, oldest first."""
    picture: Pixels | None = None
    """For `zoom`: the region at full resolution."""
    region: Region | None = None
    """For `zoom`: the part of the screen that `picture` shows."""
    icounts: tuple[int, ...] = ()
    """In an exact recording: instructions executed before the first input event, and after each."""
