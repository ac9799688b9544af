"""
Conversations as four model APIs carry them, generated: what an agent sends, what comes back, and what happened.

Written from the public shapes of the APIs, apart from footage's own readers and writers.
"""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from recording import png

JSON = dict[str, Any]
SIZE = (1280, 800)
PROVIDERS = ("anthropic", "openai-responses", "gemini", "chat-completions")
PATHS = {
    "anthropic": "/v1/messages",
    "openai-responses": "/responses",
    "gemini": "/v1beta/models/model-g:generateContent",
    "chat-completions": "/chat/completions",
}
_USED: JSON = {"input_tokens": 1, "output_tokens": 1}


@dataclass
class Plan:
    """One conversation: what the model asks for, turn by turn, and how the wire carries it."""

    provider: str
    seed: int
    stream: bool
    manner: str
    """`history` (all of it each time), `thread` (only what is new), or `pruned` (old pictures left out)."""
    where: str
    """Where pictures are: in the `result`, or in a `user` message after it."""
    reverse: bool
    """Whether the results of calls come in another order."""
    turns: list[list[tuple[str, JSON]]] = field(default_factory=list)
    """The actions of each turn: canonical name and arguments."""

    @classmethod
    def of(cls, provider: str, seed: int) -> Plan:
        choose = random.Random(f"{provider}/{seed}")
        manners = {"openai-responses": ["history", "thread", "pruned"]}.get(provider, ["history", "pruned"])
        names_calls = provider in {"anthropic", "chat-completions"}
        plan = cls(
            provider,
            seed,
            stream=choose.random() < 0.5,
            manner=choose.choice(manners),
            where="user" if provider == "chat-completions" else choose.choice(["result", "result", "user"]),
            reverse=names_calls and choose.random() < 0.3,
        )
        if plan.manner == "pruned" or plan.provider == "openai-responses":
            plan.where = "result" if provider != "chat-completions" else "user"
        plan.turns = [
            [_action(choose) for _ in range(choose.choice([1, 1, 1, 2, 3]))] for _ in range(choose.randint(1, 5))
        ]
        return plan


def _action(choose: random.Random) -> tuple[str, JSON]:
    grid = choose.randrange(0, 1000, 25), choose.randrange(0, 1000, 25)
    at = [round(grid[0] * SIZE[0] / 1000), round(grid[1] * SIZE[1] / 1000)]
    name = choose.choice(["left_click", "left_click", "double_click", "mouse_move", "type", "key", "scroll", "wait"])
    given: dict[str, JSON] = {
        "type": {"text": choose.choice(["hello", "Ünï 测试", "a\nb"])},
        "key": {"text": choose.choice(["ctrl+s", "Return", "alt+F4"])},
        "scroll": {"coordinate": at, "scroll_direction": choose.choice(["up", "down"]), "scroll_amount": 3},
        "wait": {"duration": 5},
    }
    return name, given.get(name, {"coordinate": at})


@dataclass
class Exchanged:
    """One request and its reply, as bytes where it is streamed."""

    request: JSON
    reply: JSON
    events: bytes
    path: str


def exchanges(plan: Plan) -> Iterator[Exchanged]:
    """Yield what passes the wire."""
    yield from {
        "anthropic": _messages,
        "openai-responses": _responses,
        "gemini": _gemini,
        "chat-completions": _chat,
    }[plan.provider](plan)


def _shot(number: int) -> str:
    return base64.b64encode(png(number % 250 + 3, SIZE)).decode()


def _events(*events: JSON, named: bool = True, done: bool = False) -> bytes:
    lines = [(f"event: {e['type']}\n" if named else "") + f"data: {json.dumps(e)}\n\n" for e in events]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


# --- Messages ---


