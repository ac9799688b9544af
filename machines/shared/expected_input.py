"""The input that a call asks for: which events can begin it, which it still waits for, and when it has had all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from footage.trajectory import Action, InputEvent

__all__ = ["Expected", "expected_of", "place_of"]

_BUTTONS = {"left_click": (1, 1), "right_click": (3, 1), "middle_click": (2, 1), "double_click": (1, 2)}
_BUTTONS |= {"triple_click": (1, 3), "left_click_drag": (1, 1), "left_mouse_down": (1, 1)}
"""Button and presses of the actions that press one."""
_WHEEL = frozenset({4, 5, 6, 7})
_KEYS = frozenset({"type", "key", "hold_key"})
_SHIFTS = frozenset({"Shift_L", "Shift_R", "ISO_Level3_Shift", "Caps_Lock", "Num_Lock", "Mode_switch"})
_COMMANDS = frozenset(
    {"Control_L", "Control_R", "Alt_L", "Alt_R", "Super_L", "Super_R", "Meta_L", "Meta_R", "Hyper_L", "Hyper_R"}
)
MODIFIERS = _SHIFTS | _COMMANDS
_CHARACTERS = {"\n": "return", "\r": "return", "\t": "tab", " ": "space"}
_NAMES = {"enter": "return", "ret": "return", "kp_enter": "return", "linefeed": "return", "esc": "escape"}
_NAMES |= {"ctrl": "control", "option": "alt", "cmd": "super", "command": "super", "win": "super", "meta": "super"}
_NAMES |= {"pgup": "page_up", "pageup": "page_up", "prior": "page_up", "del": "delete", "bksp": "backspace"}
_NAMES |= {"pgdn": "page_down", "pagedown": "page_down", "next": "page_down", "iso_left_tab": "tab"}
_NEAR = 2
"""Pixels by which a pointer may miss its point and be there."""


def _key(name: str) -> str:
    """Return a key's name as it is compared: of the names that one key has, one."""
    if len(name) == 1:
        return _CHARACTERS.get(name, name.lower())
    plain = name.lower().removesuffix("_l").removesuffix("_r")
    return _NAMES.get(plain, plain)


def place_of(event: InputEvent) -> tuple[int, int] | None:
    """Return where a move leads; None where that is not known."""
    return (int(event.values[0]), int(event.values[1])) if len(event.values) >= 2 else None


def _near(place: tuple[int, int] | None, targets: Sequence[tuple[int, int]]) -> bool:
    return place is not None and any(abs(place[0] - x) <= _NEAR and abs(place[1] - y) <= _NEAR for x, y in targets)


