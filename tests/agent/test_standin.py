"""The stand-in's policy: what it sees, and what follows from it. No server, no desktop."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
import pytest

from footage.agent.standin.goals import PAGES, SUM, Character, goal_of
from footage.agent.standin.sight import Sight, _target
from footage.agent.standin.standin_replies import BadRequest, reply_to
from footage.providers.anthropic.computer_tools import TOOL_VERSIONS, TOOLSET, actions_of
from footage.providers.anthropic.scaling import encode_png
from footage.providers.images import image_block
from footage.trajectory import JSON, Action, Space
from painted_calculator import EDITOR, KEYS, PaintedCalculator


def body(task: str, *messages: JSON, model: str = "stand-in/careful", version: str = TOOL_VERSIONS[2]) -> JSON:
    tool: JSON = {"type": version, "name": "computer", "display_width_px": 1280, "display_height_px": 800}
    if version == TOOLSET:
        tool = {"type": TOOLSET}
    history = [{"role": "user", "content": task}, *messages]
    return {"model": model, "max_tokens": 99, "tools": [tool], "messages": history}


def screen_of(machine: PaintedCalculator) -> JSON:
    return image_block(encode_png(machine.screenshot().pixels))


def answer(call: JSON, *content: JSON, **more: Any) -> JSON:
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": list(content), **more}
    return {"role": "user", "content": [result]}


class Talk:
    """A conversation with the stand-in over a painted calculator, without HTTP."""

    def __init__(self, task: str, **options: Any) -> None:
        self.machine = PaintedCalculator()
        self.options = options
        self.task = task
        self.messages: list[JSON] = []
        self.actions: list[Action] = []
        self.said = ""

    def turn(self) -> JSON | None:
        """One turn: ask, act, answer; returns the call, or None at the end."""
        message = reply_to(body(self.task, *self.messages, **self.options))
        self.messages.append({"role": "assistant", "content": message["content"]})
        self.said = message["content"][1]["text"]
        if message["stop_reason"] == "end_turn":
            return None
        call: JSON = message["content"][-1]
        (action,) = actions_of(call)
        self.actions.append(action)
        self.machine.perform(action)
        self.messages.append(answer(call, screen_of(self.machine)))
        return call

    def finish(self) -> str:
        for _ in range(60):
            if self.turn() is None:
                return self.said
        raise AssertionError("it does not end")


@pytest.mark.parametrize("version", TOOL_VERSIONS)
def test_careful_does_the_sum_with_every_tool(version: str) -> None:
    talk = Talk(SUM.task, version=version)
    assert talk.finish() == "The calculator says 12 × 34 = 408. I am done."
    assert talk.machine.files == {"notes.txt": "12 × 34 = 408 — żółć ✓"}
    assert [a.name for a in talk.actions] == ["screenshot", *["left_click"] * 7, "type", "key", "screenshot"]
    assert talk.messages[0]["content"][-1].get("toolset_name") == ("computer" if version == TOOLSET else None)


@pytest.mark.parametrize("seed", range(3))
def test_hasty_misses_exactly_one_target_and_writes_what_it_reads(seed: int) -> None:
    careful, hasty = Talk(SUM.task), Talk(SUM.task, model=f"stand-in/hasty:{seed}")
    careful.finish()
    hasty.finish()
    missed = [i for i, (a, b) in enumerate(zip(careful.actions, hasty.actions, strict=True)) if a.point != b.point]
    assert len(missed) == 1
    assert SUM.expected not in hasty.machine.files["notes.txt"]
    assert careful.machine.files["notes.txt"].split("=")[0] == hasty.machine.files["notes.txt"].split("=")[0]


def test_the_same_seed_misses_the_same_target() -> None:
    goal = goal_of(SUM.task)
    assert goal is not None
    assert Character.of_model("stand-in/hasty") == Character("hasty", 0)
    assert len({Character("hasty", seed).slip(goal) for seed in range(20)}) > 3
    assert Character("hasty", 5).slip(goal) == Character("hasty", 5).slip(goal)
    assert Character("careful", 5).slip(goal) is None


def test_careful_notices_a_wrong_number_and_starts_again() -> None:
    talk = Talk(SUM.task)
    for _ in range(3):
        talk.turn()
    talk.machine.perform(Action("left_click", {"coordinate": list(KEYS["9"])}))  # somebody interferes
    talk.messages[-1]["content"][0]["content"] = [screen_of(talk.machine)]
    assert talk.finish() == "The calculator says 12 × 34 = 408. I am done."
    assert talk.actions[3].point == (KEYS["C"][0] + 16, KEYS["C"][1] + 13)
    assert talk.machine.files["notes.txt"].startswith(SUM.expected)


def test_careful_gives_up_on_a_calculator_that_stays_wrong() -> None:
    class Broken(PaintedCalculator):
        def _press(self, key: str) -> None:
            super()._press("7" if key == "2" else key)

    talk = Talk(SUM.task)
    talk.machine = Broken()
    assert "should show 12, but shows 17" in talk.finish()
    assert sum(a.point == (KEYS["C"][0] + 16, KEYS["C"][1] + 13) for a in talk.actions) == 2


def test_a_history_with_a_repaired_call_is_gone_on_with() -> None:
    """What a fork does: the slip's coordinates are replaced, and the rest of the run comes out right."""
    hasty = Talk(SUM.task, model="stand-in/hasty")
    slip = Character("hasty").slip(goal_of(SUM.task) or pytest.fail("no goal"))
    assert slip is not None
    for _ in range(slip[0] + 1):
        hasty.turn()
    call = reply_to(body(SUM.task, *hasty.messages, **hasty.options))["content"][-1]
    right = {**call, "input": {"action": "left_click", "coordinate": list(KEYS["4"])}}
    (action,) = actions_of(right)
    hasty.machine.perform(action)
    hasty.messages += [{"role": "assistant", "content": [right]}, answer(right, screen_of(hasty.machine))]
    hasty.finish()
    assert hasty.machine.files["notes.txt"].startswith(SUM.expected)


