"""The real SDK over HTTP, against the stand-in model's server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from footage.agent.standin import StandInServer
from footage.errors import StoreError, UsageError
from footage.providers.anthropic.computer_tools import TOOLSET
from footage.storage import RunWriter
from footage.trajectory import StepStatus
from recording import CLASSIC, Tape, request, user
from sdk_http import http

ASK: dict[str, Any] = {
    "model": "stand-in/careful",
    "max_tokens": 100,
    "tools": [CLASSIC],
    "messages": [user("Work out 2 × 3 with the calculator")],
}
UNKNOWN: dict[str, Any] = {**ASK, "messages": [user("Sing a song")]}


@pytest.fixture
def server() -> Iterator[StandInServer]:
    with StandInServer() as started:
        yield started


def connected(server: StandInServer, *, retries: int = 0) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=retries)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("anthropic._base_client.MAX_RETRY_DELAY", 0.002)


def test_an_attached_client_answers_as_before_and_is_recorded(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    with tape.run.attach(connected(server)) as client:
        message = client.beta.messages.create(**ASK, betas=["computer-use-2025-11-24"])
    seen = tape.read()
    (turn,), (step,) = seen.turns, seen.steps
    assert turn.response_id == message.id
    assert [block["type"] for block in turn.content] == [block.type for block in message.content]
    assert (turn.model, turn.stop_reason) == ("stand-in/careful", "tool_use")
    assert (step.action.title, step.status) == ("screenshot", StepStatus.UNKNOWN)
    assert seen.requests == [ASK]


def test_a_plain_client_can_use_the_toolset(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    with tape.run.attach(connected(server)) as client:
        message = client.messages.create(**{**ASK, "tools": [{"type": TOOLSET}]})
    assert message.content[-1].type == "tool_use"
    seen = tape.read()
    assert seen.turns[0].content[-1]["toolset_name"] == "computer"
    assert seen.steps[0].action.title == "screenshot"


def test_a_streamed_reply_is_recorded_as_it_passes(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    intended_before_the_agent_knew = False
    with tape.run.attach(connected(server)) as client, client.messages.stream(**ASK) as stream:
        for event in stream:
            if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                intended_before_the_agent_knew = bool(tape.run.steps.of_call(event.content_block.id))
        final = stream.get_final_message()
    seen = tape.read()
    assert intended_before_the_agent_knew
    assert seen.turns[0].status == "completed"
    assert seen.turns[0].response_id == final.id
    assert seen.turns[0].usage["output_tokens"] == final.usage.output_tokens


def test_streaming_stays_incremental(tmp_path: Path) -> None:
    """The agent has the first event while the server still has most of them."""
    parts = [f'data: {{"type": "ping", "n": {n}}}\n\n'.encode() for n in range(3)]
    sent: list[int] = []

    class Slowly(http.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for number, part in enumerate(parts):
                sent.append(number)
                yield part

    transport = http.MockTransport(
        lambda _: http.Response(200, headers={"content-type": "text/event-stream"}, stream=Slowly())
    )
    tape = Tape(tmp_path)
    plain = anthropic.Anthropic(api_key="k", http_client=http.Client(transport=transport))
    streamed = tape.run.attach(plain).messages.with_streaming_response.create(**ASK, stream=True)
    with plain, streamed as response:
        arrived = iter(response.http_response.iter_raw())
        assert next(arrived) == parts[0]
        assert sent == [0]
        assert list(arrived) == parts[1:]
    tape.run.end()


def test_an_early_break_keeps_what_had_come(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    with tape.run.attach(connected(server)) as client:
        stream = client.messages.create(**ASK, stream=True)
        for event in stream:
            if event.type == "content_block_stop":
                break
        stream.close()
    (turn,) = tape.read().turns
    assert turn.status == "streaming"
    assert "cut off" in turn.attempts[0].error
    assert turn.content[0]["type"] == "thinking"


def test_a_cut_connection_is_an_attempt_of_its_own(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    with StandInServer(cut_after=9) as server, tape.run.attach(connected(server)) as client:
        with pytest.raises((anthropic.APIError, http.HTTPError)):
            list(client.messages.create(**ASK, stream=True))
        list(client.messages.create(**ASK, stream=True))
    (turn,) = tape.read().turns
    assert len(turn.attempts) == 2
    assert "RemoteProtocolError" in turn.attempts[0].error
    assert (turn.attempts[1].error, turn.status) == ("", "completed")


def test_retries_of_the_sdk_are_attempts_of_one_turn(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    with StandInServer(failures=[529, 529]) as server, tape.run.attach(connected(server, retries=3)) as client:
        client.messages.create(**ASK)
    (turn,) = tape.read().turns
    assert [a.status for a in turn.attempts] == [529, 529, 200]
    assert turn.attempts[0].error == "overloaded_error: The stand-in was told to fail."
    assert turn.status == "completed"


def test_errors_reach_the_agent_as_before_and_are_recorded(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    with tape.run.attach(connected(server)) as client:
        with pytest.raises(anthropic.NotFoundError, match="stand-in/careful and stand-in/hasty only"):
            client.messages.create(**{**ASK, "model": "stand-in/nobody"})
        with pytest.raises(anthropic.NotFoundError):
            client.messages.create(**{**ASK, "model": "stand-in/nobody"}, stream=True)
    seen = tape.read()
    assert [t.status for t in seen.turns] == ["errored", "errored"]
    assert [t.attempts[0].status for t in seen.turns] == [404, 404]


def test_a_server_that_is_not_there_is_an_attempt_without_a_status(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    client = connected(server)
    server.close()
    with tape.run.attach(client) as attached, pytest.raises(anthropic.APIConnectionError):
        attached.messages.create(**ASK)
    (turn,) = tape.read().turns
    assert (turn.attempts[0].status, turn.status) == (None, "errored")
    assert "ConnectError" in turn.attempts[0].error or "APIConnectionError" in turn.attempts[0].error


def test_an_asynchronous_client_is_recorded_too(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)

    async def talk() -> None:
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="k") as plain:
            client = tape.run.attach(plain)
            await client.messages.create(**ASK)
            async with client.messages.stream(**UNKNOWN) as stream:
                assert "stand-in" in await stream.get_final_text()
            with pytest.raises(anthropic.NotFoundError):
                await client.messages.create(**{**ASK, "model": "stand-in/x"}, stream=True)

    asyncio.run(talk())
    seen = tape.read()
    assert [(t.status, t.stop_reason) for t in seen.turns] == [
        ("completed", "tool_use"),
        ("completed", "end_turn"),
        ("errored", ""),
    ]
    assert [t.conversation for t in seen.turns] == [0, 1, 2]


def test_raw_and_streaming_response_helpers_are_recorded(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    with tape.run.attach(connected(server)) as client:
        assert client.messages.with_raw_response.create(**UNKNOWN).parse().stop_reason == "end_turn"
        with client.messages.with_streaming_response.create(**UNKNOWN) as response:
            assert b"scripted stand-in" in response.read()
    assert [t.status for t in tape.read().turns] == ["completed", "completed"]


def test_content_blocks_of_the_sdk_are_recorded_as_json(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    with tape.run.attach(connected(server)) as client:
        message = client.messages.create(**UNKNOWN)
        history = [*UNKNOWN["messages"], {"role": "assistant", "content": message.content}, user("And now?")]
        client.messages.create(**{**UNKNOWN, "messages": history})
        history.append(user("changed in place"))
    seen = tape.read()
    second = seen.requests[1]
    assert second is not None
    assert len(second["messages"]) == 3
    assert second["messages"][1]["content"][1]["type"] == "text"
    assert [t.conversation for t in seen.turns] == [0, 0]


def test_other_endpoints_are_let_pass(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    with tape.run.attach(connected(server)) as client, pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="stand-in/careful", messages=UNKNOWN["messages"])
    assert tape.read().turns == []


def test_attaching_twice_records_once(tmp_path: Path, server: StandInServer) -> None:
    tape = Tape(tmp_path)
    once = tape.run.attach(connected(server))
    twice = tape.run.attach(once)
    assert twice is once
    with twice:
        twice.messages.create(**UNKNOWN)
    assert len(tape.read().turns) == 1


def test_what_is_no_client_cannot_be_attached(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    with pytest.raises(UsageError, match="cannot be attached"):
        tape.run.attach(object())
    tape.run.end()


def test_a_store_that_fails_never_breaks_the_agent(
    tmp_path: Path, server: StandInServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tape = Tape(tmp_path)

    def full(*_: object, **__: object) -> int:
        raise StoreError("database or disk is full")

    with tape.run.attach(connected(server)) as client:
        with monkeypatch.context() as broken:
            for name in ("begin_turn", "intend", "attempt", "end_turn", "conversation", "describe", "gap"):
                broken.setattr(RunWriter, name, full)
            with caplog.at_level(logging.WARNING, "footage"):
                assert client.messages.create(**ASK).stop_reason == "tool_use"
                list(client.messages.create(**ASK, stream=True))
        client.messages.create(**UNKNOWN)
    seen = tape.read()
    assert len(caplog.records) == 1
    assert "disk is full" in caplog.text
    assert len(seen.turns) == 1
    assert [bool(g.lost) for g in seen.gaps] == [True]
    assert "disk is full" in seen.gaps[0].reason


def test_a_strict_recording_stops_the_agent(
    tmp_path: Path, server: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = Tape(tmp_path, strict=True)

    def full(*_: object, **__: object) -> int:
        raise StoreError("database or disk is full")

    with tape.run.attach(connected(server)) as client, monkeypatch.context() as broken:
        broken.setattr(RunWriter, "begin_turn", full)
        with pytest.raises(
            (StoreError, anthropic.APIConnectionError)
        ) as raised:  # old clients take it for the network's
            client.messages.create(**ASK)
    assert isinstance(raised.value if isinstance(raised.value, StoreError) else raised.value.__cause__, StoreError)
    assert tape.read().turns == []


def test_the_body_on_the_wire_is_the_agents_own(tmp_path: Path) -> None:
    """Recording asks for a reply that is not compressed, and changes nothing else."""
    sent: list[http.Request] = []

    def answer(asked: http.Request) -> http.Response:
        sent.append(asked)
        return http.Response(400, json={"type": "error", "error": {"type": "x", "message": "y"}})

    tape = Tape(tmp_path)
    carrier = http.Client(transport=http.MockTransport(answer))
    with anthropic.Anthropic(api_key="k", http_client=carrier, max_retries=0) as plain:
        for client in (plain, tape.run.attach(plain)):
            with pytest.raises(anthropic.BadRequestError):
                client.messages.create(**request(user("x")), extra_headers={"x-own": "1"})
    tape.run.end()
    bare, recorded = sent
    assert recorded.content == bare.content
    ignored = {"accept-encoding", "x-stainless-raw-response"}  # the second is what any middleware leads to
    assert {k: v for k, v in recorded.headers.items() if k not in ignored} == {
        k: v for k, v in bare.headers.items() if k not in ignored
    }
    assert recorded.headers["accept-encoding"] == "identity"


def test_a_reply_nested_too_deep_to_be_read_reaches_the_agent_as_it_would_without(tmp_path: Path) -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    head = {"content-type": "application/json"}
    carrier = http.Client(transport=http.MockTransport(lambda _: http.Response(200, headers=head, content=deep)))
    tape = Tape(tmp_path)
    with anthropic.Anthropic(api_key="k", http_client=carrier, max_retries=0) as plain:
        raised = []
        for client in (plain, tape.run.attach(plain)):
            with pytest.raises((RecursionError, anthropic.AnthropicError)) as caught:
                client.messages.create(**request(user("x")))
            raised.append(caught.type)
    tape.run.end()
    assert raised[0] is raised[1]
