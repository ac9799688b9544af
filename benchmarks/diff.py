"""
How often the diff names the step and the cause of a divergence that was put into a run.

Real sessions (screens and actions of the ScreenAgent recordings where they are at hand, drawn ones otherwise) are
written twice into a store: once as they are, and once with noise (clicks a few pixels off, a blinking caret, a stray
pixel, waits) and one divergence. Beside ours stand two simple rules: the first action that differs, and the first
screen whose perceptual hash differs by more than noise makes it.

    python benchmarks/diff.py [--sessions 40] [--lossy] [--seed 1]
"""

from __future__ import annotations

import argparse
import io
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from screens import FOLDER, hash_distance

from footage.analysis.actions import ActionVerdict, compare_actions
from footage.analysis.diff import RunDiff, diff_runs
from footage.storage import Store, open_store
from footage.trajectory import Action, Cause, FrameRole, InputEvent, Instant, Parent, Pixels, StepStatus

HASH_NOISE = 6


@dataclass(frozen=True)
class Scene:
    """One step: the screen before it and the action."""

    before: Pixels
    action: Action
    delivered: tuple[InputEvent, ...] = ()


@dataclass(frozen=True)
class Case:
    """A session, changed: the truth is the step and cause, or None."""

    kind: str
    scenes: list[Scene]
    truth: tuple[int, Cause] | None
    asks: str = "Do the task."
    """The system prompt."""


# --- sessions -------------------------------------------------------------------------------------


def sessions(folder: Path, most: int, choose: random.Random) -> Iterator[list[Scene]]:
    """Yield sessions of at least four steps that change the screen."""
    found = [_recorded(path) for path in sorted(folder.glob("screenagent/*/"))]
    usable = [scenes for scenes in found if len(scenes) >= 4]
    yield from usable[:most] or [_drawn_session(choose) for _ in range(most)]


def _recorded(folder: Path) -> list[Scene]:
    scenes: list[Scene] = []
    for path in sorted(folder.glob("*_translate.json")):
        document = json.loads(path.read_text("utf-8"))
        picture = folder / "images" / document["saved_image_name"]
        actions = [action for raw in document.get("actions") or [] if (action := _action(raw))]
        if not actions or not picture.exists():
            continue
        screen = np.asarray(Image.open(picture).convert("RGB")).copy()
        if not scenes or not np.array_equal(scenes[-1].before, screen):
            scenes.append(Scene(screen, actions[0], _events(actions[0])))
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


def _drawn_session(choose: random.Random) -> list[Scene]:
    image = Image.new("RGB", (1024, 768), (255, 255, 255))
    scenes = []
    for _ in range(choose.randrange(5, 10)):
        x, y = choose.randrange(60, 900), choose.randrange(60, 700)
        action = Action("left_click", {"coordinate": [x, y]})
        scenes.append(Scene(np.asarray(image).copy(), action, _events(action)))
        words = f"window {choose.randrange(10**6)} " * 3
        ImageDraw.Draw(image).rectangle((x - 50, y - 40, x + 120, y + 60), fill=(230, 230, 240), outline=(0, 0, 0))
        ImageDraw.Draw(image).text((x - 40, y), words[:26], font=ImageFont.load_default(12), fill=(0, 0, 0))
    return scenes


def _events(action: Action) -> tuple[InputEvent, ...]:
    if action.point:
        return (InputEvent("move", action.point), InputEvent("button_down", (1,)), InputEvent("button_up", (1,)))
    return tuple(InputEvent("key_down", (letter,)) for letter in str(action.arguments.get("text", "")))


# --- noise and divergences ------------------------------------------------------------------------


def noisy(scenes: list[Scene], choose: random.Random) -> list[Scene]:
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
            points = pointed[-2:]
            if all(abs(x - px) + abs(y - py) > 200 for px, py in points):
                screen[y, x] ^= 255
        if action.point is not None and choose.random() < 0.5:
            moved = [action.point[0] + choose.randint(-3, 3), action.point[1] + choose.randint(-3, 3)]
            action = replace(action, arguments={"coordinate": moved})
        if choose.random() < 0.15:
            made.append(Scene(screen, Action("wait", {"duration": 1})))
        made.append(Scene(screen, action, _events(action)))
    return made


