"""One table of what HTTP/1.1 allows and forbids: proxy, tape and stand-in give the same answer to each row."""

from __future__ import annotations

import json
import logging
import random
import re
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass

import anthropic
import pytest

from footage.agent.standin import StandInServer
from footage.http1.server_side import LARGEST_HEAD
from footage.recorder.proxy.listener import Proxy
from footage.recorder.proxy.relay_process.upstream import Upstream
from footage.recorder.proxy.writer_process.routing import Lanes, Unrecorded
from footage.recorder.recording import record
from footage.replay.tape.model_tape import Tape
from footage.replay.tape.tape_service import TapeService
from footage.replay.tape.tape_upstream import TapeUpstream
from footage.storage import open_store
from sdk_http import http

MESSAGE = {"model": "stand-in/careful", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
BODY = json.dumps(MESSAGE).encode()
STREAMED = json.dumps({**MESSAGE, "stream": True}).encode()
FIRST = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
LAST = FIRST + b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
SIZED = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunks(*sizes: bytes, after: bytes = b"\r\n") -> bytes:
    """Return the body in one chunk whose size is told so, and its end."""
    (size,) = sizes or (b"%x" % len(BODY),)
    return size + b"\r\n" + BODY + b"\r\n0\r\n" + after


def small_chunks() -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(BODY[at : at + 3]), BODY[at : at + 3]) for at in range(0, len(BODY), 3))