def test_a_failed_call_is_made_again_after_a_look() -> None:
    talk = Talk(SUM.task)
    talk.turn()
    call = reply_to(body(SUM.task, *talk.messages))["content"][-1]
    talk.messages += [
        {"role": "assistant", "content": [call]},
        answer(call, {"type": "text", "text": "The hand slipped."}, is_error=True),
    ]
    assert (talk.turn() or {})["input"]["action"] == "screenshot"
    again = talk.turn()
    assert again is not None
    assert again["input"] == call["input"]


def test_what_is_covered_is_not_clicked() -> None:
    talk = Talk(SUM.task)
    talk.machine.cover()
    said = talk.finish()
    assert "I cannot find" in said or "no number that I can read" in said
    assert all(action.name == "screenshot" for action in talk.actions)


def test_without_pictures_it_asks_and_then_stops() -> None:
    messages: list[JSON] = []
    for _ in range(3):
        call = reply_to(body(SUM.task, *messages))["content"][-1]
        messages += [{"role": "assistant", "content": [call]}, answer(call, {"type": "text", "text": "Done."})]
    final = reply_to(body(SUM.task, *messages))
    assert final["stop_reason"] == "end_turn"
    assert "no screen" in final["content"][1]["text"]


@pytest.mark.parametrize(
    ("task", "text", "saved"),
    [
        ("Write hello in the notes", "hello", False),
        ('Please write "two words" into the editor and save it.', "two words", True),
    ],
)
def test_it_writes_a_word_in_the_notes(task: str, text: str, saved: bool) -> None:
    talk = Talk(task)
    assert text in talk.finish()
    assert [a.arguments.get("text") for a in talk.actions if a.name == "type"] == [text]
    assert (talk.machine.files.get("notes.txt") == text) == saved


