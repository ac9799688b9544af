"""The recording proxy, between the SDK and a scripted service."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest

from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process import client_connection as relay
from footage.recorder.proxy.relay_process.client_connection import HOLD_SECONDS
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.observers import AHEAD
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import Recording, record
from footage.storage import RunWriter
from footage.trajectory import JSON, StepStatus
from recording import Recorded, result, said, user
from sdk_http import http
from service import Service, asked, text
from taped import CLICKS, FIRST, Taped


@contextmanager
def taped(folder: Path, *replies: list[JSON], **options: Any) -> Iterator[tuple[Taped, Service]]:
    with Service(*(replies or CLICKS), **options) as service:
        tape = Taped(folder, service)
        try:
            yield tape, service
        finally:
            tape.close()
            tape.run.end()


def loop(client: anthropic.Anthropic, *, stream: bool) -> None:
    """Ask until there is no call any more."""
    messages = [FIRST]
    while True:
        body: Any = asked(*messages)
        if stream:
            with client.messages.stream(**body) as events:
                reply = events.get_final_message()
        else:
            reply = client.messages.create(**body)
        content = reply.model_dump(mode="json", exclude_unset=True)["content"]
        calls = [block["id"] for block in content if block["type"] == "tool_use"]
        if not calls:
            return
        messages += [said(*content), user([result(each, text("Clicked.")) for each in calls])]


@pytest.mark.parametrize("stream", [False, True])
def test_a_loop_through_the_proxy_is_recorded_as_it_went(tmp_path: Path, stream: bool) -> None:
    with taped(tmp_path) as (tape, service):
        with tape.client() as client:
            loop(client, stream=stream)
        seen = tape.read()
    assert [(s.action.title, s.action.point, s.call_id, s.turn, s.status, s.result_text) for s in seen.steps] == [
        ("left_click", (10, 20), "a", 0, StepStatus.EXECUTED, "Clicked."),
        ("left_click", (30, 40), "b", 1, StepStatus.EXECUTED, "Clicked."),
        ("left_click", (5, 6), "c", 1, StepStatus.EXECUTED, "Clicked."),
    ]
    assert [(t.text, t.conversation, t.status, len(t.attempts)) for t in seen.turns] == [
        ("I click.", 0, "completed", 1),
        ("", 0, "completed", 1),
        ("Done.", 0, "completed", 1),
    ]
    assert seen.requests == service.requests
    # On a machine that is busy with other things, the moment that a call is held back may be too short.
    assert (seen.run.model, [gap for gap in seen.gaps if gap.reason != AHEAD]) == ("claude-x", [])


def plain_reply(url: str, body: JSON) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{url}/v1/messages", json.dumps(body).encode(), {"x-api-key": "none"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize("options", [{}, {"failures": [529]}, {"failures": [400]}, {"compress": True}])
@pytest.mark.parametrize("stream", [False, True])
def test_the_agent_gets_the_same_status_and_bytes_with_and_without(
    tmp_path: Path, options: dict[str, Any], stream: bool
) -> None:
    body = asked(FIRST, stream=stream)
    with Service(*CLICKS, **options) as service:
        direct = plain_reply(service.url, body)
    with taped(tmp_path, **options) as (tape, _):
        assert plain_reply(tape.address, body) == direct
        seen = tape.read()
    assert len(seen.turns) == 1


def test_a_compressed_reply_is_read_all_the_same(tmp_path: Path) -> None:
    with taped(tmp_path, compress=True) as (tape, _):
        with tape.client() as client:
            client.messages.create(**asked(FIRST))
        assert [step.call_id for step in tape.read().steps] == ["a"]


def test_retries_are_attempts_of_one_turn(tmp_path: Path) -> None:
    with taped(tmp_path, failures=[529, 500]) as (tape, _):
        with tape.client(max_retries=2) as client:
            client.messages.create(**asked(FIRST))
        (turn,) = tape.read().turns
    assert [(a.number, a.status, a.error) for a in turn.attempts] == [
        (0, 529, "overloaded_error: Busy"),
        (1, 500, "overloaded_error: Busy"),
        (2, 200, ""),
    ]


def test_a_retry_after_the_agents_own_time_out_is_the_same_turn(tmp_path: Path) -> None:
    with taped(tmp_path, pause=0.6) as (tape, service):
        with tape.client(timeout=0.3, max_retries=1) as client, pytest.raises(anthropic.APITimeoutError):
            client.messages.create(**asked(FIRST))
        deadline = time.monotonic() + 5
        while len(service.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        seen = tape.read()
    (turn,) = seen.turns
    assert [attempt.number for attempt in turn.attempts] == [0, 1]
    assert turn.attempts[1].error.startswith("The agent hung up")
    assert [*seen.steps] == []  # what nobody waits for is asked for no longer


def test_a_cut_stream_is_cut_for_the_agent_too_and_what_came_is_kept(tmp_path: Path) -> None:
    with taped(tmp_path, cut_after=5) as (tape, _):
        with (
            tape.client() as client,
            pytest.raises(http.RemoteProtocolError),
            client.messages.stream(**asked(FIRST)) as events,
        ):
            events.get_final_message()
        (turn,) = tape.read().turns
    assert turn.status == "streaming"
    assert turn.attempts[0].error == "The reply was cut off before its end."


def test_a_service_that_is_not_there_looks_like_one(tmp_path: Path) -> None:
    with taped(tmp_path) as (tape, service):
        service.__exit__()
        with tape.client() as client, pytest.raises(anthropic.APIConnectionError):
            client.messages.create(**asked(FIRST))
        service._server = Service()._server  # closed again when the test leaves
        service._thread = threading.Thread(target=service._server.serve_forever, args=(0.02,), daemon=True)
        service._thread.start()
        (turn,) = tape.read().turns
    assert turn.status == "errored"
    assert "ConnectionRefusedError" in turn.attempts[0].error


def test_the_whole_turn_is_recorded_when_the_agent_is_killed_in_mid_answer(tmp_path: Path) -> None:
    script = (
        "import anthropic, os, sys\n"
        "client = anthropic.Anthropic(base_url=sys.argv[1], api_key='none')\n"
        "with client.messages.stream(**__import__('json').loads(sys.argv[2])) as events:\n"
        "    for event in events:\n"
        "        if event.type == 'content_block_start':\n"
        "            os.kill(os.getpid(), 9)\n"
    )
    with taped(tmp_path, pause=0.1) as (tape, service):  # what is left must come while the rest is still read
        command = [sys.executable, "-c", script, tape.address, json.dumps(asked(FIRST))]
        code = subprocess.run(command, check=False).returncode
        assert code == -9
        assert service.streamed.wait(10)
        seen = tape.read()
    (turn,), (step,) = seen.turns, seen.steps
    assert (turn.text, turn.status, step.call_id) == ("I click.", "completed", "a")
    assert turn.attempts[0].error == "The agent hung up before the end of the reply."


def test_a_stream_comes_as_it_is_sent(tmp_path: Path) -> None:
    with taped(tmp_path, pause=0.03) as (tape, _), tape.client() as client:
        with client.messages.stream(**asked(FIRST)) as events:
            arrivals = [time.monotonic() for _ in events]
        tape.read()
    assert arrivals[-1] - arrivals[0] > 0.2


def test_a_tool_call_is_stored_before_the_agent_learns_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "footage.recorder.proxy.relay_process.client_connection.HOLD_SECONDS", 10
    )  # however busy the machine is
    with taped(tmp_path) as (tape, _), tape.client() as client, client.messages.stream(**asked(FIRST)) as events:
        for event in events:
            if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                with sqlite3.connect(f"file:{tape.path}?mode=ro", uri=True) as other:
                    stored = other.execute("SELECT call_id, status FROM step").fetchall()
                other.close()
    assert stored == [("a", "intended")]


def test_a_store_that_hangs_holds_the_agent_up_for_a_moment_only(tmp_path: Path) -> None:
    with taped(tmp_path) as (tape, _), tape.client() as client:
        client.messages.create(**asked(user("warm up")))
        lane = tape.lanes._lanes[tape.run.id]
        stuck = threading.Event()
        lane.worker.do(lambda: stuck.wait(60))
        begun = time.monotonic()
        client.messages.create(**asked(FIRST))
        took = time.monotonic() - begun
        stuck.set()
        seen = tape.read()
    assert HOLD_SECONDS <= took < 60  # as long as the store hangs
    assert any("before it was stored" in gap.reason for gap in seen.gaps)
    assert {step.call_id for step in seen.steps} == {"a"}


def test_a_store_that_fails_never_reaches_the_agent(tmp_path: Path) -> None:
    with taped(tmp_path) as (tape, service):
        tape.run.writer._database.close()  # type: ignore[union-attr] # from now on every write fails
        with tape.client() as client:
            loop(client, stream=True)
            loop(client, stream=False)
        assert len(service.requests) == 6
        assert tape.run.guard.lost > 0


def test_other_endpoints_pass_through_and_are_kept_raw(tmp_path: Path) -> None:
    def other(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return 201, {"content-type": "application/json"}, json.dumps({"got": [method, path, len(body)]}).encode()

    with taped(tmp_path, other=other) as (tape, service):
        request = urllib.request.Request(
            f"{tape.address}/v1/files?beta=true&api_key=sk-verysecret-000000001",
            b"%PDF" * 5,
            {"x-api-key": "hush-hush-1"},
        )
        with urllib.request.urlopen(request) as response:
            assert b"sk-verysecret-000000001" in response.read()
        (kept,) = tape.raw()
        assert service.paths == ["/v1/files?beta=true&api_key=sk-verysecret-000000001"]
        assert service.headers[0]["x-api-key"] == "hush-hush-1"
    assert (kept.method, kept.path, kept.status) == ("POST", "/v1/files?beta=true&api_key=[secret removed]", 201)
    assert (kept.request, kept.request_bytes) == (b"%PDF" * 5, 20)
    assert json.loads(kept.response) == {"got": ["POST", "/v1/files?beta=true&api_key=[secret removed]", 20]}
    assert kept.request_headers["X-Api-Key"] == "[secret removed]"


def test_another_provider_has_an_address_of_its_own(tmp_path: Path) -> None:
    def other(_method: str, path: str, _body: bytes) -> tuple[int, dict[str, str], bytes]:
        return 200, {"content-type": "text/plain"}, path.encode()

    with Service(other=other) as service, taped(tmp_path) as (tape, _):
        tape.proxy._services["openai"] = Upstream(f"{service.url}/v1")
        address = tape.proxy.address(tape.run.id, "openai")
        with urllib.request.urlopen(f"{address}/embeddings", b"{}") as response:
            assert response.read() == b"/v1/embeddings"
        (kept,) = tape.raw()
    assert kept.path == "/via/openai/embeddings"


def test_a_body_sent_in_chunks_arrives(tmp_path: Path) -> None:
    body = json.dumps(asked(FIRST)).encode()
    with taped(tmp_path) as (tape, service):
        host, port = tape.proxy.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as agent:
            head = (
                f"POST /run/{tape.run.id}/v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            agent.sendall(head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            assert agent.recv(100).startswith(b"HTTP/1.1 200")
        assert service.requests == [json.loads(body)]
        assert len(tape.read().steps) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:1234"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_only_programs_on_this_machine_are_served(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    with taped(tmp_path) as (tape, service):
        data = json.dumps(asked(FIRST)).encode()
        request = urllib.request.Request(f"{tape.address}/v1/messages", data, headers)
        try:
            with urllib.request.urlopen(request) as response:
                found = response.status
        except urllib.error.HTTPError as error:
            with error:
                found = error.code
        assert (found, len(service.requests)) == (status, int(status == 200))


def test_a_call_that_was_let_go_before_it_was_stored_is_told_at_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = RunWriter.intend

    def slowly(writer: RunWriter, *arguments: Any, **options: Any) -> int:
        time.sleep(0.2)
        return stored(writer, *arguments, **options)

    monkeypatch.setattr(relay, "HOLD_SECONDS", 0.01)
    monkeypatch.setattr(RunWriter, "intend", slowly)
    with Service(*CLICKS) as service:
        tape = Taped(tmp_path, service)
        with tape.client() as client:
            client.messages.create(**asked(FIRST))
        seen = tape.read()
    assert [(gap.reason, gap.step, gap.lost) for gap in seen.gaps] == [(AHEAD, 0, 0)]
    assert [step.call_id for step in seen.steps] == ["a"]


def test_names_in_the_path_tell_runs_apart(tmp_path: Path) -> None:
    runs: dict[str, Recording] = {}
    path = tmp_path / "footage.db"

    def open_run(name: str) -> Recording:
        runs[name] = record(name, store=path)
        return runs[name]

    with Service(*CLICKS) as service:
        lanes = Lanes(open_run)
        proxy = Proxy({"anthropic": Upstream(service.url)}, lanes)
        for base in (proxy.address("one"), proxy.address("two"), proxy.url, proxy.address("one")):
            with anthropic.Anthropic(base_url=base, api_key="none") as client:
                client.messages.create(**asked(FIRST, user(base)))
        proxy.drain(5)
        proxy.close()
        ended = lanes.end_idle(0)
    assert [run.id for run in ended] == [runs["one"].id, runs["two"].id, runs[""].id]
    assert [len(Recorded(path, run.id).turns) for run in ended] == [2, 1, 1]


def test_the_proxy_loads_nothing_of_the_sdk() -> None:
    script = "import footage.recorder.proxy.listener, sys; print('anthropic' in sys.modules, 'httpx2' in sys.modules)"
    said_so = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said_so == "False False\n"
