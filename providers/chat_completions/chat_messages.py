"""Messages of chat completions, and the common form of requests and replies."""

from __future__ import annotations

import json
from typing import Any

from footage.providers.blocks_in_text import blocks_in_text
from footage.providers.chat_completions.dialects import calls_in_text
from footage.providers.common_form import invented_id, objects
from footage.providers.request_parts import source_of
from footage.trajectory import JSON

__all__ = ["completion_of", "reply_of", "reply_of_message", "request_of"]

_STOPS = {"stop": "end_turn", "tool_calls": "tool_use", "function_call": "tool_use", "length": "max_tokens"}
_FINISHES = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}
_SYSTEM = frozenset({"system", "developer"})


def request_of(body: JSON) -> JSON:
    """Return a request in the common form: system messages at its beginning are the system prompt."""
    asked = {key: value for key, value in body.items() if key not in {"messages", "tools", "functions"}}
    messages = objects(body.get("messages"))
    first = next((at for at, message in enumerate(messages) if message.get("role") not in _SYSTEM), len(messages))
    if first:
        asked["system"] = [block for message in messages[:first] for block in _content(message.get("content"))]
    tools = body.get("tools") if isinstance(body.get("tools"), list) else body.get("functions")
    if isinstance(tools, list):
        asked["tools"] = [_tool(tool) for tool in objects(tools)]
    asked["messages"] = _joined(messages[first:])
    return asked


def _tool(tool: JSON) -> JSON:
    function = tool.get("function")
    return {"type": "function", **function} if isinstance(function, dict) else tool


def _joined(messages: list[JSON]) -> list[JSON]:
    """Return messages in the common form; results, and what a user says after them, are one message."""
    found: list[JSON] = []
    results = False
    for message in messages:
        role = str(message.get("role") or "user")
        if role == "assistant":
            found.append({"role": "assistant", "content": _said(message)})
            results = False
        elif role in {"tool", "function"}:
            result = {
                "type": "tool_result",
                "tool_use_id": str(message.get("tool_call_id") or ""),
                "content": blocks_in_text(message.get("content")) or _content(message.get("content")),
            }
            if results:
                found[-1]["content"].append(result)
            else:
                found.append({"role": "user", "content": [result]})
            results = True
        elif results:
            found[-1]["content"] += _content(message.get("content"))
        else:
            found.append({"role": "user", "content": _content(message.get("content"))})
    return found


def _content(given: Any) -> list[JSON]:
    if isinstance(given, str):
        return [{"type": "text", "text": given}] if given else []
    return [_part(part) for part in objects(given)]


def _part(part: JSON) -> JSON:
    kind = part.get("type")
    if kind in {"text", "input_text", "output_text"}:
        return {"type": "text", "text": str(part.get("text") or "")}
    if kind in {"image_url", "input_image"}:
        url = part.get("image_url")
        source = source_of(url.get("url") if isinstance(url, dict) and "url" in url else url)
        return {"type": "image", "source": source} if source else part
    return part


# --- replies ------------------------------------------------------------------------------------------------------


def reply_of(body: JSON) -> JSON:
    """Return a completion in the common form: of its first choice."""
    choice = next(iter(objects(body.get("choices"))), {})
    message = choice.get("message")
    return reply_of_message(message if isinstance(message, dict) else {}, choice, body)


def reply_of_message(message: JSON, choice: JSON, body: JSON) -> JSON:
    """Return a reply in the common form; its first block keeps the whole message as `origin`."""
    name = str(body.get("id") or invented_id())
    content = _said(message, name)
    if content:
        content[0] = {**content[0], "origin": message}
    stop = _STOPS.get(str(choice.get("finish_reason")), str(choice.get("finish_reason") or ""))
    if stop == "end_turn" and any(block["type"] == "tool_use" for block in content):
        stop = "tool_use"
    usage = _counted(body.get("usage"))
    head = {"id": name, "model": str(body.get("model") or ""), "content": content, "stop_reason": stop}
    return {**head, "usage": usage}


def _counted(usage: Any) -> JSON:
    """Return what a reply says of tokens, under the names of the common form as well."""
    if not isinstance(usage, dict):
        return {}
    return {**usage, "input_tokens": usage.get("prompt_tokens", 0), "output_tokens": usage.get("completion_tokens", 0)}


def _said(message: JSON, name: str = "") -> list[JSON]:
    """Return what a model said as blocks: thoughts, text, calls, and calls that were written as text."""
    blocks: list[JSON] = []
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thoughts, str) and thoughts:
        blocks.append({"type": "thinking", "thinking": thoughts})
    texts = _content(message.get("content"))
    blocks += texts
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        blocks.append({"type": "text", "text": message["refusal"]})
    calls = objects(message.get("tool_calls"))
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        calls.append({"function": legacy})
    said = "\n".join(str(block.get("text") or "") for block in texts)
    made = [_call(call) for call in calls] or calls_in_text(said)
    return [*blocks, *({**call, "id": call["id"] or (name and f"{name}#{n}")} for n, call in enumerate(made))]


def _call(call: JSON) -> JSON:
    function = call.get("function")
    given: JSON = function if isinstance(function, dict) else call
    arguments = given.get("arguments", given.get("input"))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            arguments = {"input": arguments}
    name = str(given.get("name") or "")
    return {"type": "tool_use", "id": str(call.get("id") or ""), "name": name, "input": arguments or {}}


def completion_of(message: JSON) -> JSON:
    """Return a reply in the common form as a completion: by the message as it came, else by its blocks."""
    blocks = objects(message.get("content"))
    origin = blocks[0].get("origin") if blocks else None
    said = origin if isinstance(origin, dict) else _message_of(blocks)
    stop = str(message.get("stop_reason") or "end_turn")
    finish = "stop" if stop == "tool_use" and not said.get("tool_calls") else _FINISHES.get(stop, stop)
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, **(message.get("usage") or {})}
    return {
        "id": message.get("id") or "chatcmpl-tape",
        "object": "chat.completion",
        "created": 0,
        "model": message.get("model") or "",
        "choices": [{"index": 0, "message": said, "finish_reason": finish, "logprobs": None}],
        "usage": usage,
    }


def _message_of(blocks: list[JSON]) -> JSON:
    texts = [str(block.get("text") or "") for block in blocks if block.get("type") == "text"]
    calls = [
        {
            "id": str(block.get("id") or f"call_{number}"),
            "type": "function",
            "function": {"name": block.get("name") or "", "arguments": json.dumps(block.get("input") or {})},
        }
        for number, block in enumerate(blocks)
        if block.get("type") == "tool_use"
    ]
    said: JSON = {"role": "assistant", "content": "\n\n".join(texts) if texts else None}
    return {**said, "tool_calls": calls} if calls else said