def test_it_does_other_sums_too() -> None:
    talk = Talk("What is 907 + 15? Use the calculator.")
    assert talk.finish() == "The calculator says 907 + 15 = 922. I am done."
    assert talk.machine.files == {}


@pytest.mark.parametrize("task", ["Sing a song", "", "Write a poem", "What is 2 × 3?"])
def test_of_other_tasks_it_says_that_it_does_not_know_them(task: str) -> None:
    message = reply_to(body(task))
    assert message["stop_reason"] == "end_turn"
    assert "scripted stand-in, no language model" in message["content"][1]["text"]


def test_coordinates_are_in_the_size_the_tool_was_declared_with() -> None:
    asked = body("Write hello in the notes", {"role": "user", "content": [screen_of(PaintedCalculator())]})
    asked["tools"][0] |= {"display_width_px": 640, "display_height_px": 400}
    x, y = reply_to(asked)["content"][-1]["input"]["coordinate"]
    assert Space(640, 400, 1280, 800).to_screen(x, y) == pytest.approx((EDITOR[0], EDITOR[1] + 120), abs=2)


def test_a_request_without_a_computer_tool_is_answered_in_words() -> None:
    asked = body(SUM.task) | {"tools": []}
    assert "computer tool" in reply_to(asked)["content"][1]["text"]
    custom = body(SUM.task) | {"tools": [{"name": "computer", "input_schema": {}}]}
    assert reply_to(custom)["content"][-1]["input"] == {"action": "screenshot"}


def test_a_picture_that_is_none_ends_the_task() -> None:
    broken = image_block(b"no picture")
    asked = body(SUM.task, {"role": "user", "content": [broken]})
    assert "no picture" in reply_to(asked)["content"][1]["text"]
    assert base64.b64decode(broken["source"]["data"]) == b"no picture"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "stand-in/nobody"}, 404),
        ({"model": "stand-in/hasty:x"}, 404),
        ({"messages": []}, 400),
        ({"messages": "hello"}, 400),
    ],
)
def test_requests_the_service_would_turn_down_are_turned_down(change: JSON, status: int) -> None:
    with pytest.raises(BadRequest) as refused:
        reply_to(body(SUM.task) | change)
    assert refused.value.status == status
    with pytest.raises(BadRequest):
        reply_to([])


def test_every_target_is_found_where_it_is_and_told_from_the_others() -> None:
    machine = PaintedCalculator()
    sight = Sight(machine.screenshot().pixels)
    names = {key: {"=": "equals", "C": "clear", "*": "times", "+": "plus"}.get(key, key) for key in KEYS}
    for key, at in KEYS.items():
        found = sight.find(f"key-{names[key]}")
        assert ((found.x, found.y), found.sure) == (at, True)
    blank = Sight(np.full((800, 1280, 3), 244, np.uint8))
    assert not any(blank.find(f"key-{name}").sure for name in names.values())
    assert blank.number() == ""
    tiny = Sight(np.zeros((4, 4, 3), np.uint8))
    assert not tiny.find("key-1").sure


@pytest.mark.parametrize("number", ["0", "1234567890", "40800", "111", "888888"])
def test_the_display_is_read_to_the_digit(number: str) -> None:
    machine = PaintedCalculator()
    for digit in number:
        machine.perform(Action("left_click", {"coordinate": list(KEYS[digit])}))
    assert Sight(machine.screenshot().pixels).number() == number


def test_a_screen_that_was_jpeg_on_the_way_is_still_understood() -> None:
    pixels = PaintedCalculator().screenshot().pixels
    _, lossy = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 75])
    data = base64.b64encode(lossy.tobytes()).decode()
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": data}}
    call = reply_to(body(SUM.task, {"role": "user", "content": [picture]}))["content"][-1]
    assert call["input"]["coordinate"] == [KEYS["1"][0] + 16, KEYS["1"][1] + 13]


