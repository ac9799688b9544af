"""
Which key types what: X symbols and names of keys, as the codes by which QEMU knows keys (qcodes).

A guest made here has the usual characters of European languages on its keys, behind AltGr, from the start; nothing
but key events is needed to type them. For any other character a spare key is bound through the guest's agent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

LEVEL3 = "alt_r"
"""The key that reaches a key's third and fourth character (AltGr)."""
SHIFT = "shift"

_ROWS = (
    ("TLDE", "grave_accent", "`~"), *((f"AE{n:02}", key, pair) for n, (key, pair) in enumerate(zip(
        ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "minus", "equal"),
        ("1!", "2@", "3#", "4$", "5%", "6^", "7&", "8*", "9(", "0)", "-_", "=+"), strict=True), 1)),
    *((f"AD{n:02}", key, key + key.upper()) for n, key in enumerate("qwertyuiop", 1)),
    ("AD11", "bracket_left", "[{"), ("AD12", "bracket_right", "]}"), ("BKSL", "backslash", "\\|"),
    *((f"AC{n:02}", key, key + key.upper()) for n, key in enumerate("asdfghjkl", 1)),
    ("AC10", "semicolon", ";:"), ("AC11", "apostrophe", "'\""),
    *((f"AB{n:02}", key, key + key.upper()) for n, key in enumerate("zxcvbnm", 1)),
    ("AB08", "comma", ",<"), ("AB09", "dot", ".>"), ("AB10", "slash", "/?"),
    ("LSGT", "less", ""),
)  # fmt: skip
"""For each key of a US keyboard: its name in XKB, its qcode, what it types without and with Shift."""

NAMED: Mapping[str, str] = {
    "Shift_L": SHIFT, "Shift_R": "shift_r", "Control_L": "ctrl", "Control_R": "ctrl_r", "Alt_L": "alt",
    "Alt_R": "alt_r", "ISO_Level3_Shift": LEVEL3, "Super_L": "meta_l", "Super_R": "meta_r", "Menu": "menu",
    "Escape": "esc", "BackSpace": "backspace", "Tab": "tab", "Return": "ret", "space": "spc", "KP_Enter": "kp_enter",
    "Caps_Lock": "caps_lock", "Num_Lock": "num_lock", "Scroll_Lock": "scroll_lock", "Print": "print",
    "Pause": "pause", "Home": "home", "End": "end", "Page_Up": "pgup", "Prior": "pgup", "Page_Down": "pgdn",
    "Next": "pgdn", "Left": "left", "Right": "right", "Up": "up", "Down": "down", "Insert": "insert",
    "Delete": "delete", **{f"F{n}": f"f{n}" for n in range(1, 13)}, "KP_Add": "kp_add", "KP_Subtract": "kp_subtract",
    "KP_Multiply": "kp_multiply", "KP_Divide": "kp_divide", "XF86_AudioMute": "audiomute",
    "XF86_AudioRaiseVolume": "volumeup", "XF86_AudioLowerVolume": "volumedown",
}  # fmt: skip
"""Keys that have a name, by their name in X."""

SPARE: Mapping[str, int] = {
    "ro": 97, "hiragana": 99, "henkan": 100, "katakanahiragana": 101, "muhenkan": 102, "lang1": 130, "lang2": 131,
    "yen": 132, "again": 137, "props": 138, "undo": 139, "front": 140, "open": 142, "find": 144,
}  # fmt: skip
"""Keys that hardly any keyboard has, and the key codes they have in X: they are bound to other characters."""


class Stroke(NamedTuple):
    """How a character is typed: a key, and the modifiers that must be down for it."""

    qcode: str
    modifiers: tuple[str, ...] = ()


def strokes(characters: str = "") -> dict[str, Stroke]:
    """Return how each character is typed on a US keyboard with `characters` behind AltGr, and each named key struck."""
    found = {name: Stroke(qcode) for name, qcode in NAMED.items()} | {" ": Stroke("spc")}
    for (_, qcode, plain), extra in zip(_ROWS, _pairs(characters), strict=True):
        levels = zip((*plain, *extra), _LEVELS[0 if plain else 2 :], strict=False)
        found |= {character: Stroke(qcode, modifiers) for character, modifiers in levels}
    return found


def xkb_symbols(characters: str) -> str:
    """Return the XKB symbols of such a keyboard: the file `symbols/footage` of a guest."""
    lines = []
    for (name, _, plain), extra in zip(_ROWS, _pairs(characters), strict=True):
        if extra:
            symbols = [f"U{ord(character):04X}" for character in (plain or "<>") + extra]
            lines.append(f"    key <{name}> {{ [ {', '.join(symbols)} ] }};")
    body = "\n".join(lines)
    head = 'default partial alphanumeric_keys modifier_keys\nxkb_symbols "basic" {\n    include "us(basic)"'
    return f'{head}\n{body}\n    include "level3(ralt_switch)"\n}};\n'


_LEVELS: Sequence[tuple[str, ...]] = ((), (SHIFT,), (LEVEL3,), (SHIFT, LEVEL3))


def _pairs(characters: str) -> list[str]:
    """Cut the characters into pairs, one for each key; "" for keys that get none."""
    pairs = [characters[i : i + 2] for i in range(0, 2 * len(_ROWS), 2)]
    if "".join(pairs) != characters:
        raise ValueError(f"a keyboard has room for {2 * len(_ROWS)} more characters, not for {len(characters)}")
    return pairs