def _messages(plan: Plan) -> Iterator[Exchanged]:
    tool = {"type": "computer_20251124", "name": "computer", "display_width_px": SIZE[0], "display_height_px": SIZE[1]}
    history: list[JSON] = [{"role": "user", "content": [{"type": "text", "text": f"Task {plan.seed}"}]}]
    for number, actions in enumerate([*plan.turns, []]):
        content: list[JSON] = [{"type": "text", "text": f"Turn {number}."}]
        content += [
            {"type": "tool_use", "id": f"toolu_{number}_{n}", "name": "computer", "input": {"action": name, **given}}
            for n, (name, given) in enumerate(actions)
        ]
        reply: JSON = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m", "content": content}
        reply |= {
            "stop_reason": "tool_use" if actions else "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        events: list[JSON] = [{"type": "message_start", "message": {**reply, "content": [], "stop_reason": None}}]
        for n, block in enumerate(content):
            empty = {**block, "input": {}} if block["type"] == "tool_use" else {"type": "text", "text": ""}
            events.append({"type": "content_block_start", "index": n, "content_block": empty})
            delta = (
                {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
                if block["type"] == "tool_use"
                else {"type": "text_delta", "text": block["text"]}
            )
            events.append({"type": "content_block_delta", "index": n, "delta": delta})
            events.append({"type": "content_block_stop", "index": n})
        events += [{"type": "message_delta", "delta": {"stop_reason": reply["stop_reason"]}}, {"type": "message_stop"}]
        request = {"model": "m", "max_tokens": 9, "tools": [tool], "messages": copy.deepcopy(history)}
        yield Exchanged(request, reply, _events(*events), PATHS["anthropic"])
        history.append({"role": "assistant", "content": content})
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _shot(number)}}
        results: list[JSON] = [
            {
                "type": "tool_result",
                "tool_use_id": f"toolu_{number}_{n}",
                "content": [{"type": "text", "text": f"ok {n}"}],
            }
            for n in range(len(actions))
        ]
        if results and plan.where == "result":
            results[-1]["content"] = [{"type": "text", "text": f"ok {len(results) - 1}"}, picture]
        results = results[::-1] if plan.reverse else results
        history.append({"role": "user", "content": [*results, *([picture] if plan.where == "user" else [])]})
        if plan.manner == "pruned":
            for message in history[:-1]:
                for block in message["content"]:
                    if block.get("type") == "tool_result":
                        block["content"] = [c for c in block["content"] if c["type"] != "image"]


# --- Responses ---


def _openai_action(name: str, given: JSON) -> JSON:
    x, y = given.get("coordinate", [None, None])
    at = {"x": x, "y": y}
    keys = {"ctrl+s": ["CTRL", "S"], "Return": ["ENTER"], "alt+F4": ["ALT", "F4"]}
    far = -300 if given.get("scroll_direction") == "up" else 300
    return {
        "left_click": {"type": "click", "button": "left", **at},
        "double_click": {"type": "double_click", **at},
        "mouse_move": {"type": "move", **at},
        "type": {"type": "type", "text": given.get("text")},
        "key": {"type": "keypress", "keys": keys.get(str(given.get("text")))},
        "scroll": {"type": "scroll", **at, "scroll_x": 0, "scroll_y": far},
        "wait": {"type": "wait", "ms": 5000},
    }[name]


def _responses(plan: Plan) -> Iterator[Exchanged]:
    history: list[JSON] = [{"role": "user", "content": f"Task {plan.seed}"}]
    new = list(history)
    previous = ""
    for number, actions in enumerate([*plan.turns, []]):
        item: JSON = {
            "type": "computer_call",
            "id": f"cu_{number}",
            "call_id": f"call_{number}",
            "actions": [_openai_action(*action) for action in actions],
            "pending_safety_checks": [],
            "status": "completed",
        }
        if not actions:
            text = {"type": "output_text", "text": "Done.", "annotations": []}
            item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text]}
        reasoning = {"type": "reasoning", "id": f"rs_{number}", "summary": [{"type": "summary_text", "text": "Hm."}]}
        output = [reasoning, item]
        reply: JSON = {
            "id": f"resp_{plan.seed}_{number}",
            "object": "response",
            "status": "completed",
            "model": "m",
            "output": output,
        }
        reply["usage"] = {"input_tokens": 1, "output_tokens": 1}
        events: list[JSON] = [
            {"type": "response.created", "response": {**reply, "output": [], "status": "in_progress"}}
        ]
        for n, each in enumerate(output):
            events.append(
                {"type": "response.output_item.added", "output_index": n, "item": {**each, "status": "in_progress"}}
            )
            events.append({"type": "response.output_item.done", "output_index": n, "item": each})
        events.append({"type": "response.completed", "response": reply})
        request: JSON = {"model": "m", "tools": [{"type": "computer"}], "stream": plan.stream}
        if plan.manner == "thread" and previous:
            request |= {"previous_response_id": previous, "input": copy.deepcopy(new)}
        else:
            request |= {"input": copy.deepcopy(history)}
        yield Exchanged(request, reply, _events(*events), PATHS["openai-responses"])
        previous = str(reply["id"])
        new = [
            {
                "type": "computer_call_output",
                "call_id": f"call_{number}",
                "output": {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{_shot(number)}"},
            }
        ]
        if plan.manner == "pruned":
            for each in history:
                if each.get("type") == "computer_call_output":
                    each["output"] = {"type": "input_text", "text": "(left out)"}
        history += [*output, *new]


# --- Gemini ---


def _gemini(plan: Plan) -> Iterator[Exchanged]:
    first = {"inlineData": {"mimeType": "image/png", "data": _shot(200)}}  # the grid is of a picture: one comes first
    history: list[JSON] = [{"role": "user", "parts": [{"text": f"Task {plan.seed}"}, first]}]
    tools = [{"computerUse": {"environment": "ENVIRONMENT_BROWSER"}}]
    path = PATHS["gemini"].replace(":generate", ":streamGenerate" if plan.stream else ":generate")
    for number, actions in enumerate([*plan.turns, []]):
        calls = [_gemini_call(name, given) for name, given in actions]
        parts: list[JSON] = [{"text": f"Turn {number}."}, *({"functionCall": call} for call in calls)]
        candidate: JSON = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1}
        reply: JSON = {"candidates": [candidate], "usageMetadata": usage, "responseId": f"g{plan.seed}-{number}"}
        pieces: list[JSON] = [
            {
                "candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}],
                "responseId": reply["responseId"],
            }
            for part in parts[:-1]
        ]
        last = {**candidate, "content": {"role": "model", "parts": parts[-1:]}}
        pieces.append({**reply, "candidates": [last]})
        request = {"contents": copy.deepcopy(history), "tools": tools}
        yield Exchanged(request, reply, _events(*pieces, named=False), path)
        picture = {"inlineData": {"mimeType": "image/png", "data": _shot(number)}}
        answers: list[JSON] = [{"functionResponse": {"name": c["name"], "response": {"url": "u"}}} for c in calls]
        if answers and plan.where == "result":
            answers[-1]["functionResponse"]["parts"] = [picture]
        history.append({"role": "model", "parts": parts})
        history.append({"role": "user", "parts": [*answers, *([picture] if plan.where == "user" else [])]})
        if plan.manner == "pruned":
            for content in history[:-1]:
                for part in content["parts"]:
                    part.get("functionResponse", {}).pop("parts", None)


