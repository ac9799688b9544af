"""Clients of the clouds, in process: as far as can be tried with made-up keys and a service on loopback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anthropic
import pytest

from clouds import EVENTS, answer, aws_message
from footage.providers.streams.aws_events import AwsEvents
from recording import Recorded, Tape, user
from service import Service, asked, text


def client(name: str, url: str) -> Any:
    if name == "bedrock":
        return anthropic.AnthropicBedrock(api_key="k", aws_region="us-east-1", base_url=url, max_retries=0)
    return anthropic.AnthropicVertex(access_token="t", project_id="p", region="r", base_url=f"{url}/v1", max_retries=0)


def check(seen: Recorded) -> None:
    (turn,) = seen.turns
    assert (turn.status, turn.text, turn.response_id) == ("completed", "I click.", "msg_1")
    assert [(step.call_id, step.action.point) for step in seen.steps] == [("a", (10, 20))]
    assert seen.requests[0] is not None
    assert seen.requests[0]["model"] == "claude-x"  # as the agent asked, before it was rewritten for the cloud


@pytest.mark.parametrize("name", ["bedrock", "vertex"])
def test_a_whole_reply_is_recorded(tmp_path: Path, name: str) -> None:
    tape = Tape(tmp_path)
    with Service([text("unused")], other=answer) as service, tape.run.attach(client(name, service.url)) as cloud:
        assert cloud.messages.create(**asked(user("Go"))).content[0].text == "I click."
    check(tape.read())


def test_a_streamed_reply_is_recorded_on_vertex(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    with (
        Service([text("unused")], other=answer) as service,
        tape.run.attach(client("vertex", service.url)) as cloud,
        cloud.messages.stream(**asked(user("Go"))) as events,
    ):
        assert events.get_final_message().content[0].text == "I click."
    check(tape.read())


def test_a_streamed_reply_is_recorded_on_bedrock(tmp_path: Path) -> None:
    """The SDK needs botocore to read such a stream; the bytes are recorded as they pass, whoever reads them."""
    tape = Tape(tmp_path)
    with Service([text("unused")], other=answer) as service, tape.run.attach(client("bedrock", service.url)) as cloud:
        create = cloud.messages.with_streaming_response.create
        with create(**asked(user("Go")), stream=True) as response:
            assert b"".join(response.iter_bytes())
    check(tape.read())


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_the_stream_of_aws_is_read_however_it_is_cut(size: int) -> None:
    whole, reader = b"".join(map(aws_message, EVENTS)), AwsEvents()
    found = b"".join(reader.feed(whole[at : at + size]) for at in range(0, len(whole), size))
    assert [json.loads(line[6:]) for line in found.split(b"\n\n")[:-1]] == EVENTS


@pytest.mark.parametrize("junk", [b"", b"x" * 100, b"\xff" * 64, b"\x00" * 64, aws_message({})[:20]])
def test_what_is_no_stream_of_aws_is_passed_over(junk: bytes) -> None:
    assert AwsEvents().feed(junk) == b""