HEX = b"%x" % len(BODY)
TAKEN: dict[str, bytes] = {
    "a length": FIRST + SIZED + b"\r\n" + BODY,
    "the same length twice": FIRST + SIZED * 2 + b"\r\n" + BODY,
    "a length with spaces around": FIRST + SIZED.replace(b": ", b":   ").replace(b"\r\n", b"  \r\n") + b"\r\n" + BODY,
    "names in capitals": FIRST + SIZED.upper() + b"\r\n" + BODY,
    "a chunk": FIRST + CHUNKED + b"\r\n" + chunks(),
    "Chunked": FIRST + CHUNKED.replace(b"chunked", b"Chunked") + b"\r\n" + chunks(),
    "many chunks": FIRST + CHUNKED + b"\r\n" + small_chunks() + b"0\r\n\r\n",
    "a size in capitals, with zeros": FIRST + CHUNKED + b"\r\n" + chunks(b"000" + HEX.upper()),
    "an extension": FIRST + CHUNKED + b"\r\n" + chunks(HEX + b";name=value"),
    "a quoted extension": FIRST + CHUNKED + b"\r\n" + chunks(HEX + b';name="a value"'),
    "a long extension": FIRST + CHUNKED + b"\r\n" + chunks(HEX + b";x=" + b"y" * 5000),
    "a trailer": FIRST + CHUNKED + b"\r\n" + chunks(after=b"X-Check: abcdefgh\r\n\r\n"),
    "two trailers": FIRST + CHUNKED + b"\r\n" + chunks(after=b"X-One: a\r\nX-Two: b\r\n\r\n"),
    "many headers": FIRST + b"".join(b"X-%d: y\r\n" % number for number in range(90)) + SIZED + b"\r\n" + BODY,
    "a large header": FIRST + b"X-Large: " + b"y" * 60_000 + b"\r\n" + SIZED + b"\r\n" + BODY,
    "an upgrade that is not taken up": FIRST + b"Upgrade: h2c\r\n" + SIZED + b"\r\n" + BODY,
}
REFUSED: dict[str, tuple[bytes, int]] = {
    **{
        f"a length of {length!r}": (FIRST + b"Content-Length: " + length + b"\r\n\r\n" + BODY, 400)
        for length in (b"-5", b"+5", b"0x5", b"1_0", b"5 5", b"5,6", b"five", b"", b"1e2", b"\xb2", b"9" * 40)
    },
    "two lengths": (FIRST + SIZED + b"Content-Length: 5\r\n\r\n" + BODY, 400),
    "a length and chunks": (FIRST + SIZED + CHUNKED + b"\r\n" + chunks(), 400),
    "chunks and a length": (FIRST + CHUNKED + b"Content-Length: 5\r\n\r\n" + chunks(), 400),
    **{
        f"a chunk of {size!r}": (FIRST + CHUNKED + b"\r\n" + chunks(size), 400)
        for size in (b"-5", b"+5", b"0x5", b"1_0", b" 5", b"5 5", b"g", b"", b";x", b"\xb2", b"f" * 40)
    },
    "a chunk longer than told": (FIRST + CHUNKED + b"\r\n3\r\n" + BODY + b"\r\n0\r\n\r\n", 400),
    "a body that is cut up otherwise": (FIRST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks(), 501),
    "cut up twice": (FIRST + CHUNKED * 2 + b"\r\n" + chunks(), 501),
    "chunks of HTTP/1.0": (FIRST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + chunks(), 400),
    "a space before the colon": (FIRST + SIZED.replace(b":", b" :") + b"\r\n" + BODY, 400),
    "a header without a colon": (FIRST + b"Nothing\r\n" + SIZED + b"\r\n" + BODY, 400),
    "a null in a header": (FIRST + b"X-Null: a\0b\r\n" + SIZED + b"\r\n" + BODY, 400),
    "no host": (FIRST.replace(b"Host: 127.0.0.1\r\n", b"") + SIZED + b"\r\n" + BODY, 400),
    "two hosts": (FIRST + b"Host: 127.0.0.1\r\n" + SIZED + b"\r\n" + BODY, 400),
    "HTTP/2.0": (FIRST.replace(b"1.1", b"2.0") + SIZED + b"\r\n" + BODY, 505),
    "HTTP/0.9": (b"GET /v1/messages\r\n\r\n", 400),
    "a method that is none here": (FIRST.replace(b"POST", b"BREW") + SIZED + b"\r\n" + BODY, 501),
    "a tunnel": (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 501),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)) + b"\r\n\r\n", 400),
    "headers without end": (FIRST + b"X-Large: " + b"y" * 3 * LARGEST_HEAD, 431),
    "headers too large": (FIRST + b"X-Large: " + b"y" * LARGEST_HEAD + b"\r\n" + SIZED + b"\r\n" + BODY, 431),
    "an extension without end": (FIRST + CHUNKED + b"\r\n5;" + b"y" * 3 * LARGEST_HEAD, 431),
    "trailers without end": (FIRST + CHUNKED + b"\r\n0\r\nX: " + b"y" * 3 * LARGEST_HEAD, 431),
}
BROKEN_OFF: dict[str, bytes] = {
    "nothing": b"",
    "a line": FIRST[:20],
    "headers": FIRST,
    "a length and no body": FIRST + SIZED + b"\r\n",
    "half a body": FIRST + SIZED + b"\r\n" + BODY[:20],
    "half a size": FIRST + CHUNKED + b"\r\n5",
    "half a chunk": FIRST + CHUNKED + b"\r\n" + HEX + b"\r\n" + BODY[:20],
    "chunks without an end": FIRST + CHUNKED + b"\r\n" + small_chunks(),
    "half a trailer": FIRST + CHUNKED + b"\r\n" + chunks(after=b"X-Check: ab"),
}


@dataclass
class Servers:
    """The three that read requests: each may be reached by itself, and the tape through a proxy as well."""

    standin: StandInServer
    tape: TapeUpstream
    before_standin: Proxy
    before_tape: Proxy

    def connect(self, name: str) -> socket.socket:
        if name == "tape":
            return self.tape.connect().sock
        host, _, port = self.url(name).removeprefix("http://").partition(":")
        return socket.create_connection((host, int(port)))

    def url(self, name: str) -> str:
        return {
            "stand-in": self.standin.url,
            "proxy": self.before_standin.url,
            "proxy before the tape": self.before_tape.url,
        }[name]

    def answers(self, name: str, *sent: bytes) -> list[int]:
        """Send bytes as they are, and return the statuses of all that comes until the connection ends."""
        with closing(self.connect(name)) as client:
            client.settimeout(30)
            with suppress(OSError):  # it has hung up: what it said before still comes
                for each in sent:
                    client.sendall(each)
                client.shutdown(socket.SHUT_WR)
            came = b""
            with suppress(ConnectionResetError):
                while piece := client.recv(65536):
                    came += piece
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", came)]


