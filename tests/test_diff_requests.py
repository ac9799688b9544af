"""What of two requests' difference is the harness's doing."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from footage.analysis.requests import RequestDifference, compare_requests
from footage.analysis.screens import ScreenDifference, ScreenVerdict
from footage.trajectory import JSON, Cause, Region


def image(picture: int) -> JSON:
    source = {"type": "footage", "picture": picture, "media_type": "image/png", "sha256": f"{picture:064x}"}
    return {"type": "image", "source": source}


def call(name: str, identity: str, **arguments: Any) -> JSON:
    return {"type": "tool_use", "id": identity, "name": name, "input": arguments}


def result(identity: str, *content: JSON, **more: Any) -> JSON:
    return {"type": "tool_result", "tool_use_id": identity, "content": list(content), **more}


def text(words: str) -> JSON:
    return {"type": "text", "text": words}


def request() -> JSON:
    return {
        "model": "claude-a",
        "max_tokens": 1024,
        "system": "You use a computer.",
        "tools": [{"type": "computer_20250124", "name": "computer", "display_width_px": 1280}],
        "messages": [
            {"role": "user", "content": "Open the editor."},
            {"role": "assistant", "content": [text("I look."), call("computer", "toolu_1", action="screenshot")]},
            {"role": "user", "content": [result("toolu_1", text("done"), image(7))]},
            {"role": "assistant", "content": [call("computer", "toolu_2", action="left_click", coordinate=[5, 5])]},
            {"role": "user", "content": [result("toolu_2", image(8))]},
        ],
    }


def changed(change: Callable[[JSON], object]) -> RequestDifference | None:
    """Compare the request with a changed copy, both ways round."""
    other = copy.deepcopy(request())
    change(other)
    there, back = compare_requests(request(), other), compare_requests(other, request())
    assert (there and (there.path, there.kind)) == (back and (back.path, back.kind))
    return there


def rename_calls(body: JSON) -> None:
    for number, name in ((1, "toolu_x"), (2, "toolu_y")):
        body["messages"][2 * number - 1]["content"][-1]["id"] = name
        body["messages"][2 * number]["content"][0]["tool_use_id"] = name


def move_cache_mark(body: JSON) -> None:
    body["messages"][4]["content"][0]["cache_control"] = {"type": "ephemeral"}
    body["tools"][0]["cache_control"] = {"type": "ephemeral", "ttl": "1h"}


def spell_out(body: JSON) -> None:
    body["system"] = [{"type": "text", "text": body["system"], "cache_control": {"type": "ephemeral"}}]
    body["messages"][0]["content"] = [text(body["messages"][0]["content"])]
    body["messages"][1]["content"][0]["citations"] = None


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(model="claude-b", metadata={"user_id": "x"}, stream=True),
        rename_calls,
        move_cache_mark,
        spell_out,
    ],
)
def test_what_is_no_difference(change: Callable[[JSON], object]) -> None:
    assert changed(change) is None


@pytest.mark.parametrize(
    ("change", "path", "kind", "cause"),
    [
        (lambda b: b.update(system="You use a computer well."), "system", "prompt", Cause.HARNESS),
        (lambda b: b.pop("system"), "system", "prompt", Cause.HARNESS),
        (lambda b: b["tools"].append({"name": "bash"}), "tools[1]", "tools", Cause.HARNESS),
        (lambda b: b["tools"][0].update(type="computer_20251124"), "tools[0].type", "tools", Cause.HARNESS),
        (
            lambda b: b["tools"][0].update(display_width_px=1024),
            "tools[0].display_width_px",
            "scaling",
            Cause.HARNESS,
        ),
        (lambda b: b.update(max_tokens=99), "max_tokens", "parameters", Cause.HARNESS),
        (lambda b: b.update(thinking={"budget_tokens": 9}), "thinking", "parameters", Cause.HARNESS),
        (
            lambda b: b["messages"][0].update(content="Open it."),
            "messages[0].content[0].text",
            "prompt",
            Cause.HARNESS,
        ),
        (
            lambda b: b["messages"][2]["content"][0]["content"].__setitem__(1, text("(omitted)")),
            "messages[2].content[0].content[1]",
            "history",
            Cause.HARNESS,
        ),
        (lambda b: b["messages"].pop(0), "messages[0]", "history", Cause.HARNESS),
        (lambda b: b["messages"].extend(b["messages"][-2:]), "messages[5]", "reply", Cause.MODEL),
        (
            lambda b: b["messages"][1]["content"][0].update(text="Let me look."),
            "messages[1].content[0].text",
            "reply",
            Cause.MODEL,
        ),
        (
            lambda b: b["messages"][3]["content"][0]["input"].update(coordinate=[5, 6]),
            "messages[3].content[0].input.coordinate[1]",
            "reply",
            Cause.MODEL,
        ),
        (
            lambda b: b["messages"][2]["content"][0]["content"][0].update(text="failed"),
            "messages[2].content[0].content[0].text",
            "result",
            Cause.ENVIRONMENT,
        ),
        (
            lambda b: b["messages"][4]["content"][0].update(is_error=True),
            "messages[4].content[0].is_error",
            "result",
            Cause.ENVIRONMENT,
        ),
    ],
)
def test_the_first_difference_is_named(change: Callable[[JSON], object], path: str, kind: str, cause: Cause) -> None:
    difference = changed(change)
    assert difference is not None
    assert (difference.path, difference.kind, difference.cause) == (path, kind, cause)
    assert difference.why


def test_the_harness_comes_first_though_the_model_worded_it_otherwise_before() -> None:
    def change(body: JSON) -> None:
        body["messages"][1]["content"][0]["text"] = "Looking."
        body["messages"][2]["content"][0]["content"].pop()

    difference = changed(change)
    assert difference is not None
    assert (difference.path, difference.kind) == ("messages[2].content[0].content[1]", "history")


def test_after_another_call_nothing_is_laid_at_the_harness() -> None:
    def change(body: JSON) -> None:
        body["messages"][1]["content"] = [call("bash", "toolu_9", command="ls")]
        body["messages"][2:] = [{"role": "user", "content": [result("toolu_9", text("a b c"))]}]

    difference = changed(change)
    assert difference is not None
    assert difference.cause is Cause.MODEL


@pytest.mark.parametrize(
    ("verdict", "resized", "expected"),
    [
        (ScreenVerdict.COSMETIC, False, None),
        (ScreenVerdict.MATERIAL, False, ("picture", Cause.ENVIRONMENT)),
        (ScreenVerdict.MATERIAL, True, ("scaling", Cause.HARNESS)),
    ],
)
def test_pictures_are_compared_by_what_they_show(
    verdict: ScreenVerdict, *, resized: bool, expected: tuple[str, Cause] | None
) -> None:
    other = copy.deepcopy(request())
    other["messages"][4]["content"][0]["content"] = [image(9)]
    seen: list[tuple[int, int]] = []

    def compare(a: JSON, b: JSON) -> ScreenDifference:
        seen.append((a["picture"], b["picture"]))
        return ScreenDifference(verdict, (Region(0, 0, 9, 9),), 81, "changed", resized=resized)

    difference = compare_requests(request(), other, compare)
    assert seen == [(8, 9)]
    assert (difference and (difference.kind, difference.cause)) == expected


def test_pictures_with_equal_bytes_are_not_looked_at() -> None:
    other = copy.deepcopy(request())
    other["messages"][4]["content"][0]["content"][0]["source"]["picture"] = 99
    assert compare_requests(request(), other) is None


@pytest.mark.parametrize(
    "strange",
    [
        {"messages": None, "tools": "x", "system": 5},
        {"messages": ["hello", 3, {"role": "user", "content": ["a", None, {"type": 5}]}]},
        {"messages": [{"content": {"a": 1}}, {"role": "assistant", "content": [{"type": None}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "tool_result", "content": 5}]}]},
    ],
)
def test_requests_that_make_no_sense_are_compared_all_the_same(strange: JSON) -> None:
    assert compare_requests(strange, copy.deepcopy(strange)) is None
    assert compare_requests(strange, request()) is not None
