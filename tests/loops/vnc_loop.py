"""
An agent as people write them, on a virtual machine: it finds its screen in FOOTAGE_VNC, and asks with the SDK.

Its model is the one in MODEL, its task is its arguments. A screenshot counts once it is the same half a second later.
"""

from __future__ import annotations

import base64
import os
import sys
import time
from typing import Any

import anthropic

from footage.machines.opening import open_machine
from footage.providers.anthropic.scaling import encode_png
from footage.trajectory import Action

TOOL: Any = {
    "type": "computer_20251124",
    "name": "computer",
    "display_width_px": 1280,
    "display_height_px": 800,
}


def at_rest(machine: Any) -> Any:
    """Return the screen once it is the same half a second later."""
    last = machine.screenshot().pixels
    for _ in range(20):
        time.sleep(0.5)
        now = machine.screenshot().pixels
        if (now == last).all():
            break
        last = now
    return last


def main() -> None:
    client = anthropic.Anthropic(api_key=os.environ.get("ANTHROPIC_API_KEY", "none"))
    machine = open_machine(f"vnc:{os.environ['FOOTAGE_VNC']}")
    messages: list[Any] = [{"role": "user", "content": " ".join(sys.argv[1:])}]
    while True:
        reply = client.beta.messages.create(
            model=os.environ["MODEL"],
            max_tokens=1024,
            tools=[TOOL],
            messages=messages,
            betas=["computer-use-2025-11-24"],
        )
        messages.append({"role": "assistant", "content": [block.model_dump() for block in reply.content]})
        results: list[Any] = []
        for block in reply.content:
            if block.type == "tool_use":
                given: Any = dict(block.input)
                action = Action(given.pop("action"), given)
                if not action.looks_only:
                    machine.perform(action)
                data = base64.b64encode(encode_png(at_rest(machine))).decode()
                source = {"type": "base64", "media_type": "image/png", "data": data}
                results.append(
                    {"type": "tool_result", "tool_use_id": block.id, "content": [{"type": "image", "source": source}]}
                )
        if not results:
            break
        messages.append({"role": "user", "content": results})
    machine.close()


if __name__ == "__main__":
    main()
