"""The loopback server that speaks the Messages API."""

from __future__ import annotations

import atexit
import json
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from footage.agent.standin.standin_replies import BadRequest, error_body, events_of, reply_to
from footage.trajectory import JSON

__all__ = ["StandInServer", "shared_server"]

_LARGEST = 32 * 1024 * 1024
"""Bytes of a request, as with the real service."""


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
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.stand_in = self  # type: ignore[attr-defined] # the handler finds its server only this way
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

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
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "footage-stand-in (scripted, no language model)"
    sys_version = ""
    timeout = 60

    def do_POST(self) -> None:
        service: StandInServer = self.server.stand_in  # type: ignore[attr-defined] # set by StandInServer
        try:
            self._answer(service)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._error(404, "There is nothing to get here: POST /v1/messages")

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal belongs to the agent."""

    def _answer(self, service: StandInServer) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST:
            self.close_connection = True
            self._error(413, "The request is larger than 32 MB.")
            return
        sent = self.rfile.read(length)
        if self.path.split("?")[0].rstrip("/") != "/v1/messages":
            self._error(404, f"There is no {self.path} here: POST /v1/messages")
            return
        failure = service.next_failure()
        if failure is not None:
            self._error(failure, "The stand-in was told to fail.")
            return
        try:
            body = json.loads(sent)
            message = reply_to(body)
        except BadRequest as error:
            self._error(error.status, str(error))
            return
        except ValueError as error:
            self._error(400, f"The request body is no valid JSON: {error}")
            return
        time.sleep(service.think)
        if body.get("stream"):
            self._stream(message, service.next_cut())
        else:
            self._json(200, message)

    def _json(self, status: int, body: JSON) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("request-id", f"req_standin_{time.time_ns():x}")
        self.end_headers()
        self.wfile.write(data)

    def _error(self, status: int, message: str) -> None:
        self._json(status, error_body(status, message))

    def _stream(self, message: JSON, cut_after: int | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(events_of(message)):
            if number == cut_after:
                self.close_connection = True
                return
            data = f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