WAYS = ("stand-in", "proxy", "tape", "proxy before the tape")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        standin = stack.enter_context(StandInServer())
        store = stack.enter_context(open_store(tmp_path_factory.mktemp("framings") / "runs.db"))
        run = record("say hi", store=store, layer="proxy", join=False)
        lanes = stack.enter_context(closing(Lanes()))
        lanes.add(run, run.id)
        with Proxy({"anthropic": Upstream(standin.url)}, lanes) as recording:
            for body in (BODY, STREAMED):
                by_urllib(f"{recording.address(run.id)}/v1/messages", body)
            assert recording.drain(10)
        run.end()
        source = store.run(run.id)
        tape = TapeUpstream(TapeService(store, source, Tape(store, source)))
        before_standin = stack.enter_context(Proxy({"anthropic": Upstream(standin.url)}, Unrecorded()))
        before_tape = stack.enter_context(Proxy({"anthropic": tape}, Unrecorded()))
        for body in (BODY, STREAMED):  # from now on, each is asked for again
            by_urllib(f"{before_tape.url}/v1/messages", body)
        yield Servers(standin, tape, before_standin, before_tape)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN.keys())
def test_what_http_allows_is_answered_and_so_is_what_follows(servers: Servers, way: str, sent: bytes) -> None:
    assert servers.answers(way, sent, LAST) == [200, 200]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_what_http_forbids_is_refused_and_nothing_after_it_is_read(
    servers: Servers, way: str, sent: bytes, status: int
) -> None:
    assert servers.answers(way, sent, LAST) == [status]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sent", BROKEN_OFF.values(), ids=BROKEN_OFF.keys())
def test_a_request_that_breaks_off_gets_no_answer(servers: Servers, way: str, sent: bytes) -> None:
    assert servers.answers(way, sent) == []
    assert servers.answers(way, LAST) == [200]


@pytest.mark.parametrize("way", WAYS)
def test_requests_that_come_together_are_answered_in_turn(servers: Servers, way: str) -> None:
    assert servers.answers(way, b"".join(TAKEN.values()) + LAST) == [200] * (len(TAKEN) + 1)


@pytest.mark.parametrize("way", WAYS)
def test_however_the_bytes_come_they_say_the_same(servers: Servers, way: str) -> None:
    sent = TAKEN["two trailers"] + TAKEN["a length"] + LAST
    assert servers.answers(way, *(bytes([each]) for each in sent)) == [200] * 3


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_waits_for_leave_gets_it(servers: Servers, way: str) -> None:
    with closing(servers.connect(way)) as client:
        client.settimeout(30)
        client.sendall(FIRST + b"Expect: 100-continue\r\n" + SIZED + b"\r\n")
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert servers.answers(way, FIRST + b"Expect: 100-continue\r\n" + SIZED + b"\r\n" + BODY, LAST) == [100, 200, 200]


@pytest.mark.parametrize("way", WAYS)
def test_a_client_of_old_is_answered_and_hung_up_on(servers: Servers, way: str) -> None:
    assert servers.answers(way, FIRST.replace(b"1.1", b"1.0") + SIZED + b"\r\n" + BODY, LAST) == [200]


@pytest.mark.parametrize("way", ["stand-in", "proxy"])
@pytest.mark.parametrize("chunked", [False, True], ids=["a length", "chunks"])
def test_a_request_larger_than_the_service_takes_is_told_so(servers: Servers, way: str, chunked: bool) -> None:
    body = b" " * (32 * 1024 * 1024 + 1)
    framing = CHUNKED + b"\r\n%x\r\n" % len(body) if chunked else b"Content-Length: %d\r\n\r\n" % len(body)
    assert servers.answers(way, FIRST + framing, body, b"\r\n0\r\n\r\n" if chunked else b"") == [413]


# --- clients ---


