"""
A loop without an SDK, whose harness can be changed: `changed_loop.py [stream] [CHANGE]`.

It shows a picture with every result, as agents do, and ends with 7 where it is refused.
"""

from __future__ import annotations

import base64
import json
import os
import struct
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from typing import Any

DATE = {"dated": "Today is Monday, November 23, 2026. It took 1.7 s."}.get(
    sys.argv[-1], "Today is Sunday, November 22, 2026. It took 0.4 s."
)


def image(shade: int) -> Any:
    """Return a picture of 64 x 48 pixels as an image block; made by hand, since this must start quickly."""
    rows = zlib.compress((b"\0" + bytes([shade]) * 192) * 48)
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def asked(*messages: Any, **more: Any) -> Any:
    """Return a request."""
    tool = {"type": "computer_20251124", "name": "computer", "display_width_px": 64, "display_height_px": 48}
    return {"model": "claude-x", "max_tokens": 100, "tools": [tool], "messages": list(messages), **more}


def _put(holder: Any, key: Any, value: Any) -> Any:
    holder[key] = value
    return value


def _result(body: Any) -> Any:
    return body["messages"][2]["content"][0]


ALWAYS: dict[str, Callable[[Any], Any]] = {
    "system": lambda body: _put(body, "system", body["system"] + " Be quick."),
    "task": lambda body: _put(body["messages"][0], "content", "Add two large numbers"),
    "new tool": lambda body: body["tools"].append({"name": "bash", "type": "bash_20250124"}),
    "scaling": lambda body: _put(body["tools"][0], "display_width_px", 128),
    "max tokens": lambda body: _put(body, "max_tokens", 200),
    "temperature": lambda body: _put(body, "temperature", 0.5),
    "model": lambda body: _put(body, "model", "claude-y"),
    "cached": lambda body: (
        _put(body, "metadata", {"user_id": str(os.getpid())}),
        _put(body["messages"][-1], "cache_control", {"type": "ephemeral"}),
    ),
}
"""What another version of the harness would change in every request."""
ONCE: dict[str, Callable[[Any], Any]] = {
    "pruned": lambda body: _result(body)["content"].pop(),
    "result": lambda body: _put(_result(body)["content"][0], "text", "Clicked it."),
    "picture": lambda body: _put(_result(body)["content"], 1, image(90)),
    "nudge": lambda body: body["messages"].append({"role": "user", "content": "Go on."}),
    "thinking": lambda body: body["messages"][1]["content"].pop(0),
    "failed": lambda body: _put(_result(body), "is_error", True),
}
"""What it would change in the second."""


def ask(body: Any, *, path: str = "/v1/messages") -> Any:
    """Send a request; return the message, put together from its events where it is streamed."""
    url = os.environ["ANTHROPIC_BASE_URL"] + path
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as response:
            whole = response.read()
            streamed = "event-stream" in response.headers["content-type"]
    except urllib.error.HTTPError as error:
        with error:
            sys.exit(7 if json.loads(error.read())["type"] == "error" else 1)
    if not streamed:
        return json.loads(whole)
    from footage.providers.anthropic.stream_reader import MessageBuilder
    from footage.providers.streams.server_sent_events import EventReader

    builder = MessageBuilder()
    for event in EventReader().feed(whole):
        builder.add(event)
    return {**builder.message, "content": builder.content()}


PROBES: tuple[tuple[str, str, Any], ...] = (
    ("HEAD", "", None),
    ("GET", "/v1/models?limit=1", None),
    ("OPTIONS", "/v1/messages", None),
    ("POST", "/api/event_logging/batch", {"events": []}),
    ("POST", "/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "x" * 400}]}),
    ("POST", "/v1/messages", {"model": "small", "messages": [{"role": "user", "content": "A title, please"}]}),
)


def probe() -> None:
    """Ask what clients ask for reasons of their own, and go on whatever comes."""
    for method, path, body in PROBES:
        data = None if body is None else json.dumps(body).encode()
        url = os.environ["ANTHROPIC_BASE_URL"] + path
        request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request) as response:
                sys.stdout.write(f"{method} {path} {response.status} {response.read().decode()}\n")
        except urllib.error.HTTPError as error:
            with error:
                sys.stdout.write(f"{method} {path} {error.code}\n")


def main() -> None:
    kind = sys.argv[-1]
    if "probes" in sys.argv:
        probe()
    if kind == "title":
        title = {"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": "A title, please"}]}
        ask(title)
    if kind == "count":
        ask(asked({"role": "user", "content": "x"}), path="/v1/messages/count_tokens")
    messages: list[Any] = [{"role": "user", "content": "Add two numbers"}]
    for turn in range(20):
        body: Any = json.loads(json.dumps(asked(*messages, system=DATE)))
        body["stream"] = "stream" in sys.argv
        if kind in ALWAYS or (kind in ONCE and turn == 1):
            (ALWAYS | ONCE)[kind](body)
        if kind == "twice" and turn == 1:
            ask(body)
        reply = ask(body)
        messages.append({"role": "assistant", "content": reply["content"]})
        calls = [block["id"] for block in reply["content"] if block["type"] == "tool_use"]
        if not calls and kind == "goes on" and turn < 10:
            messages.append({"role": "user", "content": "And now?"})
            continue
        if not calls or (kind == "gives up" and turn == 1):
            return
        results = [
            {
                "type": "tool_result",
                "tool_use_id": c,
                "content": [{"type": "text", "text": "Clicked."}, image(10 + turn)],
            }
            for c in calls
        ]
        messages.append({"role": "user", "content": results})


if __name__ == "__main__":
    main()
