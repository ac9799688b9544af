"""Google's real client, attached: what it asks and is told is recorded as it passes, and it gets what it got."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google import genai
from google.genai import types

from footage.errors import UsageError
from footage.recorder.recording import record
from footage.storage import open_store
from model_services import model_services
from recording import png

KEY = "AIza0123456789abcdefghijklmnopqrstuv"
TOOL = types.Tool(computer_use=types.ComputerUse(environment=types.Environment.ENVIRONMENT_BROWSER))
ASKED: Any = {
    "config": types.GenerateContentConfig(tools=[TOOL]),
    "model": "gemini-x",
    "contents": [
        types.Part(text="Click it"),
        types.Part.from_bytes(data=png(9, (1280, 800)), mime_type="image/png"),
    ],
}


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with model_services() as address:
        yield address


def client_of(service: str) -> genai.Client:
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=service))


async def told_later(client: Any, own: genai.Client, *, stream: bool) -> list[Any]:
    try:
        if not stream:
            return [await client.aio.models.generate_content(**ASKED)]
        return [piece async for piece in await client.aio.models.generate_content_stream(**ASKED)]
    finally:
        await own.aio.aclose()


def told(client: Any, *, stream: bool) -> list[Any]:
    if not stream:
        return [client.models.generate_content(**ASKED)]
    return list(client.models.generate_content_stream(**ASKED))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_an_attached_client_is_recorded_and_gets_what_it_got(
    tmp_path: Path, service: str, awaited: bool, stream: bool
) -> None:
    path = tmp_path / "runs.db"
    own = client_of(service)
    with open_store(path) as store:
        with record(store=store) as run:
            client = run.attach(own)
            assert run.attach(client) is client
            pieces = asyncio.run(told_later(client, own, stream=stream)) if awaited else told(client, stream=stream)
            told(own, stream=stream)  # the client itself stayed as it was: this is not recorded
        assert [call.name for piece in pieces for call in piece.function_calls or []] == ["click_at"]
        (step,) = store.steps(run.id)
        assert (step.turn, step.action.name, step.action.point) == (
            0,
            "left_click",
            (640, 400),
        )  # of the picture's pixels
        (turn,) = store.turns(run.id)
        assert (turn.provider, turn.status, turn.text) == ("gemini", "completed", "I click.")
    assert KEY.encode() not in path.read_bytes()


def test_a_chat_of_an_attached_client_is_recorded(tmp_path: Path, service: str) -> None:
    with open_store(tmp_path / "runs.db") as store:
        with record(store=store) as run:
            run.attach(client_of(service)).chats.create(model="gemini-x").send_message("Click it")
        assert len(store.turns(run.id)) == 1


def test_a_client_with_other_http_clients_is_refused(tmp_path: Path, service: str) -> None:
    client = client_of(service)
    client._api_client._async_httpx_client = None
    with record(store=tmp_path / "runs.db") as run, pytest.raises(UsageError, match="another kind"):
        run.attach(client)
