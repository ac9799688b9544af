"""The keyboard and the pointer of a guest: virtio devices, worked through QEMU's monitor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from footage.errors import MachineError
from footage.machines.qemu.input.keymap import LEVEL3, SHIFT, SPARE, Stroke, strokes
from footage.machines.shared import key_names as keys
from footage.machines.shared.input_log import InputLog
from footage.machines.shared.key_names import Key
from footage.machines.shared.keyboard import Keyboard
from footage.machines.shared.pointer import Pointer

APART = 1.2
"""
Seconds from one click to the next: longer than the double click of a guest (0.8 s, on a host however busy).

Wherever the next one is: where a click comes within that time at another place, GTK 3 does not count it
(`GtkGestureMultiPress`), so that a double click there would be a single one.
"""
_BEHIND = 5.0
"""Seconds after which a guest that was busy has gone on by a double click's time, by its own clock."""
BURST = 20
"""Events after which the guest is waited for: its queues hold 64, two for each of ours, and lose what does not fit."""
_MODIFIERS: Mapping[str, Key] = {SHIFT: keys.SHIFT, LEVEL3: Key(0xFE03, "ISO_Level3_Shift")}
_BUTTONS = ("", "left", "middle", "right", "wheel-up", "wheel-down", "side", "extra")
"""QEMU's names of the buttons 1 … 7; the sideways wheel is two more buttons, which the guest takes for it."""
_AXIS = 0x7FFF


Give = Callable[[Sequence[Mapping[str, Any]]], object]
"""Hands input events that belong together to a guest, at once."""


class Inlet:
    """Gives input events to a guest, no more at once than its queues hold."""

    def __init__(
        self,
        give: Give,
        rest: Callable[[], object],
        breathe: Callable[[], object],
        *,
        lags: bool = False,
    ) -> None:
        """
        `give` hands events on at once; `rest` waits until the guest has dealt with them, `breathe` a moment.

        `lags` says that the guest's clock stands behind the host's while the guest is busy.
        """
        self._lags = lags
        self._give = give
        self._rest = rest
        self.breathe = breathe
        self._sent = 0
        self._from_keyboard = False

    def send(self, *events: Mapping[str, Any]) -> None:
        """
        Give events that belong together, once there is room.

        Keyboard and pointer are two devices, which the guest reads in no fixed order: what one was given is dealt with
        before the other gets anything, or a click would miss the keys that are held for it.
        """
        from_keyboard = events[0]["type"] == "key"
        if self._sent >= BURST or (self._sent and from_keyboard != self._from_keyboard):
            self.rest()
        self._from_keyboard = from_keyboard
        self._give(events)
        self._sent += 1

    def give_keys(self, act: Callable[[], object]) -> None:
        """Have something give the keyboard events by another way, in its turn."""
        if self._sent:
            self.rest()
        act()
        self._from_keyboard = True
        self._sent += 1

    def keep_apart(self, last: float) -> None:
        """Wait until a click counts for itself, where the last one was at `last` (monotonic)."""
        if self._lags and time.monotonic() - last < _BEHIND:
            self.rest()
            last = time.monotonic()
        time.sleep(max(0.0, last + APART - time.monotonic()))

    def rest(self) -> None:
        """Wait until the guest has dealt with all it was given."""
        self._rest()
        self._sent = 0


