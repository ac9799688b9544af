"""
An agent that knows nothing of footage, as people have them: the SDK, a screen in DISPLAY, and xdotool.

    footage record --stand-in --machine desktop -- python examples/plain_agent.py

Recording needs nothing in it. Without --stand-in it asks Claude, by ANTHROPIC_API_KEY.
"""

from __future__ import annotations

import base64
import io
import subprocess
import time
from typing import Any

import anthropic
from PIL import ImageGrab

TASK = 'Write "hello" in the notes and save them'
MODEL = "claude-sonnet-5-5"
PAUSE = 1.0
"""Seconds for the programs to show what came of an action."""


def act(action: dict[str, Any]) -> None:
    """Carry out one action of the computer tool."""
    x, y = map(str, action.get("coordinate") or (0, 0))
    if action["action"] == "left_click":
        subprocess.run(["xdotool", "mousemove", x, y, "click", "1"], check=True)
    elif action["action"] == "type":
        subprocess.run(["xdotool", "type", "--delay", "30", action["text"]], check=True)
    elif action["action"] == "key":
        subprocess.run(["xdotool", "key", action["text"]], check=True)
    elif action["action"] != "screenshot":
        raise ValueError(f"this agent cannot {action['action']}")
    time.sleep(PAUSE)


def screenshot() -> dict[str, Any]:
    """Return the screen as a block of a message."""
    png = io.BytesIO()
    ImageGrab.grab(xdisplay="").save(png, "PNG")
    data = base64.b64encode(png.getvalue()).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def main() -> None:
    """Work on the task until the model calls no more tools."""
    client = anthropic.Anthropic()
    width, height = ImageGrab.grab(xdisplay="").size
    tool = {"type": "computer_20251124", "name": "computer", "display_width_px": width, "display_height_px": height}
    messages: list[dict[str, Any]] = [{"role": "user", "content": TASK}]
    while True:
        reply = client.beta.messages.create(
            model=MODEL,
            max_tokens=1000,
            tools=[tool],  # type: ignore[list-item] # plain dicts, as the wire has them
            messages=messages,  # type: ignore[arg-type] # the same
            betas=["computer-use-2025-11-24"],
        )
        messages.append({"role": "assistant", "content": reply.model_dump(mode="json", exclude_unset=True)["content"]})
        results: list[dict[str, Any]] = []
        for block in reply.content:
            if block.type == "text":
                print(block.text)
            if block.type == "tool_use":
                act(dict(block.input))
                results.append({"type": "tool_result", "tool_use_id": block.id, "content": [screenshot()]})
        if not results:
            return
        messages.append({"role": "user", "content": results})


if __name__ == "__main__":
    main()
