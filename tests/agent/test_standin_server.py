from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator

import anthropic
import pytest

from footage.agent.model_client import DEFAULT_MODEL, make_client
from footage.agent.standin import StandInServer, shared_server
from footage.errors import NoApiKey

HELLO = {"model": "stand-in/careful", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def server() -> Iterator[StandInServer]:
    with StandInServer() as started:
        yield started


def post(server: StandInServer, path: str, body: bytes) -> tuple[int, dict[str, object], str]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    connection.request("POST", path, body)
    response = connection.getresponse()
    data = json.loads(response.read())
    connection.close()
    return response.status, data, str(response.headers["Server"])


def test_it_says_what_it_is(server: StandInServer) -> None:
    status, message, header = post(server, "/v1/messages?beta=true", json.dumps(HELLO).encode())
    assert (status, message["model"], message["stop_reason"]) == (200, "stand-in/careful", "end_turn")
    assert "no language model" in header
    assert server.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/v1/messages", b"{", 400, "invalid_request_error"),
        ("/v1/messages", b"\xff\xfe", 400, "invalid_request_error"),
        ("/v1/messages", b"[" * 100_000, 400, "invalid_request_error"),
        ("/v1/messages", b"{}", 400, "invalid_request_error"),
        ("/v1/complete", b"{}", 404, "not_found_error"),
    ],
)
def test_errors_have_the_form_of_the_service(
    server: StandInServer, path: str, body: bytes, status: int, kind: str
) -> None:
    got, data, _ = post(server, path, body)
    error = data["error"]
    assert isinstance(error, dict)
    assert (got, data["type"], error["type"]) == (status, "error", kind)
    assert data["request_id"]


def test_a_get_is_told_what_to_do(server: StandInServer) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.status == 404
    assert b"POST /v1/messages" in response.read()
    connection.close()


@pytest.mark.parametrize(
    ("asked", "answers"), [("claude-x", "stand-in/careful"), ("stand-in/hasty:3", "stand-in/hasty:3")]
)
def test_whoever_is_asked_for_the_stand_in_says_who_it_is(server: StandInServer, asked: str, answers: str) -> None:
    status, message, _ = post(server, "/v1/messages", json.dumps({**HELLO, "model": asked}).encode())
    assert (status, message["model"]) == (200, answers)


def test_thinking_takes_the_time_it_is_given() -> None:
    with StandInServer(think=0.3) as server:
        begun = time.monotonic()
        post(server, "/v1/messages", json.dumps(HELLO).encode())
        assert time.monotonic() - begun >= 0.3


def test_the_sdk_reads_what_it_streams(server: StandInServer) -> None:
    with anthropic.Anthropic(base_url=server.url, api_key="k") as client:
        whole = client.messages.create(**HELLO)  # type: ignore[call-overload] # a dict of the very arguments
        with client.messages.stream(**HELLO) as stream:  # type: ignore[arg-type] # the same
            streamed = stream.get_final_message()
    assert [b.type for b in whole.content] == [b.type for b in streamed.content] == ["thinking", "text"]
    assert whole.content[1].text == streamed.content[1].text  # type: ignore[union-attr] # a text block
    assert whole.usage.output_tokens == streamed.usage.output_tokens > 0


def test_a_stand_in_client_needs_no_key_and_shares_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with make_client("stand-in/careful") as client:
        assert str(client.base_url).startswith(shared_server().url)
    assert shared_server(0.01) is not shared_server()
    assert shared_server(0.01) is shared_server(0.01)


def test_claude_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoApiKey) as missing:
        make_client(DEFAULT_MODEL)
    assert "ANTHROPIC_API_KEY" in missing.value.hint
    assert "--model stand-in/careful" in missing.value.hint
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    with make_client(DEFAULT_MODEL) as client:
        assert client.api_key == "k"


def test_the_default_model_is_one_the_sdk_knows() -> None:
    from typing import get_args

    from anthropic.types import Model

    named = {name for part in get_args(Model) for name in get_args(part)}
    assert DEFAULT_MODEL in named
