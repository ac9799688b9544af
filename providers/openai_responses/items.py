"""
Items of the Responses API, and the common form of requests and replies.

A `computer_call` is a call of the tool `computer`, whose input is {"actions": [...]} or one action; what answers it
holds a picture. Items of a kind that is not known are blocks of their own type: nothing that was said is left out.
"""

from __future__ import annotations

import json
from typing import Any

from footage.providers.blocks_in_text import blocks_in_text
from footage.providers.common_form import objects
from footage.providers.request_parts import source_of
from footage.trajectory import JSON

__all__ = ["block_of_item", "reply_of", "request_of", "response_of"]

_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
_CALLS = frozenset({"computer_call", "function_call", "custom_tool_call", "mcp_call", "local_shell_call", "shell_call"})
_RENAMED = frozenset({"input", "instructions", "previous_response_id", "tools"})
"""Fields of a request that have another name, or another form, in the common form."""
_ENDS = {"completed": "end_turn", "incomplete": "max_tokens"}


def request_of(body: JSON) -> JSON:
    """Return a request in the common form."""
    asked = {key: value for key, value in body.items() if key not in _RENAMED}
    if body.get("instructions") is not None:
        asked["system"] = body["instructions"]
    if body.get("previous_response_id"):
        asked["thread"] = {"previous_message_id": str(body["previous_response_id"])}
    elif conversation := _conversation(body.get("conversation")):
        asked["thread"] = {"previous_message_id": conversation}
    if isinstance(body.get("tools"), list):
        asked["tools"] = [_tool(tool) for tool in objects(body["tools"])]
    asked["messages"] = _messages(body.get("input"))
    return asked


def _conversation(given: Any) -> str:
    """Return the id of a conversation that the service keeps."""
    return str(given.get("id") or "") if isinstance(given, dict) else str(given or "")


def _tool(tool: JSON) -> JSON:
    width, height = tool.get("display_width"), tool.get("display_height")
    return {**tool, "display_width_px": width, "display_height_px": height} if width and height else tool


def _messages(given: Any) -> list[JSON]:
    """Return the items of a request as messages; items of one role that follow each other are one message."""
    if isinstance(given, str):
        return [{"role": "user", "content": [{"type": "text", "text": given}]}]
    messages: list[JSON] = []
    for item in objects(given):
        role, blocks = _said(item)
        if not blocks:
            continue
        if messages and messages[-1]["role"] == role and not _is_message(item):
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    return messages


def _is_message(item: JSON) -> bool:
    return item.get("type", "message") == "message" and item.get("role") != "assistant"


def _said(item: JSON) -> tuple[str, list[JSON]]:
    """Return who says an item of a request, and its blocks."""
    kind = str(item.get("type") or "message")
    if kind == "message":
        role = str(item.get("role") or "user")
        return "assistant" if role == "assistant" else "user", _content(item.get("content"))
    if kind.endswith("_output"):
        return "user", [_result(item)]
    return "assistant", [block_of_item(item)]


def _content(given: Any) -> list[JSON]:
    if isinstance(given, str):
        return [{"type": "text", "text": given}]
    return [_part(part) for part in objects(given)]


def _part(part: JSON) -> JSON:
    """Return a part of a message, or of a result, as a block."""
    kind = str(part.get("type") or "")
    if kind in _TEXTS:
        return {"type": "text", "text": str(part.get("text") or "")}
    if kind in {"input_image", "computer_screenshot"}:
        return image_of(part.get("image_url"), part.get("file_id")) or part
    return part


def image_of(url: Any, file_id: Any = None) -> JSON | None:
    """Return an image block for a URL (or {"url": …}) or a file's id; None for neither."""
    source = source_of(url.get("url") if isinstance(url, dict) and "url" in url else url)
    if source is not None:
        return {"type": "image", "source": source}
    return {"type": "image", "source": {"type": "file", "file_id": file_id}} if isinstance(file_id, str) else None


def _result(item: JSON) -> JSON:
    """Return what answers a call."""
    output = item.get("output")
    if (spelled := blocks_in_text(output)) is not None:
        content = spelled
    elif isinstance(output, dict):
        content = [_part(output)]
    elif isinstance(output, str):
        content = [{"type": "text", "text": output}]
    else:
        content = [_part(part) for part in objects(output)]
    failed = item.get("status") in {"failed", "incomplete"}
    result = {"type": "tool_result", "tool_use_id": str(item.get("call_id") or ""), "content": content}
    return {**result, "is_error": True} if failed else result


