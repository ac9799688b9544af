"""Names of keys: what models write ("ctrl+shift+t", "Return", "enter", "cmd+Page_Down") as X key symbols."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from footage.errors import MachineError


class Key(NamedTuple):
    """A key: its X symbol, and the name it has in the input log."""

    symbol: int
    name: str


SHIFT = Key(0xFFE1, "Shift_L")
MODIFIERS = frozenset(
    {
        *("Shift_L", "Shift_R", "Control_L", "Control_R", "Alt_L", "Alt_R", "Super_L", "Super_R"),
        *("Meta_L", "Meta_R", "Hyper_L", "Hyper_R", "Caps_Lock", "Num_Lock", "ISO_Level3_Shift"),
    }
)
"""Keys that change what others mean; a held one does not repeat."""

_ALIASES = {
    **dict.fromkeys(("ctrl", "control"), "Control_L"),
    **dict.fromkeys(("alt", "option", "opt"), "Alt_L"),
    **dict.fromkeys(("super", "cmd", "command", "win", "windows", "meta"), "Super_L"),
    **dict.fromkeys(("enter", "ret", "linefeed"), "Return"),
    **dict.fromkeys(("pgup", "pageup", "prior"), "Page_Up"),
    **dict.fromkeys(("pgdn", "pgdown", "pagedown", "next"), "Page_Down"),
    **dict.fromkeys(("dash", "hyphen"), "minus"),
    **dict.fromkeys(("contextmenu", "apps"), "Menu"),
    **dict.fromkeys(("printscreen", "prtsc"), "Print"),
    "shift": "Shift_L",
    "altgr": "ISO_Level3_Shift",
    "hyper": "Hyper_L",
    "esc": "Escape",
    "caps": "Caps_Lock",
    "capslock": "Caps_Lock",
    "numlock": "Num_Lock",
    "scrolllock": "Scroll_Lock",
    "del": "Delete",
    "ins": "Insert",
    "bksp": "BackSpace",
    "spacebar": "space",
    "break": "Pause",
    "arrowup": "Up",
    "arrowdown": "Down",
    "arrowleft": "Left",
    "arrowright": "Right",
    "dot": "period",
    "equals": "equal",
    "backtick": "grave",
    "quote": "apostrophe",
    "volumeup": "XF86_AudioRaiseVolume",
    "volumedown": "XF86_AudioLowerVolume",
    "mute": "XF86_AudioMute",
}
_CONTROLS = {"\n": "Return", "\t": "Tab", "\b": "BackSpace", "\x1b": "Escape", "\x7f": "Delete"}
_UNICODE = 0x01000000
"""Key symbols above Latin-1 are this plus the code point."""


def key_of_character(character: str) -> Key:
    """Return the key that types a character. Raises MachineError for a character that no key types."""
    if name := _CONTROLS.get(character):
        return Key(_symbols()[name], name)
    code = ord(character)
    if code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000:
        raise MachineError(f"No key types the character U+{code:04X}.")
    return Key(code if code <= 0xFF else _UNICODE + code, character)


def key_of_name(name: str) -> Key:
    """
    Return the key with that name: a single character, an X name in any case, or a usual alias ("enter", "cmd").

    Raises MachineError for an unknown name.
    """
    if len(name) == 1:
        return key_of_character(name)
    symbols = _symbols()
    exact = name if name in symbols else _ALIASES.get(name.lower()) or _any_case().get(name.lower())
    if exact is None:
        raise MachineError(f"The keyboard has no key named {name!r}.")
    return Key(symbols[exact], exact)


def parse_combination(text: str) -> list[Key]:
    """
    Return the keys of "ctrl+shift+t", the last one being the one that is struck; "ctrl++" ends in the plus key.

    Raises MachineError for an unknown name, or for none between two plus signs.
    """
    parts = text.split("+")
    if text == "+" or text.endswith("++"):
        parts = [*parts[:-2], "+"]
    if not all(parts):
        raise MachineError(f"The key combination {text!r} lacks a key beside a plus sign.")
    return [key_of_name(part) for part in parts]


def parse_sequence(text: str) -> list[list[Key]]:
    """Return the combinations of "ctrl+a Delete", to be struck one after another; " " alone is the space key."""
    if not text:
        raise MachineError("A key action needs the name of a key.")
    return [parse_combination(part) for part in text.split() or [" "]]


@cache
def _symbols() -> dict[str, int]:
    """Return every X key symbol by name."""
    from Xlib import XK

    for group in ("xf86", "xkb"):
        XK.load_keysym_group(group)
    return {name[3:]: value for name, value in vars(XK).items() if name.startswith("XK_")}


@cache
def _any_case() -> dict[str, str]:
    """Return the names by their lower case ("XF86_Back" also without its underscore, as other tools have it)."""
    found: dict[str, str] = {}
    for name in sorted(_symbols()):
        found.setdefault(name.lower(), name)
        found.setdefault(name.lower().replace("xf86_", "xf86"), name)
    return found


def name_of_symbol(symbol: int) -> str:
    """Return the name that a key with this symbol has in the input log: its character, or its X name."""
    if 0x20 <= symbol < 0x7F or 0xA0 <= symbol <= 0xFF:
        return chr(symbol)
    if _UNICODE < symbol <= _UNICODE + 0x10FFFF:
        return chr(symbol - _UNICODE)
    return _names().get(symbol, f"symbol {symbol:#x}")


@cache
def _names() -> dict[int, str]:
    """Return the name of each X key symbol: of several, the one that models write, else the first of the alphabet."""
    usual = frozenset(_ALIASES.values())
    found: dict[int, str] = {}
    for name, symbol in sorted(_symbols().items(), key=lambda item: (item[0] not in usual, item[0])):
        found.setdefault(symbol, name)
    return found
