"""A Messages API on loopback for the proxy's tests: scripted, streaming or not, and everything that can go wrong."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from footage.agent.standin.standin_replies import events_of
from footage.trajectory import JSON

Answer = tuple[int, dict[str, str], bytes]


def click(call_id: str, x: int, y: int) -> JSON:
    action = {"action": "left_click", "coordinate": [x, y]}
    return {"type": "tool_use", "id": call_id, "name": "computer", "input": action}


def text(words: str) -> JSON:
    return {"type": "text", "text": words}


class Service:
    """
    Its n-th reply to a history with n replies in it is `replies[n]`. A context manager.

    `failures` are the statuses of the first answers, `failure` their words; `pause` are seconds between two events of
    a stream; `cut_after` breaks each stream off after so many events; `other` answers other paths.
    """

    def __init__(
        self,
        *replies: list[JSON],
        failures: Sequence[int] = (),
        failure: str = "Busy",
        pause: float = 0.0,
        cut_after: int | None = None,
        compress: bool = False,
        other: Callable[[str, str, bytes], Answer] | None = None,
    ) -> None:
        self.replies = replies
        self.failures = list(failures)
        self.failure = failure
        self.pause = pause
        self.cut_after = cut_after
        self.compress = compress
        self.other = other
        self.requests: list[JSON] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.streamed = threading.Event()
        self._lock = threading.Lock()
        self._said: dict[str | None, int] = {}
        handler = type("Bound", (_Handler,), {"service": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # agents hang up here on purpose
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def message(self, body: JSON) -> JSON:
        thread = body.get("thread") or {}
        said = sum(message["role"] == "assistant" for message in body["messages"])
        said = self._said.get(thread.get("previous_message_id"), said - 1) + 1
        content = self.replies[min(said, len(self.replies) - 1)]
        calls = any(block["type"] == "tool_use" for block in content)
        with self._lock:
            number = len(self.requests)
            self._said[f"msg_{number}"] = said
        reply: JSON = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body["model"]}
        reply |= {"content": content, "stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
        return reply | {"usage": {"input_tokens": 10, "output_tokens": 5}}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        service = self.service
        length = self.headers.get("content-length")
        sent = self.rfile.read(int(length)) if length else self._chunks()
        service.headers.append({name.lower(): value for name, value in self.headers.items()})
        service.paths.append(self.path)
        if self.command != "POST" or not self.path.split("?")[0].endswith("/v1/messages"):
            self._whole(*(service.other or _not_found)(self.command, self.path, sent))
            return
        body = json.loads(sent)
        service.requests.append(body)
        if service.failures:
            status = service.failures.pop(0)
            error = {"type": "error", "error": {"type": "overloaded_error", "message": service.failure}}
            self._whole(status, {"content-type": "application/json"}, json.dumps(error).encode())
        elif body.get("stream"):
            self._stream(service.message(body))
        else:
            time.sleep(service.pause)
            self._whole(200, {"content-type": "application/json"}, json.dumps(service.message(body)).encode())

    do_GET = do_HEAD = do_OPTIONS = do_PUT = do_DELETE = do_POST  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        pass

    def _chunks(self) -> bytes:
        whole = b""
        while "chunked" in self.headers.get("transfer-encoding", "") and (size := int(self.rfile.readline(), 16)):
            whole += self.rfile.read(size)
            self.rfile.readline()
        return whole

    def _whole(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if self.service.compress:
            body, headers = gzip.compress(body, mtime=0), {**headers, "content-encoding": "gzip"}
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body)), "request-id": "req_1"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, message: JSON) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(events_of(message)):
            if number == self.service.cut_after:
                self.close_connection = True
                return
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            time.sleep(self.service.pause)
        self.wfile.write(b"0\r\n\r\n")
        self.service.streamed.set()


def _not_found(_method: str, path: str, _body: bytes) -> Answer:
    return 404, {"content-type": "application/json"}, json.dumps({"error": f"no {path}"}).encode()


def asked(*messages: JSON, **more: Any) -> JSON:
    tool = {"type": "computer_20251124", "name": "computer", "display_width_px": 64, "display_height_px": 48}
    body = {"model": "claude-x", "max_tokens": 100, "tools": [tool], "messages": list(messages)}
    return body | more
