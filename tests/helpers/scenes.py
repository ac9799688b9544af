"""Runs for tests of the diff: a sequence of screens and actions, written into a store as the recorder would."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from drawn import bar, drawn_on, page, pixels, text, tick
from footage.storage import RunWriter, Store
from footage.trajectory import JSON, Action, FrameRole, InputEvent, Instant, RunStatus, StepStatus

if TYPE_CHECKING:
    from footage.trajectory import Pixels

TASK = "Write a note and tick the box."


def click(x: int, y: int) -> Action:
    return Action("left_click", {"coordinate": [x, y]})


def typed(words: str) -> Action:
    return Action("type", {"text": words})


WAIT, LOOK = Action("wait", {"duration": 1}), Action("screenshot")
SAVE = Action("key", {"text": "ctrl+s"})
MENU, FIELD, BOX = (60, 12), (300, 340), (520, 340)

DESK = page("Desk")
WRONG = pixels(page("Settings", paper=(30, 32, 38), ink=(220, 220, 220)))
"""The page that a wrong click leads to."""
NOTE = page("Note", paper=(245, 245, 230))


def note(words: str = "", *, ticked: bool = False, saved: bool = False) -> Pixels:
    """Return the note's window with text in its field and its box ticked or not."""
    marks = [bar(514, 334, 13, 13, (200, 200, 200)), text((250, 332), words)]
    marks += [tick(*BOX)] if ticked else []
    marks += [text((20, 370), "The note is saved, all is well.")] if saved else []
    return drawn_on(NOTE, *marks)


@dataclass(frozen=True)
class Scene:
    """One step: the screen before it, the action, and what is known of how it was carried out."""

    before: Pixels | None
    action: Action
    delivered: Sequence[InputEvent] | None = None
    status: StepStatus = StepStatus.EXECUTED
    after: Pixels | None = None
    """None: the next scene's `before`."""


def story() -> list[Scene]:
    """Return a run of five steps: open the note, click into its field, type, tick, save."""
    return [
        Scene(pixels(DESK), click(*MENU), _moved(*MENU)),
        Scene(note(), click(*FIELD), _moved(*FIELD)),
        Scene(note(), typed("hello"), [InputEvent("key_down", (letter,)) for letter in "hello"]),
        Scene(note("hello"), click(*BOX), _moved(*BOX)),
        Scene(note("hello", ticked=True), SAVE, [InputEvent("key_down", ("ctrl",)), InputEvent("key_down", ("s",))]),
    ]


END = note("hello", ticked=True, saved=True)


def _moved(x: int, y: int) -> list[InputEvent]:
    return [InputEvent("move", (x, y)), InputEvent("button_down", (1,)), InputEvent("button_up", (1,))]


def changed(scenes: Sequence[Scene], index: int, **changes: Any) -> list[Scene]:
    """Return the scenes with one of them changed; a new action is delivered by events of its own."""
    copy = list(scenes)
    copy[index] = replace(copy[index], **changes)
    return copy


@dataclass(frozen=True)
class Asked:
    """What the model is asked with."""

    model: str = "model-one"
    system: str = "You use a computer."
    width: int = 640
    words: str = "I go on."
    whole_history: bool = True
    extra: JSON = field(default_factory=dict)
    says_done: bool = True
    """The last reply asks for no step."""


def write_run(
    store: Store,
    scenes: Sequence[Scene],
    end: Pixels | None = None,
    *,
    asked: Asked | None = None,
    machine: JSON | None = None,
    status: RunStatus = RunStatus.COMPLETED,
    lossy: bool = False,
) -> str:
    """Write a run; return its id. `end` is the screen after the last step, `lossy` stores JPEG."""
    writer = store.begin_run(task=TASK, machine=machine or {"driver": "painted"}, model=asked.model if asked else "")
    talk = _Talk(writer, asked) if asked else None
    for index, scene in enumerate(scenes):
        following = scenes[index + 1].before if index + 1 < len(scenes) else end
        turn = talk.ask(scene, index) if talk else None
        writer.intend(scene.action, turn=turn, call_id=f"{writer.run_id}-{index}" if talk else "")
        _frame(writer, scene.before, index, FrameRole.BEFORE, lossy=lossy)
        writer.finish(index, status=scene.status, delivered=scene.delivered)
        _frame(writer, following if scene.after is None else scene.after, index, FrameRole.AFTER, lossy=lossy)
    if talk and talk.asked.says_done:
        talk.finish(end)
    writer.end(status)
    return writer.run_id


def _frame(writer: RunWriter, screen: Pixels | None, index: int, role: FrameRole, *, lossy: bool) -> None:
    if screen is not None:
        picture = _encoded(screen, "JPEG") if lossy else screen
        writer.frame(picture, captured=Instant.now(), roles=[(index, role)])


def _encoded(screen: Pixels, form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(screen).save(buffer, form)
    return buffer.getvalue()


class _Talk:
    """The conversation: each request re-sends all that came before it."""

    def __init__(self, writer: RunWriter, asked: Asked) -> None:
        self.asked = asked
        self._writer = writer
        self._messages: list[JSON] = [{"role": "user", "content": TASK}]
        self._open = ""

    def ask(self, scene: Scene, index: int) -> int:
        self._answer(scene.before)
        turn = self._begin()
        self._open = f"{self._writer.run_id}-{index}"
        call = {"type": "tool_use", "id": self._open, "name": scene.action.name, "input": dict(scene.action.arguments)}
        content: list[JSON] = [{"type": "text", "text": self.asked.words}, call]
        self._writer.end_turn(turn, content=content, ended=Instant.now())
        self._messages.append({"role": "assistant", "content": content})
        return turn

    def finish(self, end: Pixels | None) -> None:
        self._answer(end)
        turn = self._begin()
        self._writer.end_turn(turn, content=[{"type": "text", "text": "Done."}], ended=Instant.now())

    def _begin(self) -> int:
        tool = {"type": "computer_20250124", "name": "computer", "display_width_px": self.asked.width}
        body = {"model": self.asked.model, "system": self.asked.system, "tools": [tool], **self.asked.extra}
        messages = self._messages if self.asked.whole_history else self._messages[:1] + self._messages[-2:]
        return self._writer.begin_turn(
            model=self.asked.model, request={**body, "messages": list(messages)}, started=Instant.now()
        )

    def _answer(self, screen: Pixels | None) -> None:
        if not self._open:
            return
        content: list[JSON] = [{"type": "text", "text": "done"}]
        if screen is not None:
            data = base64.b64encode(_encoded(screen, "PNG")).decode("ascii")
            content.append({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
        result = {"type": "tool_result", "tool_use_id": self._open, "content": content}
        self._messages.append({"role": "user", "content": [result]})
