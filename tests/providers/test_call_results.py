"""What a result says of each action of its call, whoever reads it."""

from __future__ import annotations

import pytest

from footage.providers.call_results import is_failed, shares_of, zoomed
from footage.trajectory import JSON, Action, Region, StepStatus

DONE, FAILED, NOT = StepStatus.EXECUTED, StepStatus.FAILED, StepStatus.NOT_EXECUTED


def text(words: str) -> JSON:
    return {"type": "text", "text": words}


def picture(name: str) -> JSON:
    return {"type": "image", "name": name}


def shared(blocks: list[JSON], count: int, *, failed: bool = False) -> list[tuple[StepStatus, str, list[str]]]:
    shares = shares_of(blocks, count, failed=failed, picture_of=lambda block: block.get("name"))
    return [(share.status, share.text, share.pictures) for share in shares]


@pytest.mark.parametrize(
    ("blocks", "count", "failed", "expected"),
    [
        ([text("ok"), picture("a")], 1, False, [(DONE, "ok", ["a"])]),
        ([text("no"), picture("a")], 1, True, [(FAILED, "no", ["a"])]),
        ([text("Not executed: an earlier call failed")], 1, True, [(NOT, "Not executed: an earlier call failed", [])]),
        ([], 2, False, [(DONE, "", []), (DONE, "", [])]),
        ([picture("a")], 3, False, [(DONE, "", []), (DONE, "", []), (DONE, "", ["a"])]),
        ([picture("a"), picture("b")], 2, False, [(DONE, "", ["a"]), (DONE, "", ["b"])]),
        (
            [text("[0:key] (ok)"), picture("a"), text("[1:type] (ok)"), text("more")],
            2,
            False,
            [(DONE, "[0:key] (ok)", ["a"]), (DONE, "[1:type] (ok)\nmore", [])],
        ),
        (
            [text("[0] ok"), text("[1] no such key"), picture("a")],
            3,
            True,
            [(DONE, "[0] ok", []), (FAILED, "[1] no such key", ["a"]), (NOT, "", [])],
        ),
        ([text("[7] of nobody")], 2, False, [(DONE, "", []), (DONE, "[7] of nobody", [])]),
        ([text("[0] is how it begins")], 1, False, [(DONE, "[0] is how it begins", [])]),
        ([text("broke")], 2, True, [(FAILED, "", []), (FAILED, "broke", [])]),
    ],
)
def test_each_action_gets_its_share_of_a_result(
    blocks: list[JSON], count: int, failed: bool, expected: list[tuple[StepStatus, str, list[str]]]
) -> None:
    assert shared(blocks, count, failed=failed) == expected


@pytest.mark.parametrize(
    ("block", "failed"),
    [
        ({"is_error": True}, True),
        ({"is_error": False, "content": "error"}, False),
        ({"content": {"type": "web_search_tool_result_error", "error_code": "too_many"}}, True),
        ({"content": {"type": "web_search_tool_result"}}, False),
        ({}, False),
    ],
)
def test_an_error_is_known_by_its_mark_or_by_the_type_of_what_a_service_says(block: JSON, failed: bool) -> None:
    assert is_failed(block) is failed


def test_a_zoom_shows_its_region_and_nothing_else_shows_one() -> None:
    assert zoomed(Action("zoom", {"region": [10, 20, 40, 80]})) == Region(10, 20, 30, 60)
    assert zoomed(Action("zoom", {"region": [40, 20, 10, 80]})) is None
    assert zoomed(Action("zoom", {})) is None
    assert zoomed(Action("zoom", {"region": [10, 20, 40, 80]}, "files")) is None
