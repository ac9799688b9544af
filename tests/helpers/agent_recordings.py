"""Recordings of agent frameworks: ATIF, Cua."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from foreign import JSON, shot, write

MOMENT = 1_756_000_000 * 10**9


UUID_MOMENT = str(MOMENT // 100 + 0x01B21DD213814000)


def artefact(folder: Path, name: str, document: JSON | bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = document if isinstance(document, bytes) else json.dumps({**document, "created_at": UUID_MOMENT}).encode()
    (folder / name).write_bytes(data)


def response(*output: JSON) -> JSON:
    asked = {"messages": [{"role": "user", "content": "Open the menu"}]}
    body = {"output": list(output), "usage": {"input_tokens": 9}}
    return {"timestamp": UUID_MOMENT, "model": "openai/test", "kwargs": asked, "response": body}


def computer_call(identity: str, **action: Any) -> JSON:
    return {"type": "computer_call", "call_id": identity, "action": action}


def omitted(identity: str, **action: Any) -> JSON:
    output = {"type": "computer_call_output", "call_id": identity}
    picture = {"type": "input_image", "image_url": "[omitted]"}
    return {"item": computer_call(identity, **action), "result": [{**output, "output": picture}]}


def trajectory(folder: Path, status: str = "completed") -> Path:
    about = {"trajectory_id": folder.name, "created_at": UUID_MOMENT, "status": status}
    write(folder / "metadata.json", {**about, "kwargs": {"model": "openai/test"}})
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "I look."}]}
    artefact(folder / "turn_000", "0000_api_start.json", {"kwargs": {}})
    artefact(folder / "turn_000", "0001_agent_response.json", response(thought, computer_call("a", type="screenshot")))
    artefact(folder / "turn_001", "0002_screenshot_after.png", shot(1))
    artefact(folder / "turn_001", "0003_computer_call_result.json", omitted("a", type="screenshot"))
    click = {"type": "click", "x": 10, "y": 20, "button": "left"}
    artefact(folder / "turn_002", "0004_agent_response.json", response(computer_call("b", **click)))
    artefact(folder / "turn_003", "0005_screenshot_after.png", shot(2))
    artefact(folder / "turn_003", "0006_computer_call_result.json", omitted("b", **click))
    artefact(folder / "turn_003", "0007_screenshot_action.png", shot(3))
    function = {"type": "function_call", "call_id": "c", "name": "shell", "arguments": '{"command": "ls"}'}
    artefact(folder / "turn_004", "0008_agent_response.json", response(function))
    output = {"type": "function_call_output", "call_id": "c", "output": "a b"}
    artefact(folder / "turn_005", "0009_function_call_result.json", {"item": function, "result": [output]})
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is open."}]}
    artefact(folder / "turn_006", "0010_agent_response.json", response(said))
    return folder


def atif(*steps: JSON, version: str = "ATIF-v1.6", **more: Any) -> JSON:
    agent = {"name": "agent", "version": "1", "model_name": "model"}
    numbered = [{"step_id": number, **step} for number, step in enumerate(steps, 1)]
    return {"schema_version": version, "session_id": "s", "agent": agent, "steps": numbered, **more}


def picture(number: int) -> JSON:
    return {"type": "image", "source": {"media_type": "image/png", "path": f"images/{number}.png"}}
