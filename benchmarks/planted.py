"""Sessions for the diff's benchmark, the noise of another run, and nineteen kinds of divergence planted into them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from footage.trajectory import Action, Cause, InputEvent, Pixels

EVERYTHING = 10**6


@dataclass(frozen=True)
class Scene:
    """One step: the screen before it and the action."""

    before: Pixels
    action: Action
    delivered: tuple[InputEvent, ...] = ()


@dataclass(frozen=True)
class Planted:
    """A session, changed: the step and cause of the divergence, and how its harness asks."""

    scenes: list[Scene]
    truth: tuple[int, Cause]
    asks: str = "Do the task."
    """The system prompt."""
    replies: int = EVERYTHING
    """How many of the model's earlier replies a request holds."""
    pictures: int = EVERYTHING
    """How many of the newest pictures a request holds."""
    shown: tuple[int, int] = (1024, 768)
    """The size of the screen that the model is told."""
    also: tuple[int, Cause] | None = None
    """Another answer that is as right."""


Changed = tuple[list[Scene], tuple[int, Cause]]
"""The scenes of a session that was changed, and the step and cause of the divergence."""
Plant = Callable[[list[Scene], random.Random], "Planted | Changed | None"]


# --- sessions -------------------------------------------------------------------------------------


def recorded(folder: Path) -> list[Scene]:
    """Read a session of ScreenAgent: a step for each screen that differs from the one before."""
    scenes: list[Scene] = []
    for path in sorted(folder.glob("*_translate.json")):
        document = json.loads(path.read_text("utf-8"))
        picture = folder / "images" / document["saved_image_name"]
        actions = [action for raw in document.get("actions") or [] if (action := _action(raw))]
        if not actions or not picture.exists():
            continue
        screen = np.asarray(Image.open(picture).convert("RGB")).copy()
        if not scenes or not np.array_equal(scenes[-1].before, screen):
            scenes.append(Scene(screen, actions[0], events(actions[0])))
    return scenes


def _action(raw: dict[str, object]) -> Action | None:
    place = raw.get("mouse_position")
    if isinstance(place, dict):
        clicks = {"double_click": "double_click", "click": "left_click"}
        name = clicks.get(str(raw.get("mouse_action_type")))
        return Action(name, {"coordinate": [int(place["width"]), int(place["height"])]}) if name else None
    if raw.get("keyboard_text"):
        return Action("type", {"text": str(raw["keyboard_text"])})
    return Action("key", {"text": str(raw["keyboard_key"])}) if raw.get("keyboard_key") else None


def drawn(choose: random.Random, steps: int) -> list[Scene]:
    """Draw a session: windows that open where one clicks."""
    image = Image.new("RGB", (1024, 768), (255, 255, 255))
    scenes = []
    for _ in range(steps):
        x, y = choose.randrange(60, 900), choose.randrange(60, 700)
        action = Action("left_click", {"coordinate": [x, y]})
        scenes.append(Scene(np.asarray(image).copy(), action, events(action)))
        words = f"window {choose.randrange(10**6)} " * 3
        ImageDraw.Draw(image).rectangle((x - 50, y - 40, x + 120, y + 60), fill=(230, 230, 240), outline=(0, 0, 0))
        ImageDraw.Draw(image).text((x - 40, y), words[:26], font=ImageFont.load_default(12), fill=(0, 0, 0))
    return scenes


def events(action: Action) -> tuple[InputEvent, ...]:
    """Return what a machine would deliver for an action."""
    if action.point:
        return (InputEvent("move", action.point), InputEvent("button_down", (1,)), InputEvent("button_up", (1,)))
    return tuple(InputEvent("key_down", (letter,)) for letter in str(action.arguments.get("text", "")))


# --- noise ----------------------------------------------------------------------------------------


def noisy(scenes: Sequence[Scene], choose: random.Random) -> list[Scene]:
    """Return the session as another run of the same agent might show it."""
    made: list[Scene] = []
    for scene in scenes:
        screen, action = scene.before.copy(), scene.action
        height, width = screen.shape[:2]
        if choose.random() < 0.3:
            x, y = choose.randrange(width), choose.randrange(height - 20)
            screen[y : y + 17, x] = 0 if screen[y, x].mean() > 128 else 255
        if choose.random() < 0.3:
            x, y = choose.randrange(width), choose.randrange(height)
            pointed = [step.action.point for step in [*made, scene] if step.action.point]
            if all(abs(x - px) + abs(y - py) > 200 for px, py in pointed[-2:]):
                screen[y, x] ^= 255
        if action.point is not None and choose.random() < 0.5:
            moved = [action.point[0] + choose.randint(-3, 3), action.point[1] + choose.randint(-3, 3)]
            action = replace(action, arguments={"coordinate": moved})
        if choose.random() < 0.15:
            made.append(Scene(screen, Action("wait", {"duration": 1})))
        made.append(Scene(screen, action, events(action)))
    return made


