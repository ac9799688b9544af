"""
Requests of Gemini in the common form.

Calls have an id only where the service gave one; what answers a call without one answers the last reply's calls in
their order. Both spellings are read, `functionCall` and `function_call`: clients send either.
"""

from __future__ import annotations

from typing import Any

from footage.providers.common_form import objects
from footage.providers.request_parts import source_of
from footage.trajectory import JSON

__all__ = ["block_of_part", "either", "request_of"]

_RENAMED = frozenset({"contents", "systemInstruction", "system_instruction"})


def either(holder: Any, name: str) -> Any:
    """Return a field by its name, `inlineData` or `inline_data`."""
    if not isinstance(holder, dict):
        return None
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return holder.get(name, holder.get(snake))


def request_of(body: JSON) -> JSON:
    """Return a request in the common form, but for the model."""
    asked = {key: value for key, value in body.items() if key not in _RENAMED}
    system = either(body, "systemInstruction")
    if system is not None:
        asked["system"] = [block_of_part(part) for part in objects(either(system, "parts"))] or system
    asked["messages"] = [_message(content) for content in objects(body.get("contents"))]
    return asked


def _message(content: JSON) -> JSON:
    role = "assistant" if content.get("role") == "model" else "user"
    return {"role": role, "content": [block_of_part(part) for part in objects(content.get("parts"))]}


def block_of_part(part: JSON) -> JSON:
    """Return a part as a block."""
    call, response = either(part, "functionCall"), either(part, "functionResponse")
    inline, file = either(part, "inlineData"), either(part, "fileData")
    if isinstance(call, dict):
        given = call.get("args")
        block = {"type": "tool_use", "id": str(call.get("id") or ""), "name": str(call.get("name") or "")}
        return {**block, "input": given if isinstance(given, dict) else {}}
    if isinstance(response, dict):
        return _result(response)
    if isinstance(inline, dict):
        media_type = str(either(inline, "mimeType") or "image/png")
        source = source_of(inline.get("data"), media_type) if media_type.startswith("image/") else None
        return {"type": "image", "source": source} if source else {"type": "gemini_data", "media_type": media_type}
    if isinstance(file, dict):
        return {"type": "image", "source": {"type": "url", "url": str(either(file, "fileUri") or "")}}
    if isinstance(part.get("text"), str):
        return (
            {"type": "thinking", "thinking": part["text"]}
            if part.get("thought")
            else {"type": "text", "text": part["text"]}
        )
    return {"type": "gemini_part", "part": part}


def _result(response: JSON) -> JSON:
    given = response.get("response")
    fields = given if isinstance(given, dict) else {}
    failed = bool(fields.get("error"))
    content = [block_of_part(part) for part in objects(response.get("parts"))]
    texts = [f"{key}: {value}" for key, value in fields.items() if isinstance(value, str | int | float) and value != ""]
    if texts:
        content.insert(0, {"type": "text", "text": "\n".join(texts)})
    block = {"type": "tool_result", "tool_use_id": str(response.get("id") or ""), "content": content}
    return {**block, "is_error": True} if failed else block