def by_curl(url: str, *words: str) -> bytes:
    command = ["curl", "-sS", "--fail", "-H", "content-type: application/json", *words, "-d", BODY.decode(), url]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def by_node(url: str, stream: str) -> bytes:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    script = """
    const [url, text, how] = process.argv.slice(1);
    const body = how ? new ReadableStream({start(c) {
      for (const each of text) c.enqueue(new TextEncoder().encode(each)); c.close(); }}) : text;
    const headers = {'content-type': 'application/json'};
    const reply = await fetch(url, {method: 'POST', body, duplex: 'half', headers});
    process.stdout.write(await reply.text());
    """
    command = ["node", "--input-type=module", "-e", script, url, BODY.decode(), stream]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def by_httpx(url: str, content: object) -> bytes:
    with http.Client() as client:
        reply = client.post(url, content=content, headers={"content-type": "application/json"})  # type: ignore[arg-type]
        assert reply.status_code == 200
        return reply.content


def by_urllib(url: str, body: bytes = BODY) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        return bytes(reply.read())


def by_sdk(url: str, *, stream: bool) -> bytes:
    with anthropic.Anthropic(base_url=url.removesuffix("/v1/messages"), api_key="k", max_retries=0) as client:
        if not stream:
            return client.messages.create(**MESSAGE).to_json().encode()  # type: ignore[call-overload,no-any-return]
        with client.messages.stream(**MESSAGE) as events:  # type: ignore[arg-type]
            return events.get_final_message().to_json().encode()


CLIENTS: dict[str, Callable[[str], bytes]] = {
    "curl": by_curl,
    "curl in chunks": lambda url: by_curl(url, "-H", "Transfer-Encoding: chunked"),
    "curl with leave": lambda url: by_curl(url, "-H", "Expect: 100-continue"),
    "curl of old": lambda url: by_curl(url, "--http1.0"),
    "node": lambda url: by_node(url, ""),
    "node in chunks": lambda url: by_node(url, "stream"),
    "httpx": lambda url: by_httpx(url, BODY),
    "httpx in chunks": lambda url: by_httpx(url, (BODY[at : at + 7] for at in range(0, len(BODY), 7))),
    "urllib": by_urllib,
    "the SDK": lambda url: by_sdk(url, stream=False),
    "the SDK, streamed": lambda url: by_sdk(url, stream=True),
}


@pytest.mark.parametrize("way", ["stand-in", "proxy", "proxy before the tape"])
@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
def test_the_clients_that_people_have_are_understood(
    servers: Servers, way: str, client: Callable[[str], bytes]
) -> None:
    assert json.loads(client(f"{servers.url(way)}/v1/messages"))["role"] == "assistant"


# --- anything at all ---

_SEED = 20261201
_WORDS = [
    b"\r\n",
    b"\n",
    b":",
    b" ",
    b"\0",
    b"\xff",
    b"-",
    b"0",
    b"chunked",
    b"Content-Length: 5\r\n",
    b";",
    b"\t",
    b"HTTP/1.1",
]


def spoiled(chance: random.Random) -> bytes:
    """Return a request with a few places in it removed, doubled or replaced."""
    sent = bytearray(
        chance.choice([*TAKEN.values(), *(each for each, _ in REFUSED.values() if len(each) < 5000)])[:5000]
    )
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(sent) + 1)
        to = min(len(sent), at + chance.choice([0, 0, 1, 3, 20]))
        sent[at:to] = chance.choice([*_WORDS, bytes(sent[at:to]) * 2, b"", chance.randbytes(3)])
    return bytes(sent)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_sent_breaks_a_server(servers: Servers, way: str, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(_SEED)
    with caplog.at_level(logging.DEBUG, logger="footage"):
        for number in range(300):
            sent = spoiled(chance)
            found = servers.answers(way, sent)
            assert set(found) <= {100, 200, 400, 403, 404, 431, 501, 505}, (number, sent)
            assert found.count(200) <= sent.count(b"HTTP/1.1") + 1, (number, sent)
    assert servers.answers(way, LAST) == [200]
    assert [each.getMessage() for each in caplog.records if each.exc_info] == []
