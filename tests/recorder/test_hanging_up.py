"""An agent gives up a request and asks again: an attempt of the same turn, and nobody waits for the first reply."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from anthropic import APIConnectionError, APITimeoutError

from service import Service, asked
from taped import CLICKS, FIRST, Taped

REPLY = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "content": [{"type": "text", "text": "Done."}],
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
HUNG_UP = "The agent hung up before the end of the reply."
BODY = json.dumps(asked(FIRST))


class Silent:
    """A service that never answers the first requests, and sees whether it is still waited for."""

    def __init__(self, silent: int = 1) -> None:
        self.hung_up = threading.Event()
        self.heard = threading.Event()
        service = self
        left = [silent]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                left[0] -= 1
                if left[0] >= 0:
                    service.heard.set()
                    self.connection.recv(1)  # until the other side is gone
                    service.hung_up.set()
                    self.close_connection = True
                    return
                data = json.dumps(REPLY).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@contextmanager
def silent(folder: Path, times: int = 1) -> Iterator[tuple[Taped, Silent]]:
    service: Any = Silent(times)
    tape = Taped(folder, service)
    try:
        yield tape, service
    finally:
        tape.close()
        tape.run.end()
        service.server.shutdown()
        service.server.server_close()


def said(tape: Taped) -> list[tuple[int, str, list[str]]]:
    return [(t.conversation, t.status, [a.error for a in t.attempts]) for t in tape.read().turns]


def test_an_sdk_that_times_out_asks_again_in_the_same_turn(tmp_path: Path) -> None:
    with silent(tmp_path) as (tape, service):
        with tape.client(timeout=1.0, max_retries=2) as client:
            client.messages.create(**asked(FIRST))
        assert service.hung_up.wait(10)
        assert said(tape) == [(0, "completed", [HUNG_UP, ""])]


def test_a_loop_that_asks_again_by_itself_does_so_in_the_same_turn(tmp_path: Path) -> None:
    with silent(tmp_path, 2) as (tape, service):
        for _ in range(2):  # no header says that it is asked again
            with tape.client(timeout=0.5) as client, pytest.raises(APITimeoutError):
                client.messages.create(**asked(FIRST))
        with tape.client() as client:
            client.messages.create(**asked(FIRST))
        assert service.hung_up.wait(10)
        assert said(tape) == [(0, "completed", [HUNG_UP, HUNG_UP, ""])]


def test_curl_that_gives_up_and_asks_again(tmp_path: Path) -> None:
    with silent(tmp_path) as (tape, _):
        words = ["curl", "-s", "-H", "content-type: application/json", "-d", BODY, f"{tape.address}/v1/messages"]
        assert subprocess.run([*words, "-m", "1"], check=False).returncode == 28
        assert subprocess.run(words, check=True, capture_output=True).stdout
        assert said(tape) == [(0, "completed", [HUNG_UP, ""])]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_fetch_that_is_aborted_and_made_again(tmp_path: Path) -> None:
    script = """
    const [url, body] = process.argv.slice(1);
    const ask = (signal) => fetch(url + '/v1/messages',
      {method: 'POST', body, headers: {'content-type': 'application/json'}, signal});
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 500);
    await ask(abort.signal).then(() => process.exit(9), () => 0);
    await (await ask()).json();
    """
    with silent(tmp_path) as (tape, _):
        command = ["node", "--input-type=module", "-e", script, tape.address, BODY]
        subprocess.run(command, check=True, timeout=60)
        assert said(tape) == [(0, "completed", [HUNG_UP, ""])]


def test_nobody_waits_for_a_reply_that_the_agent_gave_up(tmp_path: Path) -> None:
    with silent(tmp_path) as (tape, service):
        with socket.create_connection(("127.0.0.1", int(tape.proxy.url.rpartition(":")[2]))) as client:
            client.sendall(_request(tape))
            assert service.heard.wait(10)
        assert tape.proxy.drain(10)
        assert service.hung_up.wait(10)
        assert said(tape) == [(0, "errored", [HUNG_UP])]


def test_a_client_that_only_says_that_it_sends_no_more_gets_its_reply(tmp_path: Path) -> None:
    with Service(*CLICKS, pause=0.3) as service:
        tape = Taped(tmp_path, service)
        with socket.create_connection(("127.0.0.1", int(tape.proxy.url.rpartition(":")[2]))) as client:
            client.sendall(_request(tape, "Connection: close\r\n"))
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: client.recv(65536), b""))
        assert received.startswith(b"HTTP/1.1 200")
        ((_, status, errors),) = said(tape)
        assert (status, errors) == ("completed", [""])


def _request(tape: Taped, headers: str = "") -> bytes:
    path = tape.address.removeprefix(tape.proxy.url) + "/v1/messages"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(BODY)}\r\n\r\n{BODY}".encode()


@contextmanager
def nobody_accepts() -> Iterator[str]:
    """Yield the address of a service whose queue of connections is full: connecting to it does not come to an end."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_an_agent_that_gives_up_while_its_service_is_connected_to_is_noticed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footage.recorder.proxy.relay_process.upstream._CONNECT_SECONDS", 600.0)
    with nobody_accepts() as url:
        service: Any = SimpleNamespace(url=url)
        tape = Taped(tmp_path, service)
        with tape.client(timeout=0.5) as client, pytest.raises(APITimeoutError):
            client.messages.create(**asked(FIRST))
        assert tape.proxy.drain(60)
        assert said(tape) == [(0, "errored", [HUNG_UP])]


def test_a_service_that_cannot_be_connected_to_shows_as_a_connection_that_ends(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        service: Any = SimpleNamespace(url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        tape = Taped(tmp_path, service)
        with tape.client() as client, pytest.raises(APIConnectionError):
            client.messages.create(**asked(FIRST))
        ((_, status, errors),) = said(tape)
    assert status == "errored"
    assert "ConnectionRefusedError" in errors[0]