class Installer:
    """The installer's pages, painted: rows, a button, and the page that follows from what was chosen."""

    ROWS = (("row-english", 454), ("row-united-kingdom", 535), ("row-british-english", 417))

    def __init__(self, blanks: int = 0) -> None:
        self.page, self.chosen, self.blanks = 0, 454, blanks
        self.country = 0

    def screen(self) -> JSON:
        pixels = np.full((800, 1280), 255, np.uint8)
        name, y = self.ROWS[self.page]
        if self.blanks and self.page == 2:
            self.blanks -= 1
            return image_block(encode_png(np.repeat(pixels[:, :, None], 3, axis=2)))
        self._paste(pixels, name, 24, y, chosen=self.chosen == y)
        self._paste(pixels, "button-continue", 1188, 774)
        if self.page == 2:
            self._paste(pixels, "heading-keyboard", 14, 94)
        return image_block(encode_png(np.repeat(pixels[:, :, None], 3, axis=2)))

    @staticmethod
    def _paste(pixels: Any, name: str, left: int, y: int, *, chosen: bool = False) -> None:
        target = _target(name)
        height, width = target.shape
        pixels[y - height // 2 : y - height // 2 + height, left : left + width] = 255 - target if chosen else target

    def perform(self, action: Action) -> None:
        if action.point is None:
            return
        if action.point == (1218, 774):
            self.country = self.chosen if self.page == 1 else self.country
            self.page += 1
            right = self.page == 2 and self.country == 535
            self.chosen = 417 if right else 0
        else:
            self.chosen = round((action.point[1] - 535) / 23) * 23 + 535


@pytest.mark.parametrize(("model", "offered"), [("careful", "British English"), ("hasty", "something else")])
def test_the_installer_is_gone_through_page_by_page(model: str, offered: str) -> None:
    talk, machine = Talk(PAGES.task, model=f"stand-in/{model}"), Installer(blanks=4)
    talk.machine = machine  # type: ignore[assignment] # all it needs is `perform`, and a screen
    said = ""
    for _ in range(20):
        message = reply_to(body(PAGES.task, *talk.messages, **talk.options))
        said = message["content"][1]["text"]
        if message["stop_reason"] == "end_turn":
            break
        call = message["content"][-1]
        talk.actions += actions_of(call)
        machine.perform(talk.actions[-1])
        talk.messages += [{"role": "assistant", "content": message["content"]}, answer(call, machine.screen())]
    assert said.startswith(f"The installer has come to the keyboard, and offers {offered}")
    assert [a.name for a in talk.actions] == ["screenshot", *["left_click"] * 3, *["wait"] * 4]
    assert abs(talk.actions[2].point[1] - 535) == (0 if model == "careful" else 23)  # type: ignore[index] # a click


def test_careful_chooses_again_where_another_row_is_chosen() -> None:
    talk, machine = Talk(PAGES.task), Installer()
    machine.page, machine.chosen = 1, 558
    went_on: JSON = {"action": "left_click", "coordinate": [1218, 774]}
    chose: JSON = {"action": "left_click", "coordinate": [230, 558]}
    for number, given in enumerate((went_on, chose)):
        call = {"type": "tool_use", "id": f"c{number}", "name": "computer", "input": given}
        talk.messages += [{"role": "assistant", "content": [call]}, answer(call, machine.screen())]
    message = reply_to(body(PAGES.task, *talk.messages))
    assert message["content"][1]["text"] == "I choose again: United Kingdom."
    (action,) = actions_of(message["content"][-1])
    machine.perform(action)
    assert machine.chosen == 535
    talk.messages += [
        {"role": "assistant", "content": message["content"]},
        answer(message["content"][-1], machine.screen()),
    ]
    assert reply_to(body(PAGES.task, *talk.messages))["content"][1]["text"] == "I go on to the next page."
