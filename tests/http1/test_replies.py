"""Replies as a client of footage reads them: however they are framed, and what is none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from footage.http1.client_side import BadReply, ClientConnection, Reply

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def ends() -> Iterator[tuple[ClientConnection, socket.socket]]:
    near, far = socket.socketpair()
    with closing(ClientConnection(near)) as client, far:
        yield client, far


def asked(client: ClientConnection, method: str = "GET") -> Reply:
    client.ask(method, "/", [("Host", "here")])
    client.end()
    return client.read_reply()


def body(client: ClientConnection) -> bytes:
    return b"".join(iter(client.read_piece, b""))


def read(client: ClientConnection) -> None:
    asked(client)
    body(client)


READ = {
    "a length": (OK + b"Content-Length: 3\r\n\r\nabc", True),
    "chunks": (CHUNKED + b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n", True),
    "a trailer": (CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", True),
    "chunks and a length": (OK + b"Content-Length: 9\r\n" + CHUNKED[len(OK) :] + b"3\r\nabc\r\n0\r\n\r\n", True),
    "hints before": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2 + OK + b"Content-Length: 3\r\n\r\nabc", True),
    "more than its length": (OK + b"Content-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n", False),
    "the last of them": (OK + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", False),
}


@pytest.mark.parametrize(("sent", "again"), READ.values(), ids=READ.keys())
def test_a_body_is_read_to_its_end_and_no_further(
    ends: tuple[ClientConnection, socket.socket], sent: bytes, again: bool
) -> None:
    client, service = ends
    service.sendall(sent)
    assert asked(client).status == 200
    assert body(client) == b"abc"
    assert client.is_idle == again
    if again:
        service.sendall(sent)
        assert (asked(client).status, body(client)) == (200, b"abc")


def test_a_body_without_a_length_ends_with_the_connection(ends: tuple[ClientConnection, socket.socket]) -> None:
    client, service = ends
    service.sendall(OK + b"\r\nabc")
    service.shutdown(socket.SHUT_WR)
    assert asked(client).until_closed
    assert body(client) == b"abc"
    assert not client.is_idle


@pytest.mark.parametrize(
    "sent", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"]
)
def test_some_replies_have_no_body(ends: tuple[ClientConnection, socket.socket], sent: bytes) -> None:
    client, service = ends
    service.sendall(sent)
    asked(client)
    assert (body(client), client.is_idle) == (b"", True)
    service.sendall(OK + b"Content-Length: 9\r\n\r\n")
    assert asked(client, "HEAD").length == 9
    assert (body(client), client.is_idle) == (b"", True)


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        OK + b"Content-Length: -3\r\n\r\nabc",
        OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        OK + b"Content-Length: 4\r\n\r\nabc",
        CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"3\r\nabc\r\n",
    ],
)
def test_what_is_no_reply_or_breaks_off_is_none(ends: tuple[ClientConnection, socket.socket], sent: bytes) -> None:
    client, service = ends
    service.sendall(sent)
    service.shutdown(socket.SHUT_WR)
    with pytest.raises(BadReply):
        read(client)


@pytest.mark.parametrize(
    ("sent", "where"), [(b"", "without a reply"), (OK + b"Content-", "in the middle of its headers")]
)
def test_a_service_that_hangs_up_is_said_to(
    ends: tuple[ClientConnection, socket.socket], sent: bytes, where: str
) -> None:
    client, service = ends
    service.sendall(sent)
    service.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError, match=where):
        asked(client)
