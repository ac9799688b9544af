"""The loopback server that speaks the Messages API."""

from __future__ import annotations

import atexit
import json
import socket
import threading
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Self

from footage.agent.standin.standin_replies import BadRequest, error_body, events_of, reply_to
from footage.http1.accepting import Accepting
from footage.http1.server_side import Request, ServerConnection
from footage.trajectory import JSON

__all__ = ["StandInServer", "shared_server"]

_LARGEST = 32 * 1024 * 1024
"""Bytes of a request, as with the real service."""
_SILENCE_SECONDS = 60.0
_NAME = "footage-stand-in (scripted, no language model)"


class StandInServer:
    """
    The stand-in model's service on 127.0.0.1. A context manager; `url` is what a client takes as its base URL.

    `think` are seconds before each reply. For tests of what can go wrong: `failures` are the HTTP statuses of the
    first answers, `cut_after` breaks the first streamed reply off after so many events.
    """

    def __init__(self, *, think: float = 0.0, failures: Sequence[int] = (), cut_after: int | None = None) -> None:
        self.think = think
        self._failures = list(failures)
        self._cut_after = cut_after
        self._lock = threading.Lock()
        self._accepting = Accepting(
            socket.create_server(("127.0.0.1", 0), backlog=128), self._serve, name="footage-stand-in"
        )

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return self._accepting.url

    def next_failure(self) -> int | None:
        """Take the next status to fail with, if any is left."""
        with self._lock:
            return self._failures.pop(0) if self._failures else None

    def next_cut(self) -> int | None:
        """Take the number of events after which to break off, once."""
        with self._lock:
            cut, self._cut_after = self._cut_after, None
            return cut

    def close(self) -> None:
        """Stop serving. Safe to call twice."""
        self._accepting.close()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(_SILENCE_SECONDS)
        _Client(self, sock).serve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


_shared: dict[float, StandInServer] = {}
_shared_lock = threading.Lock()


def shared_server(think: float = 0.0) -> StandInServer:
    """Return this process's server with that delay, started on first use and stopped when the process ends."""
    with _shared_lock:
        if think not in _shared:
            _shared[think] = StandInServer(think=think)
            atexit.register(_shared[think].close)
        return _shared[think]


class _Client:
    """One connection to a stand-in."""

    def __init__(self, service: StandInServer, sock: socket.socket) -> None:
        self._service = service
        self._connection = ServerConnection(sock)

    def serve(self) -> None:
        self._connection.serve(self._answer, lambda no: self._error(no.status, no.why))

    def _answer(self, request: Request) -> None:
        sent = self._connection.body(request, _LARGEST)
        if request.method != "POST" or request.target.split("?")[0].rstrip("/") != "/v1/messages":
            self._error(404, f"There is no {request.target} here: POST /v1/messages")
            return
        failure = self._service.next_failure()
        if failure is not None:
            self._error(failure, "The stand-in was told to fail.")
            return
        try:
            body = json.loads(sent)
            message = reply_to(body)
        except BadRequest as error:
            self._error(error.status, str(error))
            return
        except (ValueError, RecursionError) as error:
            self._error(400, f"The request body is no valid JSON: {error}")
            return
        time.sleep(self._service.think)
        if body.get("stream"):
            self._stream(message, self._service.next_cut())
        else:
            self._json(200, message)

    def _json(self, status: int, body: JSON) -> None:
        headers = [*_headers("application/json"), ("request-id", f"req_standin_{time.time_ns():x}")]
        self._connection.reply(status, headers, json.dumps(body, ensure_ascii=False).encode())

    def _error(self, status: int, message: str) -> None:
        self._json(status, error_body(status, message))

    def _stream(self, message: JSON, cut_after: int | None) -> None:
        self._connection.begin(200, _headers("text/event-stream; charset=utf-8"))
        for number, event in enumerate(events_of(message)):
            if number == cut_after:
                self._connection.closing = True
                return
            self._connection.send(f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
        self._connection.end()


def _headers(kind: str) -> list[tuple[str, str]]:
    return [("Server", _NAME), ("Date", formatdate(usegmt=True)), ("Content-Type", kind)]