def _position(scenes: list[Scene], number: int) -> int:
    """Return where the acting step of that number is, waits counted."""
    acting = [index for index, scene in enumerate(scenes) if not scene.action.looks_only]
    return acting[number]


def toast(scenes: list[Scene], choose: random.Random) -> tuple[list[Scene], tuple[int, Cause]]:
    at = choose.randrange(1, len(scenes))
    screen = scenes[at].before.copy()
    x, y = choose.randrange(0, screen.shape[1] - 300), choose.randrange(0, screen.shape[0] - 60)
    screen[y : y + 60, x : x + 300] = (70, 110, 70)
    return _from(scenes, at, screen), (at, Cause.ENVIRONMENT)


def wrong_page(scenes: list[Scene], choose: random.Random) -> tuple[list[Scene], tuple[int, Cause]]:
    at = choose.randrange(1, len(scenes))
    screen = np.ascontiguousarray(255 - scenes[at].before[:, ::-1])
    return _from(scenes, at, screen), (at, Cause.ENVIRONMENT)


def ticked(scenes: list[Scene], choose: random.Random) -> tuple[list[Scene], tuple[int, Cause]]:
    at = choose.randrange(1, len(scenes))
    image = Image.fromarray(scenes[at].before)
    x, y = choose.randrange(20, image.width - 20), choose.randrange(20, image.height - 20)
    ink = (255, 255, 255) if scenes[at].before[y - 8 : y + 8, x - 8 : x + 8].mean() < 128 else (0, 0, 0)
    ImageDraw.Draw(image).line((x - 4, y, x - 1, y + 4, x + 4, y - 4), fill=ink)
    return _from(scenes, at, np.asarray(image).copy()), (at, Cause.ENVIRONMENT)


def misclick(scenes: list[Scene], choose: random.Random) -> tuple[list[Scene], tuple[int, Cause]]:
    clicks = [n for n, scene in enumerate(scenes) if scene.action.point]
    at = choose.choice(clicks)
    x, y = scenes[at].action.point or (0, 0)
    action = replace(scenes[at].action, arguments={"coordinate": [x + choose.choice([-60, -40, 40, 60]), y]})
    missed = [replace(scene, before=scenes[at].before) for scene in scenes[at + 1 :]]
    return [*scenes[:at], replace(scenes[at], action=action), *missed], (at, Cause.MODEL)


def other_action(scenes: list[Scene], choose: random.Random) -> tuple[list[Scene], tuple[int, Cause]]:
    at = choose.randrange(len(scenes))
    changed = replace(scenes[at], action=Action("key", {"text": "Escape"}))
    return [*scenes[:at], changed, *scenes[at + 1 :]], (at, Cause.MODEL)


def no_effect(scenes: list[Scene], choose: random.Random) -> tuple[list[Scene], tuple[int, Cause]]:
    at = choose.randrange(len(scenes) - 1)
    return _from(scenes, at + 1, scenes[at].before), (at, Cause.EXECUTION)


def _from(scenes: list[Scene], at: int, screen: Pixels) -> list[Scene]:
    """Show another screen before one step; the rest of the run is as it was."""
    return [*scenes[:at], replace(scenes[at], before=screen), *scenes[at + 1 :]]


INJECTIONS: dict[str, Callable[[list[Scene], random.Random], tuple[list[Scene], tuple[int, Cause]]]] = {
    "toast": toast,
    "wrong page": wrong_page,
    "ticked box": ticked,
    "misclick": misclick,
    "other action": other_action,
    "no effect": no_effect,
}


def cases(scenes: list[Scene], choose: random.Random) -> Iterator[Case]:
    """Yield the session with noise alone, and with noise and each divergence."""
    yield Case("noise alone", noisy(scenes, choose), None)
    for kind, inject in INJECTIONS.items():
        if kind == "misclick" and not any(scene.action.point for scene in scenes):
            continue
        changed, (at, cause) = inject(scenes, choose)
        # Where the injection lets an action differ, or its lack of effect show, jitter would be another truth.
        shown = noisy(changed[:at], choose) + changed[at:] if cause is Cause.EXECUTION else noisy(changed, choose)
        yield Case(kind, shown, (_position(shown, at), cause))
    changed, (at, _) = other_action(scenes, choose)
    shown = noisy(changed, choose)
    yield Case("other prompt", shown, (_position(shown, at), Cause.HARNESS), "Be quick.")