def _gemini_call(name: str, given: JSON) -> JSON:
    x, y = given.get("coordinate", [0, 0])
    at = {"x": round(x * 1000 / SIZE[0]), "y": round(y * 1000 / SIZE[1])}
    keys = {"ctrl+s": "control+s", "Return": "Enter", "alt+F4": "alt+F4"}
    return {
        "left_click": {"name": "click_at", "args": at},
        "double_click": {"name": "double_click_at", "args": at},
        "mouse_move": {"name": "hover_at", "args": at},
        "type": {"name": "type_text", "args": {"text": given.get("text")}},
        "key": {"name": "key_combination", "args": {"keys": keys.get(str(given.get("text")))}},
        "scroll": {"name": "scroll_at", "args": {**at, "direction": given.get("scroll_direction"), "magnitude": 300}},
        "wait": {"name": "wait_5_seconds", "args": {}},
    }[name]


# --- chat completions ---


def _chat(plan: Plan) -> Iterator[Exchanged]:
    history: list[JSON] = [
        {"role": "system", "content": "You use a computer."},
        {"role": "user", "content": [{"type": "text", "text": f"Task {plan.seed}"}]},
    ]
    tool = {"type": "function", "function": {"name": "computer", "parameters": {"type": "object"}}}
    for number, actions in enumerate([*plan.turns, []]):
        calls: list[JSON] = [
            {
                "id": f"call_{number}_{n}",
                "type": "function",
                "function": {"name": "computer", "arguments": json.dumps({"action": name, **given})},
            }
            for n, (name, given) in enumerate(actions)
        ]
        said: JSON = {"role": "assistant", "content": f"Turn {number}."} | ({"tool_calls": calls} if calls else {})
        finish = "tool_calls" if calls else "stop"
        head = {"id": f"chatcmpl-{plan.seed}-{number}", "model": "m"}
        reply = {
            **head,
            "object": "chat.completion",
            "choices": [{"index": 0, "message": said, "finish_reason": finish}],
        }
        deltas: list[JSON] = [{"role": "assistant", "content": ""}, {"content": "Turn "}, {"content": f"{number}."}]
        for n, call in enumerate(calls):
            function = call["function"]
            whole = str(function["arguments"])
            deltas.append(
                {
                    "tool_calls": [
                        {"index": n, "id": call["id"], "function": {"name": "computer", "arguments": whole[:7]}}
                    ]
                }
            )
            deltas.append({"tool_calls": [{"index": n, "function": {"arguments": whole[7:]}}]})
        chunks: list[JSON] = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        request = {"model": "m", "tools": [tool], "messages": copy.deepcopy(history), "stream": plan.stream}
        yield Exchanged(request, reply, _events(*chunks, named=False, done=True), PATHS["chat-completions"])
        results: list[JSON] = [
            {"role": "tool", "tool_call_id": call["id"], "content": f"ok {n}"} for n, call in enumerate(calls)
        ]
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_shot(number)}"}}
        history += [said, *(results[::-1] if plan.reverse else results)]
        if plan.manner == "pruned":
            for message in history:
                if isinstance(message.get("content"), list):
                    message["content"] = [c for c in message["content"] if c["type"] == "text"]
            history = [message for message in history if message.get("content") != []]
        history.append({"role": "user", "content": [picture]})