def with_clock(scenes: Sequence[Scene], minute: int) -> list[Scene]:
    """Draw a clock into the upper right corner that begins at a minute of the day; three steps take one."""
    shown = []
    for number, scene in enumerate(scenes):
        image = Image.fromarray(scene.before)
        draw, now, right = ImageDraw.Draw(image), minute + number // 3, image.width
        draw.rectangle((right - 70, 0, right, 20), fill=(38, 40, 46))
        words = f"{now // 60:02}:{now % 60:02}"
        draw.text((right - 52, 3), words, font=ImageFont.load_default(13), fill=(240, 240, 240))
        shown.append(replace(scene, before=np.asarray(image).copy()))
    return shown


def waiting(scenes: list[Scene], choose: random.Random) -> list[Scene]:
    """Let the run wait once for a page that is slow: it sees the screen before for a while longer."""
    at = choose.randrange(1, len(scenes))
    return [*scenes[:at], Scene(scenes[at - 1].before.copy(), Action("wait", {"duration": 2})), *scenes[at:]]


def position(scenes: Sequence[Scene], number: int) -> int:
    """Return where the acting step of that number is, waits counted."""
    return [index for index, scene in enumerate(scenes) if not scene.action.looks_only][number]


# --- the world ------------------------------------------------------------------------------------


def showing(scenes: list[Scene], at: int, screen: Pixels) -> list[Scene]:
    """Show another screen before one step; the rest of the run is as it was."""
    return [*scenes[:at], replace(scenes[at], before=screen), *scenes[at + 1 :]]


def _world(scenes: list[Scene], at: int, screen: Pixels) -> Changed:
    return showing(scenes, at, screen), (at, Cause.ENVIRONMENT)


def _painted(screen: Pixels, paint: Callable[[ImageDraw.ImageDraw], object]) -> Pixels:
    image = Image.fromarray(screen)
    paint(ImageDraw.Draw(image))
    return np.asarray(image).copy()


def _changed(a: Pixels, b: Pixels) -> float:
    return float((a != b).any(axis=2).mean()) if a.shape == b.shape else 1.0


