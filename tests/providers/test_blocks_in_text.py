"""Results that are JSON text of content blocks, as clients write them where a model API takes text alone."""

from __future__ import annotations

import json

import pytest

from footage.providers.blocks_in_text import blocks_in_text
from footage.providers.registry import provider_named
from footage.trajectory import JSON

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
MCP = {"type": "image", "data": "QUJD", "mimeType": "image/png"}
VERCEL = {"type": "image-data", "data": "QUJD", "mediaType": "image/png"}
WORDS = {"type": "text", "text": "Clicked."}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps([VERCEL]), [IMAGE]),
        (json.dumps([WORDS, MCP]), [WORDS, IMAGE]),
        (json.dumps({"content": [WORDS, MCP], "isError": False}), [WORDS, IMAGE]),
        (json.dumps([{**VERCEL, "type": "media"}]), [IMAGE]),
        (json.dumps([{**VERCEL, "mediaType": "audio/wav"}]), None),
        (json.dumps([WORDS]), None),
        (json.dumps([{"type": "image", "data": 7}]), None),
        (json.dumps({"data": "QUJD"}), None),
        ('[{"type": "image", "data"', None),
        ("[" * 100_000 + '"data"', None),
        ("a picture", None),
        ("", None),
        (None, None),
        ([IMAGE], None),
        ({"type": "footage", "parts": 7}, None),
    ],
)
def test_pictures_are_read_where_they_are_spelled_out(text: object, expected: list[JSON] | None) -> None:
    assert blocks_in_text(text) == expected


@pytest.mark.parametrize(
    ("provider", "request_body"),
    [
        ("chat-completions", {"messages": [{"role": "tool", "tool_call_id": "a", "content": json.dumps([VERCEL])}]}),
        (
            "openai-responses",
            {"input": [{"type": "function_call_output", "call_id": "a", "output": json.dumps([VERCEL])}]},
        ),
    ],
)
def test_a_result_shows_the_picture_that_it_spells_out(provider: str, request_body: JSON) -> None:
    (message,) = provider_named(provider).read_request(request_body)["messages"]
    (result,) = message["content"]
    assert (result["tool_use_id"], result["content"]) == ("a", [IMAGE])
