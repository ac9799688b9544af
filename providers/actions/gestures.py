"""
Actions that are one gesture, though the code for it takes several calls: each becomes the one action that was meant.

A move and what then happens at that place; a drag by its press, move and release; keys held down around a key, a click
or a turn of the wheel; a text typed letter by letter, or by way of the clipboard; a text and its Return.
"""

from __future__ import annotations

from collections.abc import Sequence

from footage.providers.actions.canonical import CLICKS
from footage.trajectory import JSON, Action

__all__ = ["joined"]

_PASTES = frozenset({"ctrl+v", "super+v", "ctrl+shift+v"})
_PLACED = CLICKS | {"left_mouse_down", "left_mouse_up", "scroll", "left_click_drag"}
_TYPED = {"Return": "\n", "space": " ", "Tab": "\t"}
_HELD = CLICKS | {"scroll", "key"}


def joined(actions: Sequence[Action]) -> list[Action]:
    """Return the actions, those that are one gesture joined; several that are none stay several."""
    made: list[Action] = []
    for action in _held(actions):
        pair = _pair(made[-1], action) if made else None
        if pair is None:
            made.append(action)
            continue
        made[-1] = pair
        triple = _pair(made[-2], pair) if len(made) > 1 and pair.name == "left_mouse_up" else None
        made[-2:] = [triple] if triple else made[-2:]
    return made


def _held(actions: Sequence[Action]) -> list[Action]:
    """Join keys that are pressed down, at most one action while they are, and the same keys let go."""
    made: list[Action] = []
    at = 0
    while at < len(actions):
        down = _run(actions, at, "key_down")
        rest = at + len(down)
        inner = [one for one in actions[rest : rest + 1] if down and one.is_computer and one.name in _HELD]
        up = _run(actions, rest + len(inner), "key_up")[: len(down)]
        if down and sorted(down) == sorted(up):
            end = rest + len(inner) + len(up)
            made.append(_with_keys(down, inner[0] if inner else None, actions[at:end]))
            at = end
        else:
            made.append(actions[at])
            at += 1
    return made


def _run(actions: Sequence[Action], at: int, name: str) -> list[str]:
    """Return the keys of the actions of this name that follow each other from here on."""
    keys: list[str] = []
    while at + len(keys) < len(actions) and actions[at + len(keys)].title == f"keyboard:{name}":
        keys.append(str(actions[at + len(keys)].arguments.get("text")))
    return keys


def _with_keys(keys: Sequence[str], inner: Action | None, parts: Sequence[Action]) -> Action:
    held = "+".join(keys)
    if inner is None:
        return Action("key", {"text": held}, raw=_code(*parts))
    text = f"{held}+{inner.arguments.get('text')}" if inner.name == "key" else held
    return Action(inner.name, {**inner.arguments, "text": text}, "computer", _code(*parts), inner.space, inner.tracked)


def _pair(first: Action, second: Action) -> Action | None:
    if first.is_computer and second.is_computer:
        return _moved(first, second) or _dragged(first, second) or _spelt(first, second)
    pastes = second.title == "key" and second.arguments.get("text") in _PASTES
    if first.title == "clipboard:copy" and pastes:
        return Action("type", {"text": first.arguments["text"]}, raw=_code(first, second))
    return None


def _moved(first: Action, second: Action) -> Action | None:
    """Join a move and what follows at the place it led to."""
    if first.name != "mouse_move" or second.name not in _PLACED:
        return None
    place, drags = first.arguments.get("coordinate"), second.name == "left_click_drag"
    if not drags and (place is None or second.arguments.get("coordinate", place) != place):
        return None
    at: JSON = {"start_coordinate" if drags else "coordinate": place} if place else {}
    return Action(second.name, {**second.arguments, **at}, raw=_code(first, second), space=second.space)


def _dragged(first: Action, second: Action) -> Action | None:
    """Join a press of the button and its release elsewhere; a drag and the release that it has made already."""
    if second.name != "left_mouse_up":
        return None
    if first.name == "left_click_drag":
        return Action(first.name, first.arguments, raw=_code(first, second), space=first.space)
    start, end = first.point, second.arguments.get("coordinate")
    if first.name != "left_mouse_down" or start is None or end is None:
        return None
    ends: JSON = {"start_coordinate": list(start), "coordinate": end}
    return Action("left_click_drag", ends, raw=_code(first, second), space=second.space)


def _spelt(first: Action, second: Action) -> Action | None:
    """Join letters, and texts, that are typed one after the other."""
    before = _letters(first) if first.name == "key" else str(first.arguments.get("text", ""))
    after = _letters(second) if second.name == "key" else str(second.arguments.get("text", ""))
    spells = first.name == "type" or (first.name == "key" and len(str(first.arguments.get("text"))) == 1)
    if not spells or second.name not in {"type", "key"} or not before or not after:
        return None
    return Action("type", {"text": before + after}, raw=_code(first, second))


def _letters(action: Action) -> str:
    """Return what a press of one key types; "" where it types nothing, or is repeated."""
    key = str(action.arguments.get("text", ""))
    return "" if "repeat" in action.arguments else key if len(key) == 1 else _TYPED.get(key, "")


def _code(*parts: Action) -> JSON:
    return {"code": "\n".join(str((part.raw or {}).get("code", "")) for part in parts)}
