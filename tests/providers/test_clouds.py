"""Claude in the clouds: which paths ask for a message, and what they say of it."""

from __future__ import annotations

import pytest

from footage.providers.anthropic.messages import MESSAGES_API
from footage.providers.streams.aws_events import AwsEvents, aws_message

CLAUDE = "anthropic.claude-x-v1:0"
PROFILE = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fabc"
VERTEX = "/v1/projects/p/locations/r/publishers/anthropic/models"


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        (f"/model/{CLAUDE}/invoke", CLAUDE, False),
        (f"/model/{CLAUDE}/invoke-with-response-stream", CLAUDE, True),
        (f"/model/{PROFILE}/invoke", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", False),
        (f"{VERTEX}/claude-x@1:rawPredict", "claude-x@1", False),
        (f"{VERTEX}/claude-x@1:streamRawPredict?a=b", "claude-x@1", True),
    ],
)
def test_a_path_of_a_cloud_names_model_and_stream(path: str, model: str, stream: bool) -> None:
    assert MESSAGES_API.recognises("POST", path, {})
    body = {"messages": [], "anthropic_version": "x"}
    asked = MESSAGES_API.read_request(body, path)
    assert (asked["model"], asked.get("stream", False)) == (model, stream)
    assert body == {"messages": [], "anthropic_version": "x"}


@pytest.mark.parametrize(
    "path",
    [
        "/model/amazon.nova-pro-v1:0/invoke",
        f"/model/{CLAUDE}/converse",
        f"/model/{CLAUDE}/count-tokens",
        f"{VERTEX}/count-tokens:rawPredict",
        "/v1/projects/p/locations/r/publishers/mistralai/models/m:rawPredict",
    ],
)
def test_other_paths_of_clouds_ask_for_no_message(path: str) -> None:
    assert not MESSAGES_API.recognises("POST", path, {})


def test_an_event_comes_back_out_of_its_message() -> None:
    message = aws_message(b'event: ping\ndata: {"type": "ping"}\n\n')
    assert AwsEvents().feed(message) == b'data: {"type": "ping"}\n\n'
    assert aws_message(b"event: ping\n\n") == b""
