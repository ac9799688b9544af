"""
The keys of an RFB client, as a guest's keyboard has them.

A client says which symbol a key has; what is behind Shift or AltGr on the guest's keyboard is typed with these, whether
or not the client holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footage.machines.qemu.input.devices import key_event
from footage.machines.qemu.input.keymap import LEVEL3, SHIFT, Stroke, strokes
from footage.machines.shared import key_names as keys

__all__ = ["ClientKeys"]

_UNICODE = 0x01000000
_CAPS_LOCK = "caps_lock"
_SAME = {SHIFT: frozenset({SHIFT, "shift_r"}), LEVEL3: frozenset({LEVEL3})}
"""Keys any of which does for a modifier."""


class ClientKeys:
    """What one guest's keyboard was told by clients; `characters` are those behind AltGr."""

    def __init__(self, characters: str) -> None:
        self._strokes = _by_symbol(characters)
        self._down: set[str] = set()
        self._capitals = False

    def events(self, symbol: int, *, down: bool) -> list[Mapping[str, Any]] | None:
        """Return the input events for a key that goes down or up, by its X symbol; None where no key has it."""
        stroke = self._strokes.get(symbol)
        if stroke is None:
            return None
        if not down:
            self._down.discard(stroke.qcode)
            return [key_event(stroke.qcode, down=False)]
        if stroke.qcode == _CAPS_LOCK:
            self._capitals = not self._capitals
        missing = [name for name in stroke.modifiers if not _SAME[name] & self._down]
        if self._capitals and _is_letter(symbol) and SHIFT in missing:
            missing.remove(SHIFT)
        self._down.add(stroke.qcode)
        return [
            *(key_event(name, down=True) for name in missing),
            key_event(stroke.qcode, down=True),
            *(key_event(name, down=False) for name in reversed(missing)),
        ]


def _by_symbol(characters: str) -> dict[int, Stroke]:
    found: dict[int, Stroke] = {}
    for name, stroke in strokes(characters).items():
        if len(name) > 1:
            found[keys.key_of_name(name).symbol] = stroke
        else:
            found[ord(name)] = found[_UNICODE + ord(name)] = stroke
    return found


def _is_letter(symbol: int) -> bool:
    return chr(symbol & 0xFFFFFF).isalpha()
