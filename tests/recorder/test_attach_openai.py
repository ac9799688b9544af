"""OpenAI's real clients, attached: what they ask and are told is recorded as it passes, and they get what they got."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from footage.recorder.recording import record
from footage.storage import open_store
from footage.trajectory import FrameRole
from model_services import model_services
from recording import png

PICTURE = "data:image/png;base64," + base64.b64encode(png(9, (1280, 800))).decode()
ANSWER = {
    "type": "computer_call_output",
    "call_id": "call_0",
    "output": {"type": "computer_screenshot", "image_url": PICTURE},
}
FIRST: Any = {"model": "gpt-x", "tools": [{"type": "computer"}], "input": "Click it"}
SECOND: Any = {**FIRST, "input": [ANSWER], "previous_response_id": "resp_0"}


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with model_services() as address:
        yield f"{address}/v1"


def told(client: Any, asked: Any, *, stream: bool) -> Any:
    if not stream:
        return client.responses.create(**asked)
    return list(client.responses.create(**asked, stream=True))[-1].response


async def told_later(client: Any, asked: Any, *, stream: bool) -> Any:
    if not stream:
        return await client.responses.create(**asked)
    return [event async for event in await client.responses.create(**asked, stream=True)][-1].response


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_an_attached_client_is_recorded_and_gets_what_it_got(
    tmp_path: Path, service: str, awaited: bool, stream: bool
) -> None:
    async def later(run: Any) -> list[Any]:
        async with run.attach(openai.AsyncOpenAI(api_key="k", base_url=service)) as client:
            return [await told_later(client, asked, stream=stream) for asked in (FIRST, SECOND)]

    with open_store(tmp_path / "runs.db") as store:
        with record(store=store) as run:
            if awaited:
                replies = asyncio.run(later(run))
            else:
                client = run.attach(openai.OpenAI(api_key="k", base_url=service))
                assert run.attach(client) is client
                replies = [told(client, asked, stream=stream) for asked in (FIRST, SECOND)]
        assert [reply.output[0].call_id for reply in replies] == ["call_0", "call_1"]
        steps = store.steps(run.id)
        assert [(step.turn, step.action.name, step.action.point) for step in steps] == [
            (0, "screenshot", None),
            (1, "left_click", (600, 400)),
            (1, "type", None),
        ]
        assert len(steps[0].frames[FrameRole.OBSERVED]) == 1
        assert {turn.provider for turn in store.turns(run.id)} == {"openai-responses"}
        assert len(store.conversations(run.id)) == 1
        assert store.run(run.id).task == "Click it"


def test_the_key_of_an_attached_client_is_stored_nowhere(tmp_path: Path, service: str) -> None:
    key = "sk-proj-0123456789abcdefghijklmnop"
    with open_store(tmp_path / "runs.db") as store, record(store=store) as run:
        client = run.attach(openai.OpenAI(api_key=key, base_url=service))
        client.responses.create(**{**FIRST, "input": f"My key is {key}"})
    assert key.encode() not in (tmp_path / "runs.db").read_bytes()
