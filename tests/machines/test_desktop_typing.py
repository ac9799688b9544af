"""Typing on the desktop machine: every character arrives, once, in order; keys by whatever name models give them."""

import contextlib
import random
import time
from collections.abc import Iterator

import pytest

from footage.errors import MachineError
from footage.machines.desktop.machine import Desktop
from footage.machines.shared import key_names as keys
from footage.machines.shared import keyboard
from footage.trajectory import Action

pytestmark = pytest.mark.desktop

EDITOR = [850, 420]


@pytest.fixture(scope="module")
def editor() -> Iterator[Desktop]:
    with Desktop() as machine:
        machine.perform(Action("left_click", {"coordinate": EDITOR}))
        yield machine


def do(machine: Desktop, name: str, **arguments: object) -> None:
    machine.perform(Action(name, arguments))


def saved_after(machine: Desktop, name: str, **arguments: object) -> str:
    """Return what the editor saves after it was emptied and one action was performed."""
    do(machine, "key", text="ctrl+a Delete")
    do(machine, "type", text="marker")
    save(machine, "marker")
    do(machine, "key", text="ctrl+a Delete")
    do(machine, name, **arguments)
    return save(machine)


def save(machine: Desktop, expected: str | None = None) -> str:
    """Save the editor's text and return it once it has changed, or is as expected."""
    before = machine.read_file("notes.txt").decode()
    do(machine, "key", text="ctrl+s")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(MachineError):  # between unlinking and writing
            now = machine.read_file("notes.txt").decode()
            if now == expected or (expected is None and now != before):
                return now
        time.sleep(0.02)
    raise AssertionError(f"the editor did not save; the file holds {before!r}")


def mixed_text(length: int, seed: int) -> str:
    """Return text of letters, signs, accents, other scripts and characters above 16 bits, without a pattern."""
    pools = [
        "abcdefghij KLMNOP",
        "0123456789",
        "!@#$%^&*()_+-=[]{}|;':\",./<>?`~\\",
        "ąćęłńóśźżŻÓŁ",
        "éèüößÄñ¿¡",
        "€“”—…",
    ]
    pools += ["αβγδΩ", "жшяЩ", "日本語", "😀😅🙃🎉", "\n\t"]
    chooser = random.Random(seed)
    return "".join(chooser.choice(chooser.choice(pools)) for _ in range(length))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_five_hundred_mixed_characters_arrive_once_each_in_order(editor: Desktop, seed: int) -> None:
    text = mixed_text(500, seed) + "."
    assert saved_after(editor, "type", text=text) == text


def test_more_strange_characters_than_the_keyboard_has_spare_keys_for(editor: Desktop) -> None:
    text = "".join(map(chr, range(0x3B1, 0x3C2))) + "".join(map(chr, range(0x400, 0x4F0))) + "ab" + "Ѐ" * 3 + "."
    assert saved_after(editor, "type", text=text) == text


def test_each_line_break_is_one_return(editor: Desktop) -> None:
    assert saved_after(editor, "type", text="a\r\nb\rc\nd") == "a\nb\nc\nd"


def test_a_held_key_repeats_as_often_as_its_duration_says(editor: Desktop) -> None:
    held = keyboard.REPEAT_DELAY + 3.5 * keyboard.REPEAT_INTERVAL
    for _ in range(2):
        assert saved_after(editor, "hold_key", text="h", duration=held) == "h" * 5
    assert saved_after(editor, "hold_key", text="shift+x", duration=0.05) == "X"


def test_combinations_sequences_and_repeats(editor: Desktop) -> None:
    assert saved_after(editor, "key", text="a", repeat=4) == "aaaa"
    assert saved_after(editor, "key", text="shift+a b C plus ż") == "AbC+ż"
    assert saved_after(editor, "key", text="ctrl+Home x ctrl+End Y") == "xY"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Return", "Return"), ("enter", "Return"), ("ENTER", "Return"), ("esc", "Escape"), ("Page_Down", "Page_Down"),
        ("pgdn", "Page_Down"), ("PageUp", "Page_Up"), ("backspace", "BackSpace"), ("del", "Delete"), ("tab", "Tab"),
        ("cmd", "Super_L"), ("super", "Super_L"), ("control", "Control_L"), ("option", "Alt_L"), ("f5", "F5"),
        ("F12", "F12"), ("up", "Up"), ("ArrowLeft", "Left"), ("space", "space"), ("kp_enter", "KP_Enter"),
        ("XF86AudioMute", "XF86_AudioMute"), ("a", "a"), ("A", "A"), ("+", "+"), ("€", "€"), ("Aacute", "Aacute"),
    ],
)  # fmt: skip
def test_a_key_is_known_by_its_usual_names(written: str, name: str) -> None:
    assert keys.key_of_name(written).name == name


def test_combinations_are_read_as_they_are_meant() -> None:
    def names(text: str) -> list[str]:
        return [key.name for key in keys.parse_combination(text)]

    assert names("ctrl+shift+t") == ["Control_L", "Shift_L", "t"]
    assert names("ctrl++") == ["Control_L", "+"]
    assert names("+") == ["+"]
    for nonsense in ("ctrl+", "+a", "ctrl++a", "", "nosuchkey"):
        with pytest.raises(MachineError):
            keys.parse_combination(nonsense)
