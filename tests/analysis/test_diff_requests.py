"""What of two requests' difference is the harness's doing."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from footage.analysis.requests.blame import RequestDifference, compare_requests
from footage.analysis.requests.grading import grade_request
from footage.analysis.screens.comparison_of_screens import ScreenDifference, ScreenVerdict
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


# --- runs that went on for unequally long ---------------------------------------------------------


def talk(*actions: str, pictures: int = 99, summary: str = "") -> JSON:
    """Return a request after these actions, of a harness that keeps so many of the newest pictures."""
    messages: list[JSON] = [{"role": "user", "content": summary or "Open the editor."}]
    for number, action in enumerate(actions):
        age = len(actions) - number
        shown = image(100 + number) if age <= pictures else text("(omitted)")
        messages.append({"role": "assistant", "content": [call("computer", f"c{number}", action=action)]})
        messages.append({"role": "user", "content": [result(f"c{number}", text("ok"), shown)]})
    return {"system": "s", "tools": [], "messages": messages}


def alike(_a: JSON, _b: JSON) -> ScreenDifference:
    return ScreenDifference(ScreenVerdict.IDENTICAL)


@pytest.mark.parametrize("pictures", [1, 2, 3, 99])
@pytest.mark.parametrize("extra", [["wait"], ["screenshot", "wait"]])
def test_a_look_more_in_one_run_is_no_pruned_history(pictures: int, extra: list[str]) -> None:
    one = talk("screenshot", "left_click", "type", "key", pictures=pictures)
    for at in range(5):
        actions = ["screenshot", "left_click", "type", "key"]
        actions[at:at] = extra
        found = compare_requests(one, talk(*actions, pictures=pictures), alike)
        assert found is None, (at, found)


@pytest.mark.parametrize(("kept", "other"), [(99, 1), (3, 1), (99, 2), (2, 0)])
def test_fewer_pictures_kept_is_the_harness_doing_though_one_run_waited(kept: int, other: int) -> None:
    actions = ["screenshot", "left_click", "type", "key", "left_click"]
    for waits in ([], ["wait"]):
        found = compare_requests(talk(*actions, pictures=kept), talk(*waits, *actions, pictures=other), alike)
        assert found is not None
        assert (found.kind, found.cause) == ("history", Cause.HARNESS), (waits, found)


def test_a_result_without_the_picture_that_the_other_run_got_is_the_worlds() -> None:
    one, two = (talk("screenshot", "left_click", "type") for _ in "ab")
    two["messages"][4]["content"][0]["content"] = [text("the tool failed")]
    found = compare_requests(one, two, alike)
    assert found is not None
    assert (found.kind, found.cause) == ("result", Cause.ENVIRONMENT)


def test_an_acting_reply_that_one_run_has_more_is_the_models() -> None:
    found = compare_requests(talk("left_click", "key"), talk("left_click", "left_click", "key"), alike)
    assert found is not None
    assert found.cause is Cause.MODEL


# --- what is another each time, wherever it stands ------------------------------------------------

NOW, THEN = "Today is Sunday, November 22, 2026.", "Today is Monday, November 23, 2026."


def in_system(words: str) -> JSON:
    return {**request(), "system": words}


def in_a_block(words: str) -> JSON:
    return {**request(), "system": [text("You use a computer."), text(words)]}


def said_by_the_user(words: str) -> JSON:
    body = request()
    body["messages"][0]["content"] = [text("Open the editor."), text(f"<env>{words}</env>")]
    return body


def in_a_tool(words: str) -> JSON:
    body = request()
    body["tools"].append({"name": "bash", "description": f"Runs a command. {words}", "input_schema": {}})
    return body


def in_a_result(words: str) -> JSON:
    body = request()
    body["messages"][2]["content"][0]["content"][0]["text"] = words
    return body


@pytest.mark.parametrize("place", [in_system, in_a_block, said_by_the_user, in_a_tool, in_a_result])
def test_a_date_is_no_difference_wherever_it_stands_for_the_diff_and_for_the_tape(place: Callable[[str], JSON]) -> None:
    assert compare_requests(place(NOW), place(THEN)) is None
    changes = grade_request(place(NOW), place(THEN))
    assert [change.grade for change in changes] == ["volatile"]
    assert compare_requests(place(NOW), place("Be quick.")) is not None
    assert any(change.counts for change in grade_request(place(NOW), place("Be quick.")))


@pytest.mark.parametrize(
    "change",
    [
        lambda b, v: b.update(container=v),
        lambda b, v: b["messages"][1]["content"].insert(0, {"type": "thinking", "thinking": "t", "signature": v}),
        lambda b, v: b["messages"][1]["content"].insert(0, {"type": "redacted_thinking", "data": v}),
    ],
)
def test_signatures_and_containers_count_neither_for_the_diff_nor_for_the_tape(
    change: Callable[[JSON, str], object],
) -> None:
    one, two = request(), request()
    change(one, "AAA")
    change(two, "BBB")
    assert compare_requests(one, two) is None
    assert not any(found.counts for found in grade_request(one, two))