@dataclass(slots=True)
class Expected:
    """What one call asks for, and how much of it has come."""

    name: str
    acts: bool = True
    anything: bool = False
    """Whether nobody can tell what it does: another tool's call."""
    targets: tuple[tuple[int, int], ...] = ()
    """Where the pointer is to be: the point of the screen, and the one that the model named, if that is another."""
    starts: tuple[tuple[int, int], ...] = ()
    """Of a drag: where it begins."""
    button: int = 0
    presses: int = 0
    wheel: bool = False
    modified: bool = False
    keys: tuple[str, ...] = ()
    """The keys to strike, in their order, without those that are held meanwhile."""
    held: frozenset[str] = frozenset()
    """Keys that are held meanwhile."""
    _moves: int = 0
    _arrived: bool = False
    _pressed: int = 0
    _struck: int = 0
    _down: set[tuple[str, str | int]] = field(default_factory=set)
    _client: object = None

    @property
    def waits_for_release(self) -> bool:
        """Whether the release of what it presses is another call's."""
        return self.name == "left_mouse_down"

    @property
    def _types(self) -> bool:
        return self.name in _KEYS

    @property
    def done(self) -> bool:
        """Whether all that it asks for has come."""
        if self._down and not self.waits_for_release:
            return False
        if self._types:
            return self._struck >= max(1, len(self.keys))
        if self.name == "left_mouse_up":
            return self._pressed > 0
        return self._pressed >= self.presses if self.presses else self._arrived

    # --- the first event ---

    def begins(self, event: InputEvent, pointer: tuple[int, int] | None) -> int:
        """Tell whether an event can be its first: 2 where it asks for just that, 1 where it may, 0 where it cannot."""
        if event.kind == "move":
            return self._begins_with_move(place_of(event))
        if event.kind == "button_down":
            return self._begins_with_press(int(event.values[0]), pointer)
        if event.kind == "key_down":
            return self._begins_with_key(str(event.values[0]))
        return 2 if event.kind == "button_up" and self.name == "left_mouse_up" and event.values[0] == 1 else 0

    def _begins_with_move(self, place: tuple[int, int] | None) -> int:
        if not (self.button or self.wheel or self.name == "mouse_move") or self.name == "left_mouse_up":
            return 0
        first = self.starts or self.targets
        return 2 if _near(place, first) else 1 if first or not self.targets else 0

    def _begins_with_press(self, number: int, pointer: tuple[int, int] | None) -> int:
        if self.name == "left_mouse_up" or not (number == self.button or (self.wheel and number in _WHEEL)):
            return 0
        first = self.starts or self.targets
        return 2 if not first or pointer is None or _near(pointer, first) else 1

    def _begins_with_key(self, name: str) -> int:
        key = _key(name)
        if self._types:
            if name in MODIFIERS:
                wanted = key in self.held or key in self.keys[:1]
                return 2 if wanted else 1 if name in _SHIFTS or self.name == "type" else 0
            return 2 if self.keys[:1] == (key,) and not self.held else 1
        return 2 if self.modified and key in self.held else 0

    # --- the ones after it ---

    def wants(self, event: InputEvent, client: object, others: Sequence[Expected]) -> bool:
        """Tell whether it still waits for such an event; `others` are what the calls after it ask for."""
        if event.kind == "move":
            return self._wants_move(event, client, others)
        if event.kind == "button_down":
            number = int(event.values[0])
            return (number == self.button or (self.wheel and number in _WHEEL)) and self._pressed < self.presses
        if event.kind == "key_down":
            return self._wants_key(str(event.values[0]), others)
        return False

    def _wants_move(self, event: InputEvent, client: object, others: Sequence[Expected]) -> bool:
        if self.name == "left_click_drag" and self._pressed:
            return bool(self._down)
        if self.name == "mouse_move" and not self._arrived and self._moves:
            place = place_of(event)
            elsewhere = any(other.begins(event, None) == 2 for other in others[:1])
            return client == self._client and (_near(place, self.targets) or not elsewhere)
        if self.name == "left_mouse_down":
            return False
        return bool(self.button or self.wheel or self.name == "mouse_move") and not (self._pressed or self._arrived)

    def _wants_key(self, name: str, others: Sequence[Expected]) -> bool:
        key = _key(name)
        if not self._types:
            return self.modified and not self._pressed and key in self.held
        if name in MODIFIERS:
            return not self.done and (self.name == "type" or key in self.held or name in _SHIFTS or bool(self._down))
        if self._struck < len(self.keys):
            if self.keys[self._struck] == key or any(("key", other) in self._down for other in _COMMANDS):
                return True
            return not any(other.begins(InputEvent("key_down", (name,)), None) == 2 for other in others[:1])
        return False

    # --- what came ---

    def take(self, event: InputEvent, client: object = None) -> None:
        """Take note of an event that is its own."""
        self._client = self._client if self._client is not None else client
        what = (event.kind.partition("_")[0], event.values[0] if event.values else "")
        if event.kind == "move":
            self._moves += 1
            self._arrived = self._arrived or _near(place_of(event), self.targets)
        elif event.kind.endswith("_up"):
            self._down.discard(what)
            self._pressed += self.name == "left_mouse_up"
        else:
            self._down.add(what)
            self._count(event.kind, event.values[0])

    def _count(self, kind: str, value: str | int) -> None:
        if kind == "button_down":
            self._pressed += 1
        elif value not in MODIFIERS:
            commanded = any(("key", name) in self._down for name in _COMMANDS)
            self._struck += not (self.name == "type" and commanded)
        elif self.keys and _key(str(value)) == self.keys[min(self._struck, len(self.keys) - 1)]:
            self._struck += 1


def expected_of(action: Action) -> Expected:
    """Return what a call asks for."""
    name, given = action.name, action.arguments
    if not action.is_computer:
        return Expected(name, anything=True)
    if action.looks_only:
        return Expected(name, acts=False)
    targets = _points("coordinate", given, action.raw or {})
    if name in _KEYS:
        return _typed(name, str(given.get("text") or ""), int(given.get("repeat") or 1))
    held = frozenset(_key(part) for part in str(given.get("text") or "").split("+") if part)
    about = {"targets": targets, "modified": bool(held), "held": held}
    if name in _BUTTONS:
        button, presses = _BUTTONS[name]
        starts = _points("start_coordinate", given, action.raw or {}) if name == "left_click_drag" else ()
        return Expected(name, button=button, presses=presses, starts=starts, **about)  # type: ignore[arg-type]
    if name == "scroll":
        amount = given.get("scroll_amount")
        presses = amount if isinstance(amount, int) and amount > 0 else 1
        return Expected(name, wheel=True, presses=presses, **about)  # type: ignore[arg-type]
    if name in {"mouse_move", "left_mouse_up"}:
        return Expected(name, targets=targets)
    return Expected(name, anything=True)


def _typed(name: str, text: str, repeat: int) -> Expected:
    if name == "type":
        return Expected(name, keys=tuple(_key(character) for character in text.replace("\r\n", "\n")))
    struck, held = list[str](), set[str]()
    for combination in text.split() or [" "]:
        parts = [part for part in combination.split("+") if part] or ["+"]
        struck.append(_key(parts[-1]))
        held.update(_key(part) for part in parts[:-1])
    return Expected(name, keys=tuple(struck * repeat), held=frozenset(held))


def _points(name: str, given: Mapping[str, object], raw: Mapping[str, object]) -> tuple[tuple[int, int], ...]:
    """Return the point of the screen that is asked for, and what the model said where that is another."""
    found = []
    for source in (given, raw):
        value = source.get(name)
        if isinstance(value, list | tuple) and len(value) >= 2:
            try:
                found.append((round(float(value[0])), round(float(value[1]))))
            except (TypeError, ValueError, OverflowError):
                continue
    return tuple(dict.fromkeys(found))
