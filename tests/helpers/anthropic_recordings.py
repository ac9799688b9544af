"""Recordings as Anthropic's demo and Claude Code write them."""

from __future__ import annotations

from pathlib import Path

from foreign import JSON, call, inline, result, text, write

ASKED: JSON = {"role": "user", "content": "Play the song"}


LOOKED: JSON = {"role": "assistant", "content": [text("I look."), call("a", "computer", action="screenshot")]}


SEEN: JSON = {"role": "user", "content": [result("a", inline(1))]}


CLICK = call("b", "computer", action="left_click", coordinate=[40, 30])


CLICKED: JSON = {"role": "assistant", "content": [CLICK, call("c", "computer", action="left_click")]}


DONE: JSON = {"role": "user", "content": [result("b", text("ok")), result("c", text("no button"), is_error=True)]}


ANSWER: JSON = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-test",
    "content": [text("It plays.")],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 5, "output_tokens": 3},
}


MESSAGES = [ASKED, LOOKED, SEEN, CLICKED, DONE]


def dumps(folder: Path, *, last: int = len(MESSAGES), response: JSON | None = ANSWER) -> Path:
    """Write a dump for every message up to `last`, the last one with a response."""
    for number in range(1, last + 1):
        moment = f"2025-01-01T10:00:{number:02}"
        dump: JSON = {"timestamp": moment, "step": number, "messages": MESSAGES[:number], "screenshots": ["t9/x.png"]}
        write(folder / f"{number}.json", dump | {"response": response if number == last else None})
    return folder


def line(kind: str, number: int, **more: object) -> JSON:
    return {
        "type": kind,
        "uuid": f"u{number}",
        "timestamp": f"2026-04-13T05:08:{number:02}.000Z",
        "sessionId": "s",
    } | more


def said(identity: str, *content: JSON) -> JSON:
    return {"id": identity, "type": "message", "role": "assistant", "model": "claude-test", "content": list(content)}


def transcript(folder: Path) -> Path:
    """A reply over three lines with a result between them, a subagent, and a picture that a file tool read."""
    call_a, call_b = call("a", "mcp__sandbox__screenshot", box="1"), call("b", "Read", file_path="x.jpg")
    failed = result("c", text("no"), is_error=True)
    lines = [
        {"type": "queue-operation", "operation": "enqueue", "timestamp": "2026-04-13T05:08:00.000Z", "sessionId": "s"},
        line("user", 1, message={"role": "user", "content": "Make a script"}),
        line("assistant", 2, message=said("m1", {"type": "thinking", "thinking": "Hm."})),
        line("assistant", 3, message=said("m1", text("I try."), call_a)),
        line("user", 4, message={"role": "user", "content": [result("a", inline(1))]}),
        line("assistant", 5, message=said("m1", call_b)),
        line("user", 6, message={"role": "user", "content": [result("b", inline(2))]}),
        line("user", 6, message={"role": "user", "content": [result("b", inline(2))]}),  # repeated by a resumed session
        line("assistant", 7, isSidechain=True, agentId="w1", message=said("m2", call("c", "Bash", command="ls"))),
        line("user", 8, isSidechain=True, agentId="w1", message={"role": "user", "content": [failed]}),
        line("user", 9, message={"role": "user", "content": "Hurry"}),
        line("assistant", 10, message=said("m3", text("Done."))),
        {"type": "last-prompt", "lastPrompt": "Make a script", "sessionId": "s"},
    ]
    write(folder / "session.jsonl", *lines)
    return folder