class QemuKeyboard(Keyboard):
    """A guest's keyboard."""

    def __init__(
        self,
        log: InputLog,
        inlet: Inlet,
        *,
        characters: str = "",
        bind: Callable[[str], object] | None = None,
    ) -> None:
        """
        `characters` are those behind AltGr.

        `bind` runs a command line in the guest that gives a key another meaning; without it, only characters that
        are on a key can be typed, and the guest repeats held keys itself.
        """
        super().__init__(log)
        self.repeats_itself = bind is None
        self._inlet = inlet
        self._run = bind
        self._strokes = strokes(characters)
        self._bound: dict[str, str] = {}

    def _put(self, key: Key, *, down: bool) -> None:
        self._inlet.send(key_event(self._stroke(key).qcode, down=down))

    def _modifiers(self, key: Key) -> Sequence[Key]:
        return [_MODIFIERS[name] for name in self._stroke(key).modifiers]

    def _flush(self) -> None:
        """Events are given to the guest one by one: nothing is held back."""

    def _parts(self, strokes: list[Key]) -> Iterator[list[Key]]:
        part: list[Key] = []
        strange: set[str] = set()
        for key in strokes:
            name = _meaning(key)
            if name not in self._strokes and name not in strange:
                if len(strange) == len(SPARE):
                    yield part
                    part, strange = [], set()
                strange.add(name)
            part.append(key)
        yield part

    def _bind(self, wanted: Iterable[Key]) -> None:
        """Give every wanted character a key; where too few are free, take all back once the programs rest."""
        missing = [name for name in dict.fromkeys(map(_meaning, wanted)) if name not in self._strokes]
        if all(name in self._bound for name in missing):
            return
        for name in missing:
            if len(name) > 1:
                raise MachineError(f"The guest's keyboard has no key {name}.")
            if self._run is None:
                raise MachineError(f"The guest's keyboard has no character {name!r}, and it has no agent to add it.")
        if len(self._bound.keys() | missing) > len(SPARE):
            self._inlet.rest()
            self._bound.clear()
        new = [name for name in missing if name not in self._bound]
        free = [qcode for qcode in SPARE if qcode not in self._bound.values()]
        added = dict(zip(new, free, strict=False))
        assert self._run is not None
        self._run("xmodmap " + " ".join(
            f"-e 'keycode {SPARE[qcode]} = U{ord(name):04X} U{ord(name):04X}'" for name, qcode in added.items()
        ))  # fmt: skip
        self._bound |= added
        self._inlet.rest()

    def _stroke(self, key: Key) -> Stroke:
        name = _meaning(key)
        return self._strokes.get(name) or Stroke(self._bound[name])


class QemuPointer(Pointer):
    """A guest's pointer: a tablet, which is told where to be."""

    def __init__(self, log: InputLog, inlet: Inlet, at: tuple[int, int], screen: tuple[int, int]) -> None:
        super().__init__(log, at)
        self._inlet = inlet
        self._screen = screen

    def _put_move(self, x: int, y: int) -> None:
        self._inlet.send(*motion(x, y, self._screen))

    def click(self, number: int, times: int = 1) -> None:
        """
        Click `times` times where the pointer is; see `Pointer.click`.

        A guest's X server now and then loses a press that comes while its window manager still looks at the click
        before (1 in 15 on a busy host), so that each gets a moment, short enough for a double click.
        """
        self._keep_apart()
        for turn in range(times):
            if turn:
                self._inlet.breathe()
            self.button(number, down=True)
            self.button(number, down=False)

    def _keep_apart(self) -> None:
        if self._last_click is not None:
            self._inlet.keep_apart(self._last_click[0])
        self._last_click = time.monotonic(), self._at

    def _put_button(self, number: int, *, down: bool) -> None:
        self._inlet.send(press(number, down=down))

    def _flush(self) -> None:
        """Events are given to the guest one by one: nothing is held back."""


def motion(x: int, y: int, screen: tuple[int, int]) -> list[Mapping[str, Any]]:
    """Return the input events that put the pointer on a pixel of a screen of this (width, height)."""
    return [
        {"type": "abs", "data": {"axis": axis, "value": _scaled(value, size)}}
        for axis, value, size in zip("xy", (x, y), screen, strict=True)
    ]


def key_event(code: str | int, *, down: bool) -> Mapping[str, Any]:
    """Return the input event of a key that goes down or up, by QEMU's name for it (qcode), or by its number."""
    key = {"type": "qcode" if isinstance(code, str) else "number", "data": code}
    return {"type": "key", "data": {"down": down, "key": key}}


def press(number: int, *, down: bool) -> Mapping[str, Any]:
    """Return the input event of a button that is pressed or let go, by its number (1 is the left one)."""
    return {"type": "btn", "data": {"button": _BUTTONS[number], "down": down}}


def _scaled(pixel: int, size: int) -> int:
    """Return the place on the tablet's axis that is in the middle of a pixel."""
    return (2 * pixel + 1) * (_AXIS + 1) // (2 * size)


def _meaning(key: Key) -> str:
    """Return the character a key types, else its name."""
    if key.symbol & 0xFF000000 == 0x01000000:
        return chr(key.symbol & 0xFFFFFF)
    return chr(key.symbol) if 0x20 <= key.symbol < 0x100 else key.name
