"""What passes the proxy, byte by byte: the agent gets what it would get without it, whatever HTTP allows."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from footage.http1.client_side import ClientConnection
from footage.http1.headers import HOP_BY_HOP
from footage.recorder.proxy import listener as proxy
from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process.client_connection import ENDED
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.routing import Lanes
from footage.recorder.recording import record
from footage.trajectory import WEBSOCKET_REFUSED
from recording import Recorded, reply, user
from scripted_service import Scripted
from service import asked, click

MESSAGE = json.dumps(reply(click("a", 10, 20), message_id="msg_1")).encode()
JSON_TYPE = b"content-type: application/json\r\n"


@dataclass
class Got:
    """What an agent got of one exchange."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


def got(base: str, method: str, path: str, body: bytes | None = None, *, timeout: float = 10) -> Got:
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    with closing(connection):
        connection.request(method, parts.path + path, body)
        response = connection.getresponse()
        headers = [(name.lower(), value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
        return Got(response.status, response.reason, headers, response.read())


class Relayed:
    """A proxy before a scripted service, and the run that it records."""

    def __init__(self, folder: Path, service: Scripted) -> None:
        self.run = record("relay", store=folder / "footage.db", layer="proxy")
        self._path = folder / "footage.db"
        self._lanes = Lanes()
        self._lanes.add(self.run, self.run.id)
        self.proxy = Proxy({"anthropic": Upstream(service.url)}, self._lanes)
        self.address = self.proxy.address(self.run.id)

    def read(self) -> Recorded:
        self.close()
        return Recorded(self._path, self.run.id)

    def close(self) -> None:
        self.proxy.drain(10)
        self.proxy.close()
        self._lanes.close()
        self.run.end()


@pytest.fixture
def relayed(tmp_path: Path, service: Scripted) -> Iterator[Relayed]:
    running = Relayed(tmp_path, service)
    yield running
    running.close()


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Scripted]:
    """Run a service that gives the answer of the test's parameter: bytes, or bytes and whether it closes."""
    answer, closes = request.param if isinstance(request.param, tuple) else (request.param, False)
    with Scripted(answer, closes) as running:
        yield running


def sized(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    more = b"".join(each + b"\r\n" for each in headers)
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, more, len(body), body)


ANSWERS = {
    "sized": sized(MESSAGE, b"content-type: application/json"),
    "empty": sized(b""),
    "error": sized(b'{"type":"error"}', b"retry-after: 1", status=b"529 Overloaded, sorry"),
    "no reason": sized(b"x", status=b"299 "),
    "redirect": sized(b"", b"location: /elsewhere", status=b"307 Temporary Redirect"),
    "headers twice": sized(b"{}", b"set-cookie: a=1", b"set-cookie: b=2", b"x-odd: caf\xe9"),
    "gzip": sized(gzip.compress(MESSAGE), b"content-encoding: gzip", b"content-type: application/json"),
    "br": sized(b"\x0b\x02\x80hello\x03", b"content-encoding: br", b"content-type: application/json"),
    "zstd": sized(b"(\xb5/\xfd\x04\x00)\x00\x00hello", b"content-encoding: zstd"),
    "chunks": b"HTTP/1.1 200 OK\r\n%stransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    % JSON_TYPE,
    "trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n",
    "to the end": (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it", True),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nall of it", True),
    "sized and closed": (sized(MESSAGE, b"connection: close"), True),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + sized(MESSAGE),
    "early hints": b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 2 + sized(MESSAGE),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n",
}


def without_hints(answer: bytes | tuple[bytes, bool]) -> bytes | tuple[bytes, bool]:
    """Return an answer as this test's own client, which knows nothing of hints, can read it."""
    return answer[answer.rindex(b"HTTP/1.1") :] if isinstance(answer, bytes) and b" 103 " in answer else answer


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/other?a=b%20c"])
@pytest.mark.parametrize("service", ANSWERS.values(), ids=ANSWERS.keys(), indirect=True)
def test_an_answer_is_the_same_with_the_proxy_and_without(service: Scripted, relayed: Relayed, path: str) -> None:
    body = json.dumps(asked(user("Add two numbers"))).encode()
    through = got(relayed.address, "POST", path, body)
    answer = without_hints((service.answer, service.closes) if service.closes else service.answer)
    with Scripted(*answer) if isinstance(answer, tuple) else Scripted(answer) as plain:
        assert through == got(plain.url, "POST", path, body)
    assert service.bodies == [body]
    assert got(relayed.address, "POST", path, body).body == through.body  # and the next one finds nothing left over
    assert not relayed.run.guard.lost


CUT = [
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\ncontent-ty",
    b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n",
]


@pytest.mark.parametrize("service", [(each, True) for each in CUT], indirect=True)
def test_a_reply_that_breaks_off_in_its_headers_is_none(relayed: Relayed) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        got(relayed.address, "POST", "/v1/messages", json.dumps(asked(user("Add two numbers"))).encode())
    (turn,) = relayed.read().turns
    assert (turn.status, turn.attempts[0].status) == ("errored", None)
    assert "in the middle of its headers" in turn.attempts[0].error


HALF = sized(MESSAGE, b"content-type: application/json")[:-20]
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%s\r\n"


@pytest.mark.parametrize(
    "service",
    [b"", HALF, STREAM % b"transfer-encoding: chunked\r\n" + b"3\r\n:a\n\r\n", STREAM % b"" + b":a\n\n"],
    ids=["nothing", "half", "chunks", "to the end"],
    indirect=True,
)
def test_a_reply_that_is_under_way_at_the_end_is_told_as_cut_then(service: Scripted, relayed: Relayed) -> None:
    with waiting_for_a_reply(relayed.address):
        while not service.heads:
            time.sleep(0.01)
        relayed.proxy.close()
    (turn,) = relayed.read().turns
    assert [attempt.error for attempt in turn.attempts] == [ENDED]
    assert turn.status != "completed"


@contextmanager
def waiting_for_a_reply(address: str) -> Iterator[None]:
    """Ask in another thread, and go on waiting while the block runs."""
    host = urlsplit(address)
    with closing(http.client.HTTPConnection(host.hostname or "", host.port)) as connection:
        body = json.dumps(asked(user("Add"))).encode()
        connection.request("POST", f"{host.path}/v1/messages", body, {"content-type": "application/json"})
        yield


def test_a_service_that_cannot_be_reached_is_not_waited_for_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, reached = threading.Event(), threading.Event()

    def connect(_: Upstream) -> ClientConnection:
        tried.set()
        reached.wait(30)
        return ClientConnection(socket.socket())

    monkeypatch.setattr(proxy, "_END_SECONDS", 0.05)
    monkeypatch.setattr(Upstream, "connect", connect)
    with Scripted(b"") as service:
        relayed = Relayed(tmp_path, service)
        with waiting_for_a_reply(relayed.address):
            assert tried.wait(30)
            relayed.proxy.close()
            (turn,) = relayed.read().turns
        reached.set()
    assert [attempt.error for attempt in turn.attempts] == [ENDED]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("service", [sized(b"0123456789", b"allow: GET")], indirect=True)
def test_every_method_passes(service: Scripted, relayed: Relayed, method: str) -> None:
    if method == "HEAD":
        service.answer = service.answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    direct = got(service.url, method, "/v1/models")
    assert got(relayed.address, method, "/v1/models") == direct
    assert got(relayed.address, method, "/v1/models").headers == direct.headers
    assert [head.split(b" ")[:2] for head in service.heads] == [[method.encode(), b"/v1/models"]] * 3


def talk(address: str, *sent: bytes) -> bytes:
    """Send bytes to the proxy as they are, and return all that comes until it closes."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as agent:
        for each in sent:
            agent.sendall(each.replace(b"BASE", parts.path.encode()))
        agent.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: agent.recv(65536), b""))


@pytest.mark.parametrize("service", [sized(MESSAGE)], indirect=True)
def test_several_requests_share_a_connection(service: Scripted, relayed: Relayed) -> None:
    one = b"POST BASE/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
    seen = talk(relayed.address, one * 2 + one.replace(b"Host", b"Connection: close\r\nHost"))
    assert (seen.count(b"HTTP/1.1 200 OK"), seen.count(MESSAGE)) == (3, 3)
    assert service.bodies == [b"{}"] * 3


@pytest.mark.parametrize(
    "service", [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"], indirect=True
)
def test_a_client_of_old_gets_no_chunks(relayed: Relayed) -> None:
    seen = talk(relayed.address, b"GET BASE/v1/x HTTP/1.0\r\nHost: localhost\r\n\r\n")
    head, _, body = seen.partition(b"\r\n\r\n")
    assert body == b"abc"
    assert b"chunked" not in head


TWO_LENGTHS = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize("service", [TWO_LENGTHS], indirect=True)
def test_a_reply_in_chunks_that_tells_a_length_too_comes_without_it(relayed: Relayed) -> None:
    answer = got(relayed.address, "GET", "/v1/x")
    assert (answer.headers, answer.body) == ([], b"abc")


@pytest.mark.parametrize("service", [sized(b"{}")], indirect=True)
def test_a_client_that_waits_for_leave_to_send_gets_it(service: Scripted, relayed: Relayed) -> None:
    parts = urlsplit(relayed.address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as agent:
        head = (
            f"POST {parts.path}/v1/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
        agent.sendall(head.encode())
        assert agent.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        agent.sendall(b"abc")
        assert agent.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert service.bodies == [b"abc"]
    assert b"expect" not in service.heads[0].lower()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("service", [sized(b"{}")], indirect=True)
def test_a_large_upload_arrives_whole(service: Scripted, relayed: Relayed, chunked: bool) -> None:
    body = bytes(range(256)) * 40_000
    pieces = [body[at : at + 100_003] for at in range(0, len(body), 100_003)]
    if chunked:
        head, sent = b"Transfer-Encoding: chunked", [b"%x\r\n%s\r\n" % (len(each), each) for each in pieces]
        sent.append(b"0\r\nx-trailer: 1\r\n\r\n")
    else:
        head, sent = b"Content-Length: %d" % len(body), pieces
    first = b"POST BASE/v1/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n\r\n" % head
    parts = urlsplit(relayed.address)
    sent[0:0] = [first.replace(b"BASE", parts.path.encode())]
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as agent:
        for each in sent:
            agent.sendall(each)
        assert agent.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert service.bodies == [body]


@pytest.mark.parametrize("service", [sized(b"{}")], indirect=True)
def test_a_web_socket_is_refused_and_the_service_never_hears_of_it(service: Scripted, relayed: Relayed) -> None:
    asked_for = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    seen = talk(relayed.address, b"GET BASE/v1/live HTTP/1.1\r\nHost: localhost\r\n" + asked_for + b"\r\n")
    assert seen.startswith(b"HTTP/1.1 501 Not Implemented")
    assert seen.endswith(f"{WEBSOCKET_REFUSED}\n".encode())
    assert not service.heads


@pytest.mark.parametrize("service", [sized(b"{}")], indirect=True)
@pytest.mark.parametrize("length", [b"-5", b"many", b"1\r\nContent-Length: 2"])
def test_a_request_of_no_sensible_length_is_refused(service: Scripted, relayed: Relayed, length: bytes) -> None:
    head = b"POST BASE/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\n"
    assert talk(relayed.address, head + b"ab").startswith(b"HTTP/1.1 400")
    assert not service.heads


@pytest.mark.parametrize("service", [ANSWERS["br"], ANSWERS["zstd"]], indirect=True)
def test_a_reply_that_cannot_be_read_here_is_not_taken_for_an_empty_one(relayed: Relayed) -> None:
    got(relayed.address, "POST", "/v1/messages", json.dumps(asked(user("Add two numbers"))).encode())
    (turn,) = relayed.read().turns
    assert turn.status == "errored"
    assert "cannot be read" in turn.attempts[0].error
