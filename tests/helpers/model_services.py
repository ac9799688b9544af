"""A service on loopback that answers as three model APIs do, from a script: for clients as they are published."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = dict[str, Any]
_CLICK = [{"type": "click", "button": "left", "x": 600, "y": 400}, {"type": "type", "text": "hello"}]
_TEXT = {"type": "output_text", "text": "Done.", "annotations": []}
RESPONSES: list[list[JSON]] = [
    [{"type": "computer_call", "id": "cu_0", "call_id": "call_0", "actions": [{"type": "screenshot"}]}],
    [{"type": "computer_call", "id": "cu_1", "call_id": "call_1", "actions": _CLICK}],
    [
        {
            "type": "message",
            "id": "msg_2",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Done.", "annotations": []}],
        }
    ],
]
GEMINI: list[list[JSON]] = [
    [{"text": "I click."}, {"functionCall": {"name": "click_at", "args": {"x": 500, "y": 500}}}],
    [{"functionCall": {"name": "key_combination", "args": {"keys": "control+s"}}}],
    [{"text": "Done."}],
]
_CALL = {"name": "computer", "arguments": json.dumps({"action": "left_click", "coordinate": [600, 400]})}
CHAT: list[JSON] = [
    {"role": "assistant", "content": None, "tool_calls": [{"id": "call_0", "type": "function", "function": _CALL}]},
    {"role": "assistant", "content": "Done."},
]


def _responses(body: JSON) -> tuple[JSON, list[JSON]]:
    items = body["input"] if isinstance(body["input"], list) else []
    before = body.get("previous_response_id")
    at = int(before.rpartition("_")[2]) + 1 if before else sum(i.get("type") == "computer_call" for i in items)
    output = [{"status": "completed", **item} for item in RESPONSES[at]]
    for item in output:
        if item["type"] == "computer_call":
            item["pending_safety_checks"] = []
    reply = {"id": f"resp_{at}", "object": "response", "created_at": 0, "status": "completed", "model": body["model"]}
    reply |= {"output": output, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    events: list[JSON] = [{"type": "response.created", "response": {**reply, "status": "in_progress", "output": []}}]
    for index, item in enumerate(output):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    return reply, [*events, {"type": "response.completed", "response": reply}]


def _gemini(body: JSON) -> tuple[JSON, list[JSON]]:
    at = sum(content.get("role") == "model" for content in body["contents"])
    candidate = {"content": {"role": "model", "parts": GEMINI[at]}, "finishReason": "STOP", "index": 0}
    reply = {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 5}, "modelVersion": "gemini-x"}
    return reply, [reply]


def _chat(body: JSON) -> tuple[JSON, list[JSON]]:
    at = sum(message["role"] == "assistant" for message in body["messages"])
    said = CHAT[at]
    head = {"id": f"chatcmpl-{at}", "created": 0, "model": body["model"]}
    finish = "tool_calls" if said.get("tool_calls") else "stop"
    choice = {"index": 0, "message": said, "finish_reason": finish}
    reply = {**head, "object": "chat.completion", "choices": [choice]}
    calls = [{**call, "index": n} for n, call in enumerate(said.get("tool_calls") or [])]
    delta = {"role": "assistant", "content": said["content"], **({"tool_calls": calls} if calls else {})}
    chunks = [{"index": 0, "delta": delta, "finish_reason": None}, {"index": 0, "delta": {}, "finish_reason": finish}]
    return reply, [{**head, "object": "chat.completion.chunk", "choices": [chunk]} for chunk in chunks]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = self.path.partition("?")[0]
        if "enerateContent" in path:
            (reply, events), streamed, named = _gemini(body), ":stream" in path, False
        elif path.endswith("/responses"):
            (reply, events), streamed, named = _responses(body), bool(body.get("stream")), True
        elif path.endswith("/chat/completions"):
            (reply, events), streamed, named = _chat(body), bool(body.get("stream")), False
        else:
            (reply, events), streamed, named = ({"ok": True}, []), False, False
        if streamed:
            lines = [(f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n" for e in events]
            data = "".join([*lines, "data: [DONE]\n\n" if path.endswith("completions") else ""]).encode()
        else:
            data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def model_services() -> Iterator[str]:
    """Serve; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