def toast(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """A notification of 300x60 pixels."""
    at = choose.randrange(1, len(scenes))
    screen = scenes[at].before.copy()
    x, y = choose.randrange(0, screen.shape[1] - 300), choose.randrange(0, screen.shape[0] - 60)
    screen[y : y + 60, x : x + 300] = (70, 110, 70)
    return _world(scenes, at, screen)


def wrong_page(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """A page unlike any other."""
    at = choose.randrange(1, len(scenes))
    return _world(scenes, at, np.ascontiguousarray(255 - scenes[at].before[:, ::-1]))


def other_page(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """Another page of the same session, and not the one that was just left: that would be an action without effect."""
    at = choose.randrange(1, len(scenes))
    shape = scenes[at].before.shape
    others = [s.before for n, s in enumerate(scenes) if n not in {at, at - 1} and s.before.shape == shape]
    far = [other for other in others if min(_changed(other, scenes[at - k].before) for k in (0, 1)) > 0.05]
    return _world(scenes, at, choose.choice(far)) if far else None


def _tick(screen: Pixels, x: int, y: int) -> Pixels:
    x, y = min(max(x, 20), screen.shape[1] - 20), min(max(y, 20), screen.shape[0] - 20)
    dark = screen[y - 8 : y + 8, x - 8 : x + 8].mean() < 128
    ink = (255, 255, 255) if dark else (0, 0, 0)
    return _painted(screen, lambda draw: draw.line((x - 4, y, x - 1, y + 4, x + 4, y - 4), fill=ink))


def tick_near(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """A ticked box some 15 pixels from where was clicked last."""
    clicks = [n for n in range(1, len(scenes)) if scenes[n - 1].action.point]
    if not clicks:
        return None
    at = choose.choice(clicks)
    x, y = scenes[at - 1].action.point or (0, 0)
    angle = choose.random() * 2 * math.pi
    place = x + round(17 * math.cos(angle)), y + round(17 * math.sin(angle))
    return _world(scenes, at, _tick(scenes[at].before, *place))


def tick_far(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """A ticked box anywhere."""
    at = choose.randrange(1, len(scenes))
    screen = scenes[at].before
    return _world(scenes, at, _tick(screen, choose.randrange(screen.shape[1]), choose.randrange(screen.shape[0])))


def half_loaded(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """The lower part of the page has not come yet."""
    found = []
    for at in range(1, len(scenes)):
        now, before = scenes[at].before, scenes[at - 1].before
        if now.shape == before.shape:
            line = now.shape[0] * 2 // 5
            if min(_changed(now[line:], before[line:]), _changed(now[:line], before[:line])) > 0.004:
                found.append((at, np.concatenate([now[:line], before[line:]])))
    return _world(scenes, *choose.choice(found)) if found else None


def moved_window(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """A window of 400x280 stands elsewhere by some pixels."""
    at = choose.randrange(1, len(scenes))
    screen = scenes[at].before.copy()
    if screen.shape[0] < 400 or screen.shape[1] < 500:
        return None
    x, y = choose.randrange(40, screen.shape[1] - 440), choose.randrange(40, screen.shape[0] - 320)
    window = screen[y : y + 280, x : x + 400].copy()
    screen[y : y + 280, x : x + 400] = np.median(window.reshape(-1, 3), axis=0).astype(np.uint8)
    dx, dy = choose.choice([-30, -18, 18, 30]), choose.choice([-20, -12, 12, 20])
    screen[y + dy : y + dy + 280, x + dx : x + dx + 400] = window
    return _world(scenes, at, screen) if _changed(screen, scenes[at].before) > 0.002 else None


def dialog(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """A dialog with a message."""
    at = choose.randrange(1, len(scenes))
    height, width = scenes[at].before.shape[:2]
    x, y = choose.randrange(0, max(width - 400, 1)), choose.randrange(0, max(height - 170, 1))

    def paint(draw: ImageDraw.ImageDraw) -> None:
        draw.rectangle((x, y, x + 380, y + 160), fill=(238, 238, 240), outline=(100, 100, 110))
        draw.text((x + 24, y + 60), "The file could not be written.", font=ImageFont.load_default(16), fill=(0, 0, 0))

    return _world(scenes, at, _painted(scenes[at].before, paint))


def scrolled(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """The inner part of the page stands some lines higher or lower."""
    at = choose.randrange(1, len(scenes))
    screen = scenes[at].before.copy()
    height, width = screen.shape[:2]
    rows, columns = slice(height // 5, height * 9 // 10), slice(width // 10, width * 9 // 10)
    if screen[rows, columns].std() < 12:
        return None
    screen[rows, columns] = np.roll(screen[rows, columns], choose.choice([-90, -16, 4, 40]), axis=0)
    return _world(scenes, at, screen)


def theme(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """All colours are others from one step on."""
    at = choose.randrange(1, len(scenes))
    dark = [s if n < at else replace(s, before=np.ascontiguousarray(255 - s.before)) for n, s in enumerate(scenes)]
    return dark, (at, Cause.ENVIRONMENT)


# --- the model ------------------------------------------------------------------------------------


def misclick(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """A click 40 or 60 pixels off, after which nothing happens."""
    clicks = [n for n, scene in enumerate(scenes) if scene.action.point]
    if not clicks:
        return None
    at = choose.choice(clicks)
    x, y = scenes[at].action.point or (0, 0)
    action = replace(scenes[at].action, arguments={"coordinate": [x + choose.choice([-60, -40, 40, 60]), y]})
    missed = [replace(scene, before=scenes[at].before) for scene in scenes[at + 1 :]]
    return [*scenes[:at], replace(scenes[at], action=action), *missed], (at, Cause.MODEL)


def other_action(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """Another action altogether."""
    return _acting_otherwise(scenes, choose.randrange(len(scenes)), Cause.MODEL)


def _acting_otherwise(scenes: list[Scene], at: int, cause: Cause) -> Changed:
    changed = replace(scenes[at], action=Action("key", {"text": "Escape"}))
    return [*scenes[:at], changed, *scenes[at + 1 :]], (at, cause)


# --- how it was carried out -----------------------------------------------------------------------


def no_effect(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """An action that does nothing."""
    found = [n for n in range(len(scenes) - 1) if _changed(scenes[n].before, scenes[n + 1].before) > 4e-5]
    if not found:
        return None
    at = choose.choice(found)
    return showing(scenes, at + 1, scenes[at].before), (at, Cause.EXECUTION)


def lost_letter(scenes: list[Scene], choose: random.Random) -> Changed | None:
    """The last letter typed was not delivered, and is not on the screen."""
    found = _without_a_letter(scenes, choose)
    if found is None:
        return None
    at, changed = found
    changed[at] = replace(changed[at], delivered=changed[at].delivered[:-1])
    return changed, (at, Cause.EXECUTION)


def letter_missing(scenes: list[Scene], choose: random.Random) -> Planted | None:
    """The last letter typed is not on the screen, though it was delivered: the world's doing, or the typing's."""
    found = _without_a_letter(scenes, choose)
    if found is None:
        return None
    at, changed = found
    return Planted(changed, (at + 1, Cause.ENVIRONMENT), also=(at, Cause.EXECUTION))


def _without_a_letter(scenes: list[Scene], choose: random.Random) -> tuple[int, list[Scene]] | None:
    found = []
    for n in range(len(scenes) - 1):
        text, before, after = scenes[n].action.arguments.get("text"), scenes[n].before, scenes[n + 1].before
        if scenes[n].action.name == "type" and len(str(text)) > 1 and 0 < _changed(before, after) < 0.02:
            right = int(np.nonzero((before != after).any(axis=2))[1].max()) + 1
            cut = after.copy()
            cut[:, max(right - 9, 0) : right] = before[:, max(right - 9, 0) : right]
            if (cut != after).any(axis=2).sum() >= 4:
                found.append((n, cut))
    if not found:
        return None
    at, screen = choose.choice(found)
    return at, showing(scenes, at + 1, screen)


# --- the harness ----------------------------------------------------------------------------------


def other_prompt(scenes: list[Scene], choose: random.Random) -> Planted | None:
    """Another system prompt, and another action of it."""
    return Planted(*_acting_otherwise(scenes, choose.randrange(len(scenes)), Cause.HARNESS), asks="Be quick.")


def pruned_replies(scenes: list[Scene], choose: random.Random) -> Planted | None:
    """Only the last two replies are sent along."""
    at = choose.randrange(3, len(scenes)) if len(scenes) > 4 else len(scenes) - 1
    return Planted(*_acting_otherwise(scenes, at, Cause.HARNESS), replies=2)


def pruned_pictures(scenes: list[Scene], choose: random.Random) -> Planted | None:
    """Only the newest picture is sent along."""
    at = choose.randrange(3, len(scenes)) if len(scenes) > 4 else len(scenes) - 1
    return Planted(*_acting_otherwise(scenes, at, Cause.HARNESS), pictures=1)


def scaled(scenes: list[Scene], choose: random.Random) -> Planted | None:
    """The model is told of a larger screen, and clicks where that would have the thing."""
    far = [n for n, s in enumerate(scenes) if s.action.point and math.hypot(*s.action.point) * 0.2 > 30]
    if not far:
        return None
    at = far[0] if choose.random() < 0.5 else choose.choice(far)
    x, y = scenes[at].action.point or (0, 0)
    action = replace(scenes[at].action, arguments={"coordinate": [round(x * 0.8), round(y * 0.8)]})
    missed = [replace(scene, before=scenes[at].before) for scene in scenes[at + 1 :]]
    return Planted([*scenes[:at], replace(scenes[at], action=action), *missed], (at, Cause.HARNESS), shown=(1280, 960))


KINDS: dict[str, Plant] = {
    "a toast": toast,
    "a wrong page": wrong_page,
    "another page of the session": other_page,
    "a tick near the last click": tick_near,
    "a tick anywhere": tick_far,
    "a page half loaded": half_loaded,
    "a window moved": moved_window,
    "a dialog": dialog,
    "a page scrolled": scrolled,
    "another theme": theme,
    "a click 40 or 60 px off": misclick,
    "another action": other_action,
    "an action without effect": no_effect,
    "a letter lost": lost_letter,
    "a letter missing": letter_missing,
    "another prompt": other_prompt,
    "older replies left out": pruned_replies,
    "older pictures left out": pruned_pictures,
    "another scale": scaled,
}
