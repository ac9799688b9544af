"""A Messages API on loopback that answers by position: its n-th reply to a history with n replies in it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import anthropic

from footage.trajectory import JSON


def call(name: str, call_id: str, **fields: Any) -> JSON:
    return {"type": "tool_use", "id": call_id, "name": "computer", "input": {"action": name, **fields}}


def text(words: str) -> JSON:
    return {"type": "text", "text": words}


class ScriptedModel:
    """`replies` are lists of content blocks; a context manager."""

    def __init__(self, *replies: list[JSON]) -> None:
        self.requests: list[JSON] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                model.requests.append(body)
                said = sum(message["role"] == "assistant" for message in body["messages"])
                content = replies[min(said, len(replies) - 1)]
                calls = any(block["type"] == "tool_use" for block in content)
                reply: JSON = {"id": f"msg_{len(model.requests)}", "type": "message", "role": "assistant"}
                reply |= {"model": body["model"], "content": content, "stop_sequence": None}
                reply |= {"stop_reason": "tool_use" if calls else "end_turn"}
                data = json.dumps(reply | {"usage": {"input_tokens": 10, "output_tokens": 5}}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        port = self._server.server_address[1]
        self.client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key="none", max_retries=0)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
