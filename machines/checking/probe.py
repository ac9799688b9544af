"""
A window that shows every input event it gets: as text for people, and as squares that can be read from a screenshot.

    python -m footage.machines.checking.probe

It covers the screen of the display in the environment. `check.py` performs actions and reads here what arrived, by
way of the machine's own pixels: nothing is taken from the machine's word.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from footage.trajectory import Pixels

CELL, COLUMNS, ROWS = 4, 128, 48
"""Size of a square in pixels, squares in a row, rows; the first square is in the window's top left corner."""
KEPT = 100
"""How many events are shown: the last ones."""
HELD = {1: "shift", 2: "lock", 4: "ctrl", 8: "alt", 64: "super", 256: "left"}
"""What can be held while an event happens, by its bit in the X state; `left` is the mouse button."""
_LINE, _LINES = 16, 30
"""Height of a line of text in pixels, and how many lines there are."""


class Event(NamedTuple):
    """What a program is told by the X server."""

    kind: str
    """press, release, motion, key_down or key_up."""
    detail: int
    """Number of the button, or X symbol of the key."""
    x: int
    y: int
    held: str
    """Modifiers and left button that were down before it, such as "shift+ctrl"."""
    at: int
    """Milliseconds on the server's clock."""


def encode(count: int, events: list[Event]) -> bytes:
    """
    Return the squares' bits, a byte for eight of them: how many events there were, and the last ones.

    Where they do not fit, fewer are shown.
    """
    while True:
        body = zlib.compress(json.dumps([count, events], separators=(",", ":")).encode(), 9)
        if len(body) <= COLUMNS * ROWS // 8 - 6:
            return len(body).to_bytes(2, "big") + zlib.crc32(body).to_bytes(4, "big") + body
        events = events[1:]


def decode(pixels: Pixels) -> tuple[int, list[Event]] | None:
    """Return (number of events so far, the last ones) from a screenshot; None where the squares are not to be seen."""
    import numpy as np

    middle = CELL // 2
    squares = pixels[middle : CELL * ROWS : CELL, middle : CELL * COLUMNS : CELL, 1]
    if squares.shape != (ROWS, COLUMNS):
        return None
    data = np.packbits(squares.reshape(-1) > 127).tobytes()
    body = data[6 : 6 + int.from_bytes(data[:2], "big")]
    if not body or zlib.crc32(body).to_bytes(4, "big") != data[2:6]:
        return None
    count, events = json.loads(zlib.decompress(body))
    return int(count), [Event(*event) for event in events]


class Probe:
    """The window and what it has seen."""

    def __init__(self, display: Any) -> None:
        from Xlib import X, Xatom

        self._display = display
        screen = display.screen()
        self._size = screen.width_in_pixels, screen.height_in_pixels
        masks = X.KeyPressMask | X.KeyReleaseMask | X.ButtonPressMask | X.ButtonReleaseMask
        masks |= X.PointerMotionMask | X.ExposureMask
        self._window = screen.root.create_window(
            0, 0, *self._size, 0, screen.root_depth, background_pixel=screen.white_pixel, event_mask=masks
        )
        self._window.set_wm_name("footage probe")
        fullscreen = display.intern_atom("_NET_WM_STATE_FULLSCREEN")
        self._window.change_property(display.intern_atom("_NET_WM_STATE"), Xatom.ATOM, 32, [fullscreen])
        self._canvas = self._window.create_pixmap(*self._size, screen.root_depth)
        font = display.open_font("fixed")
        # Without graphics exposures: else each copy would be answered by an event, and that by another copy.
        self._black = self._window.create_gc(foreground=screen.black_pixel, font=font, graphics_exposures=False)
        self._white = self._window.create_gc(foreground=screen.white_pixel)
        self._count = 0
        self._events: list[Event] = []
        self._window.map()

    def run(self) -> None:
        """Show events until the display goes away."""
        while True:
            self._take(self._display.next_event())
            # What has come together is shown together.
            for _ in range(self._display.pending_events()):
                self._take(self._display.next_event())
            self._draw()

    def _take(self, event: Any) -> None:
        from Xlib import X

        kinds = {X.ButtonPress: "press", X.ButtonRelease: "release", X.MotionNotify: "motion"}
        kinds |= {X.KeyPress: "key_down", X.KeyRelease: "key_up"}
        if event.type == X.MappingNotify:
            self._display.refresh_keyboard_mapping(event)
        if event.type not in kinds:
            return
        kind = kinds[event.type]
        detail = self._symbol(event) if kind.startswith("key") else 0 if kind == "motion" else event.detail
        held = "+".join(name for bit, name in HELD.items() if event.state & bit)
        seen = Event(kind, detail, event.root_x, event.root_y, held, event.time)
        self._events = [*self._events, seen][-KEPT:]
        self._count += 1

    def _symbol(self, event: Any) -> int:
        symbols = [self._display.keycode_to_keysym(event.detail, index) for index in (0, 1)]
        return int(symbols[1] if event.state & 1 and symbols[1] else symbols[0])

    def _draw(self) -> None:
        """Draw everything out of sight, then show it in one go."""
        self._canvas.fill_rectangle(self._white, 0, 0, *self._size)
        self._canvas.fill_rectangle(self._black, 0, 0, CELL * COLUMNS, CELL * ROWS)
        bits = "".join(f"{byte:08b}" for byte in encode(self._count, self._events))
        squares = [
            {"x": i % COLUMNS * CELL, "y": i // COLUMNS * CELL, "width": CELL, "height": CELL}
            for i, bit in enumerate(bits)
            if bit == "1"
        ]
        self._canvas.poly_fill_rectangle(self._white, squares)
        left = CELL * COLUMNS + 2 * _LINE
        lines = [f"footage probe: {self._count} events, the last {_LINES}:", *self._lines()]
        for number, line in enumerate(lines):
            self._canvas.draw_text(self._black, left, (number + 2) * _LINE, line.encode("latin-1", "replace"))
        self._window.copy_area(self._black, self._canvas, 0, 0, *self._size, 0, 0)
        self._display.flush()

    def _lines(self) -> list[str]:
        return [
            f"{event.kind:9} {event.detail:<#10x} at ({event.x}, {event.y}) {event.held}"
            for event in self._events[-_LINES:]
        ]


def main() -> None:
    """Show the probe on the display in the environment until that ends."""
    from Xlib import display, error

    try:
        Probe(display.Display()).run()
    except error.ConnectionClosedError:
        return


if __name__ == "__main__":
    main()
