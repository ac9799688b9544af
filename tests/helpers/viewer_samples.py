"""A store for the viewer's tests: a task recorded, replayed and forked, and a run full of hostile strings."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from footage.storage import RunWriter, Store
from footage.trajectory import (
    Action,
    Cause,
    Divergence,
    FrameRole,
    InputEvent,
    Instant,
    OutcomeSource,
    Parent,
    Pixels,
    Region,
    RunKind,
    RunStatus,
    StepStatus,
    StepVerdict,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TASK = "Add 27 and 15 with the calculator and write the result into notes.txt"
SIZE = (1280, 800)
CLICKED = (441, 499)
"""Where step 1 clicks."""

_KEYS = ["7", "8", "9", "/", "4", "5", "6", "*", "1", "2", "3", "-", "0", ".", "=", "+"]


@cache
def screen(display: str = "0", note: str = "", *, popup: bool = False) -> Pixels:
    """A desktop of `SIZE` with a calculator that shows `display` and an editor that shows `note`."""
    image = Image.new("RGB", SIZE, (44, 62, 92))
    draw = ImageDraw.Draw(image)
    for y in range(SIZE[1]):
        draw.line((0, y, SIZE[0], y), (38 + y // 40, 54 + y // 26, 84 + y // 18))
    draw.rectangle((0, 0, SIZE[0], 27), (24, 26, 31))
    draw.text((14, 7), "Activities", (220, 222, 228), font_size=13)
    draw.text((1216, 7), "09:41", (220, 222, 228), font_size=13)
    _window(draw, (300, 120, 660, 660), "Calculator")
    draw.rectangle((320, 170, 640, 240), (255, 255, 255), (200, 203, 210))
    draw.text((628, 186), display, (20, 22, 28), font_size=34, anchor="ra")
    for number, key in enumerate(_KEYS):
        x, y = 320 + number % 4 * 82, 262 + number // 4 * 96
        draw.rounded_rectangle((x, y, x + 74, y + 84), 8, (252, 252, 253), (208, 211, 218))
        draw.text((x + 37, y + 42), key, (30, 33, 40), font_size=24, anchor="mm")
    _window(draw, (720, 90, 1220, 600), "notes.txt - Editor")
    draw.rectangle((721, 122, 1219, 599), (255, 255, 255))
    draw.text((736, 136), note, (20, 22, 28), font_size=18)
    if popup:
        _window(draw, (440, 300, 840, 450), "Software Updater")
        draw.text((464, 356), "Updated software is available.", (30, 33, 40), font_size=17)
    return np.asarray(image)


def _window(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], title: str) -> None:
    x0, y0, x1, y1 = box
    draw.rectangle((x0 + 6, y0 + 8, x1 + 6, y1 + 8), (30, 40, 58))
    draw.rectangle(box, (236, 237, 241), (120, 124, 134))
    draw.rectangle((x0, y0, x1, y0 + 30), (58, 62, 72))
    draw.text((x0 + 12, y0 + 7), title, (235, 236, 240), font_size=14)


def key(name: str) -> tuple[int, int]:
    """The middle of a calculator key."""
    number = _KEYS.index(name)
    return 320 + number % 4 * 82 + 37, 262 + number // 4 * 96 + 42


def click(point: tuple[int, int], name: str = "left_click", **more: Any) -> Action:
    """A click at a point."""
    return Action(name, {"coordinate": list(point), **more}, raw={"action": name, "coordinate": list(point)})


Scene = tuple[str, str, Action, Pixels, Pixels]
"""What was said, thought and done, and the screens before and after."""


@cache
def story(number: str = "27") -> tuple[Scene, ...]:
    """The whole task; with another `number` than 27, by clicking its last digit instead of 7."""
    total = str(int(number) + 15)
    note = f"27 + 15 = {total}\nchecked"
    done = screen(total, note)
    drag = Action("left_click_drag", {"start_coordinate": [900, 105], "coordinate": [760, 420]})
    scroll = Action("scroll", {"coordinate": [960, 400], "scroll_direction": "down", "scroll_amount": 5})
    thought = "The task wants 27 + 15. The key 2 stands in the third row."
    return (
        ("I take a look at the screen first.", "", Action("screenshot"), screen(), screen()),
        ("The calculator is open. I click 2.", thought, click(CLICKED), screen(), screen("2")),
        ("Now 7.", "", click(key(number[1])), screen("2"), screen(number)),
        ("", "", click(key("+")), screen(number), screen(f"{number} +")),
        ("The second number I type.", "", Action("type", {"text": "15"}), screen(f"{number} +"), screen("15")),
        ("", "", Action("key", {"text": "Return"}), screen("15"), screen(total)),
        (f"It shows {total}.", "", click((760, 146), "double_click"), screen(total), screen(total)),
        ("", "", Action("type", {"text": note}), screen(total), done),
        ("", "", drag, done, done),
        ("", "", scroll, done, done),
        ("I save.", "", Action("key", {"text": "ctrl+s"}), done, done),
    )


def later(start: Instant, milliseconds: float) -> Instant:
    """An instant some time after another."""
    shift = int(milliseconds * 1e6)
    return replace(start, monotonic_ns=start.monotonic_ns + shift, wall_ns=start.wall_ns + shift)


def write_step(
    writer: RunWriter,
    start: Instant,
    said: str,
    thought: str,
    action: Action,
    screens: tuple[Pixels | None, Pixels | None],
    *,
    verdict: StepVerdict | None = None,
    source: int | None = None,
    status: StepStatus = StepStatus.EXECUTED,
    result: str = "",
    error: str = "",
) -> int:
    """One turn with one step, as a recorder writes it."""
    content: list[dict[str, Any]] = [{"type": "thinking", "thinking": thought}] if thought else []
    content += [{"type": "text", "text": said}] if said else []
    turn = writer.begin_turn(model="stand-in/careful", started=start)
    index = writer.intend(action, turn=turn, source_step=source, at=later(start, 1200))
    usage = {"input_tokens": 2210 + 37 * index, "output_tokens": 96, "cache_read_input_tokens": 18_400}
    writer.end_turn(
        turn, content=content, stop_reason="tool_use", usage=usage, ended=later(start, 1150), response_id=f"msg_{turn}"
    )
    before, after = screens
    if before is not None:
        writer.frame(before, captured=later(start, 1210), roles=[(index, FrameRole.BEFORE)])
    delivered = [InputEvent("move", action.point), InputEvent("button_down", (1,))] if action.point else []
    writer.finish(
        index, status=status, result_text=result, error=error, delivered=delivered,
        started=later(start, 1220), ended=later(start, 1290),
    )  # fmt: skip
    if after is not None:
        writer.frame(after, captured=later(start, 1500), roles=[(index, FrameRole.AFTER), (index, FrameRole.OBSERVED)])
    if verdict is not None:
        writer.verdict(index, verdict)
    return index


def say_goodbye(writer: RunWriter, text: str) -> None:
    """A last turn that asks for no action."""
    now = Instant.now()
    turn = writer.begin_turn(model="stand-in/careful", started=now)
    writer.end_turn(turn, content=[{"type": "text", "text": text}], stop_reason="end_turn", ended=later(now, 400))


def record_story(store: Store, *, model: str = "stand-in/careful", number: str = "27") -> str:
    """A completed run of the whole task."""
    writer = store.begin_run(task=TASK, model=model, machine={"driver": "desktop", "protocol": 1, "screen": list(SIZE)})
    start = Instant.now()
    for said, thought, action, before, after in story(number):
        write_step(writer, start, said, thought, action, (before, after), result="done" if action.name == "key" else "")
        start = later(start, 2400)
    say_goodbye(writer, "The result, 42, is in notes.txt, and the file is saved.")
    writer.outcome("success", OutcomeSource.JUDGE, "notes.txt holds 42")
    writer.end()
    return writer.run_id


def replay_story(store: Store, parent: str, *, diverge_at: int | None = None) -> str:
    """A replay: all reproduced, or a window planted before step `diverge_at`."""
    writer = store.begin_run(
        kind=RunKind.REPLAY, task=TASK, model="stand-in/careful", machine={"driver": "desktop"}, parent=Parent(parent)
    )
    start = Instant.now()
    popup = Region(440, 300, 407, 159)
    recorded = store.steps(parent)
    for index, (_, _, action, before, after) in enumerate(story()):
        if index != diverge_at:
            write_step(
                writer, start, "", "", action, (before, after), verdict=StepVerdict(Verdict.REPRODUCED), source=index
            )
            start = later(start, 900)
            continue
        seen = writer.frame(screen("2", popup=True), captured=start)
        expected = recorded[index].frame(FrameRole.BEFORE)
        why = "A window that was not there covers the target: changed in 407x159 at (440, 300)."
        verdict = StepVerdict(Verdict.DIVERGED, why, (popup,), expected.id if expected else None, seen)
        write_step(
            writer, start, "", "", action, (screen("2", popup=True), None),
            verdict=verdict, source=index, status=StepStatus.NOT_EXECUTED,
        )  # fmt: skip
        writer.end(
            verdict=Verdict.DIVERGED,
            divergence=Divergence(index, index, Cause.ENVIRONMENT, "extra window", why, (popup,)),
        )
        return writer.run_id
    writer.end(verdict=Verdict.REPRODUCED)
    return writer.run_id


def fork_story(store: Store, parent: str, at: int) -> str:
    """A fork that takes another action at one step, and has a gap."""
    writer = store.begin_run(
        kind=RunKind.FORK, task=TASK, model="stand-in/hasty", machine={"driver": "desktop"}, parent=Parent(parent, at)
    )
    start = Instant.now()
    for index, (said, thought, action, before, after) in enumerate(story()[:at]):
        write_step(writer, start, said, thought, action, (before, after), source=index)
        start = later(start, 1800)
    other = click((540, 380), "right_click", text="shift")
    write_step(writer, start, "I try the context menu instead.", "", other, (screen("2"), screen("2")))
    writer.gap("the screen could not be read for 1.2 s", step=at, lost=3)
    write_step(
        writer, later(start, 2000), "", "", Action("run", {"command": "cat notes.txt"}, namespace="bash"),
        (None, None), status=StepStatus.FAILED, error="cat: notes.txt: No such file or directory",
    )  # fmt: skip
    writer.outcome("failure", OutcomeSource.EVALUATOR)
    writer.end()
    store.add_tag(writer.run_id, "flaky")
    store.add_note(writer.run_id, "The menu opened, but nothing in it helps.", step=at)
    return writer.run_id


def write_plain(store: Store, actions: Sequence[Action], *, pixels: Pixels, task: str = "plain") -> str:
    """A completed run of scripted actions on one unchanging screen."""
    writer = store.begin_run(task=task, model="none")
    for action in actions:
        now = Instant.now()
        index = writer.intend(action, at=now)
        writer.frame(pixels, captured=now, roles=[(index, FrameRole.BEFORE), (index, FrameRole.AFTER)])
        writer.finish(index, status=StepStatus.EXECUTED, started=now, ended=later(now, 20))
    writer.end(RunStatus.COMPLETED)
    return writer.run_id


def write_hostile(store: Store, payloads: Sequence[str]) -> list[str]:
    """One run for each payload, which stands in every text that a run can hold."""
    return [_write_hostile(store, payload, [payload] * 3) for payload in payloads]


def write_parade(store: Store, payloads: Sequence[str]) -> str:
    """One run with a step for each payload."""
    return _write_hostile(store, payloads[0], payloads)


def _write_hostile(store: Store, payload: str, of_steps: Sequence[str]) -> str:
    hidden = f"{payload}\u202e\x1b[31m\x00"
    writer = store.begin_run(task=hidden, task_id=payload, model=payload, source_format=payload)
    for number, one in enumerate(of_steps):
        _hostile_step(writer, one, number)
    writer.gap(hidden)
    writer.outcome(payload, OutcomeSource.HUMAN, payload)
    divergence = Divergence(0, 0, Cause.MODEL, payload, hidden)
    writer.end(RunStatus.ERRORED, error=hidden, verdict=Verdict.DIVERGED, divergence=divergence)
    store.add_tag(writer.run_id, payload)
    store.add_note(writer.run_id, hidden)
    store.add_note(writer.run_id, hidden, step=0)
    return writer.run_id


def _hostile_step(writer: RunWriter, payload: str, number: int) -> None:
    hidden, now = f"{payload}\u202e\x1b[31m\x00", Instant.now()
    actions = [
        Action("type", {"text": payload, payload: payload}, raw={"text": payload, payload: payload}),
        click((10, 10), text=payload),
        Action(payload, {"command": payload}, namespace=payload),
    ]
    turn = writer.begin_turn(model=payload, started=now)
    writer.attempt(turn, number=0, started=now, status=529, error=payload)
    writer.attempt(turn, number=1, started=now, error=payload)
    blocks = [{"type": "thinking", "thinking": hidden}, {"type": "text", "text": hidden}]
    usage = {"output_tokens": 1, payload: payload}
    writer.end_turn(turn, content=blocks, stop_reason=payload, usage=usage, ended=now, response_id=payload)
    index = writer.intend(actions[number % 3], turn=turn, call_id=f"{payload}{turn}")
    pixels = np.full((40, 64, 3), number, np.uint8)
    frame = writer.frame(pixels, captured=now, roles=[(index, FrameRole.BEFORE)], display=payload, source=payload)
    writer.finish(index, status=StepStatus.FAILED, result_text=hidden, error=hidden, delivered=[InputEvent(payload)])
    writer.verdict(index, StepVerdict(Verdict.DIVERGED, hidden, (Region(1, 1, 5, 5),), frame, frame))
    writer.gap(hidden, step=index)