# --- writing and judging --------------------------------------------------------------------------


def write(store: Store, case: Case, *, family: str | None, lossy: bool) -> str:
    """Write a run with its requests; later runs of a session share its pictures."""
    parent = Parent(family) if family else None
    machine = {"driver": "vnc" if lossy else "bench"}
    writer = store.begin_run(task="bench", model="bench", machine=machine, parent=parent)
    for index, scene in enumerate(case.scenes):
        request = {"system": case.asks, "messages": [{"role": "user", "content": "bench"}]}
        turn = writer.begin_turn(model="bench", request=request, started=Instant.now())
        writer.end_turn(turn, content=[], ended=Instant.now())
        writer.intend(scene.action, turn=turn, call_id=f"{writer.run_id}-{index}")
        writer.finish(index, status=StepStatus.EXECUTED, delivered=scene.delivered)
        picture = _jpeg(scene.before) if lossy and family else scene.before
        frame = writer.frame(picture, captured=Instant.now(), roles=[(index, FrameRole.BEFORE)])
        if index:
            writer.add_role(frame, index - 1, FrameRole.AFTER)
    writer.end()
    return writer.run_id


def _jpeg(screen: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(screen).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _acting(scenes: list[Scene]) -> list[tuple[int, Scene]]:
    return [(number, scene) for number, scene in enumerate(scenes) if not scene.action.looks_only]


def first_other_action(a: list[Scene], b: list[Scene]) -> int | None:
    """Return the first step of b whose action differs from a's, waits left out."""
    for one, (number, two) in zip(_acting(a), _acting(b), strict=False):
        if compare_actions(one[1].action, two.action).kind is ActionVerdict.DIFFERENT:
            return number
    return None


def first_other_hash(a: list[Scene], b: list[Scene]) -> int | None:
    """Return the first step of b before which the perceptual hash differs from a's, waits left out."""
    for one, (number, two) in zip(_acting(a), _acting(b), strict=False):
        if hash_distance(one[1].before, two.before) > HASH_NOISE:
            return number
    return None


def judged(case: Case, found: RunDiff) -> tuple[bool, bool]:
    """Return whether the step is right, and whether the cause is too."""
    if case.truth is None:
        return found.divergence is None, found.divergence is None
    if found.divergence is None:
        return False, False
    right = found.divergence.b_step == case.truth[0]
    return right, right and found.divergence.cause is case.truth[1]


def main() -> None:
    """Print how often each kind of divergence is named right."""
    parser = argparse.ArgumentParser(description="How often the diff names step and cause of injected divergences.")
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--lossy", action="store_true", help="the second run is JPEG, from another machine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print what was named wrong")
    options = parser.parse_args()
    choose = random.Random(options.seed)
    scores: dict[str, list[tuple[bool, bool, bool, bool]]] = defaultdict(list)
    taken = []
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "bench.db") as store:
        for scenes in sessions(options.folder, options.sessions, choose):
            plain = write(store, Case("plain", scenes, None), family=None, lossy=options.lossy)
            for case in cases(scenes, choose):
                other = write(store, case, family=plain, lossy=options.lossy)
                started = time.perf_counter()
                found = diff_runs(store, plain, other)
                taken.append(time.perf_counter() - started)
                step, cause = judged(case, found)
                if options.show and not cause:
                    print(case.kind, "truth", case.truth, "found", found.divergence)
                wanted = case.truth[0] if case.truth else None
                by_action, by_hash = first_other_action(scenes, case.scenes), first_other_hash(scenes, case.scenes)
                scores[case.kind].append((step, cause, by_action == wanted, by_hash == wanted))
    print(f"{'':14} {'n':>4} {'step':>8} {'and cause':>10} {'first action':>13} {'first pHash':>12}   (share right)")
    for kind, rows in scores.items():
        rates = [100 * float(np.mean([row[n] for row in rows])) for n in range(4)]
        print(f"{kind:14} {len(rows):4} {rates[0]:7.1f}% {rates[1]:9.1f}% {rates[2]:12.1f}% {rates[3]:11.1f}%")
    print(f"median {1e3 * np.median(taken):.0f} ms a diff, longest {1e3 * max(taken):.0f} ms")


if __name__ == "__main__":
    main()
