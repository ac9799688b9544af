"""Recordings as logs of events."""

from __future__ import annotations

from typing import Any


def event(kind: str, at: int, **data: Any) -> dict[str, Any]:
    return {"timestamp": f"2025-07-01T10:00:{at:02}.000000", "type": kind, "data": data}


def call(identity: str, name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": identity, "name": name, "input": given}


def session(name: str = "7_Form_1") -> dict[str, Any]:
    """A look, a click where the pointer was moved to, and a command that fails."""
    look, move = call("toolu_1", "computer", action="screenshot"), {"action": "mouse_move", "coordinate": [40, 30]}
    click = call("toolu_3", "computer", action="left_click")
    events = [
        event("session_metadata", 0, Test_ID="7", Cat="Form"),
        event("user_input", 1, instruction="Fill in the form"),
        event("model_selection", 2, model="claude-test"),
        event("token_usage", 3, input_tokens=10, output_tokens=2, model="claude-test"),
        event("api_response", 3, content=[{"type": "text", "text": "I look."}, look]),
        event("tool_result", 4, tool_use_id="toolu_1", image_path="somewhere/else/shot_1.png"),
        event("api_response", 5, content=[call("toolu_2", "computer", **move), click]),
        event("tool_result", 6, tool_use_id="toolu_2", output="moved"),
        event("tool_result", 7, tool_use_id="toolu_3", output="clicked"),
        event("api_response", 8, content=[call("toolu_4", "bash", command="false")]),
        event("tool_result", 9, tool_use_id="toolu_4", error="exit 1"),
    ]
    times = {"start_time": "2025-07-01T10:00:00", "end_time": "2025-07-01T10:00:20"}
    return {"session_id": name, **times, "status": "completed", "events": events}