# --- replies ------------------------------------------------------------------------------------------------------


def reply_of(body: JSON) -> JSON:
    """Return a response in the common form; each block keeps its item as `origin`."""
    content = [{**block_of_item(item), "origin": item} for item in objects(body.get("output"))]
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    status = str(body.get("status") or "completed")
    calls = any(block["type"] == "tool_use" for block in content)
    stop = "tool_use" if calls and status == "completed" else _ENDS.get(status, status)
    return {
        "id": str(body.get("id") or ""),
        "model": str(body.get("model") or ""),
        "content": content,
        "stop_reason": stop,
        "usage": usage,
    }


def block_of_item(item: JSON) -> JSON:
    """Return an item that a model said as a block."""
    kind = str(item.get("type") or "message")
    if kind == "message":
        texts = [str(part.get("text") or part.get("refusal") or "") for part in _parts_of(item)]
        return {"type": "text", "text": "\n\n".join(filter(None, texts))}
    if kind == "reasoning":
        parts = [*objects(item.get("summary")), *objects(item.get("content"))]
        return {"type": "thinking", "thinking": "\n\n".join(str(part.get("text") or "") for part in parts)}
    if kind in _CALLS:
        return {"type": "tool_use", "id": str(item.get("call_id") or item.get("id") or ""), **_call(kind, item)}
    return {"type": f"openai_{kind}", **({"id": item["id"]} if isinstance(item.get("id"), str) else {})}


def _parts_of(item: JSON) -> list[JSON]:
    content = item.get("content")
    return [{"text": content}] if isinstance(content, str) else objects(content)


def _call(kind: str, item: JSON) -> JSON:
    """Return the name and the input of a call."""
    if kind == "computer_call":
        listed = item.get("actions")
        action = item.get("action")
        given = {"actions": listed} if isinstance(listed, list) else action if isinstance(action, dict) else {}
        return {"name": "computer", "input": given}
    if kind in {"local_shell_call", "shell_call"}:
        action = item.get("action")
        return {"name": "bash", "input": action if isinstance(action, dict) else {}}
    arguments = item.get("arguments", item.get("input"))
    name = str(item.get("name") or "")
    if kind == "mcp_call":
        name = f"mcp__{item.get('server_label') or 'server'}__{name}"
    return {"name": name, "input": _parsed(arguments)}


def _parsed(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments if arguments is not None else {}
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return {"input": arguments}


def response_of(message: JSON) -> JSON:
    """Return a reply in the common form as a response: by its items as they came, else by its blocks."""
    output = [_item(number, block) for number, block in enumerate(objects(message.get("content")))]
    ended = {"max_tokens": "incomplete", "end_turn": "completed", "tool_use": "completed"}
    return {
        "id": message.get("id") or "resp_tape",
        "object": "response",
        "created_at": 0,
        "status": ended.get(str(message.get("stop_reason")), "completed"),
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": message.get("model") or "",
        "output": output,
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": {**_NO_TOKENS, **(message.get("usage") or {})},
    }


_NO_TOKENS: JSON = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


def _item(number: int, block: JSON) -> JSON:
    """Return the item that a block was, or one for a block that came from elsewhere."""
    if isinstance(block.get("origin"), dict):
        return dict(block["origin"])
    kind, call_id = block.get("type"), str(block.get("id") or f"call_{number}")
    if kind == "tool_use" and block.get("name") == "computer":
        given = block.get("input") or {}
        listed = given.get("actions") if isinstance(given, dict) else None
        actions = listed if isinstance(listed, list) else [given]
        call = {"type": "computer_call", "id": f"cu_{number}", "call_id": call_id, "actions": actions}
        return {**call, "pending_safety_checks": [], "status": "completed"}
    if kind == "tool_use":
        arguments = json.dumps(block.get("input") or {})
        call = {"type": "function_call", "id": f"fc_{number}", "call_id": call_id, "name": block.get("name") or ""}
        return {**call, "arguments": arguments, "status": "completed"}
    if kind == "thinking":
        said = [{"type": "summary_text", "text": str(block.get("thinking") or "")}]
        return {"type": "reasoning", "id": f"rs_{number}", "summary": said}
    text = {"type": "output_text", "text": str(block.get("text") or ""), "annotations": []}
    message = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed"}
    return {**message, "content": [text]}
