"""
Recording by hand, for agents that use neither the Anthropic SDK nor one of footage's machines.

    python examples/by_hand.py

The "screen" is a painted picture here; yours comes from wherever your agent takes it.
"""

from __future__ import annotations

from PIL import Image, ImageDraw

import footage


def screen(text: str) -> Image.Image:
    """Return a window with a button and some text, 320 x 200."""
    image = Image.new("RGB", (320, 200), "#2f5d73")
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 300, 180), "white", "black")
    draw.rectangle((40, 40, 120, 70), "#dddddd", "black")
    draw.text((64, 48), "Open", "black")
    draw.text((40, 100), text, "black")
    return image


def main() -> None:
    """Record one model turn, and the two actions it asked for."""
    with footage.record("Open the file", tags=["example"]) as run:
        request = {"model": "my-model", "messages": [{"role": "user", "content": "Open the file"}]}
        click = {"action": "left_click", "coordinate": [80, 55]}
        calls = [
            {"type": "tool_use", "id": "call-1", "name": "computer", "input": click},
            {"type": "tool_use", "id": "call-2", "name": "bash", "input": {"command": "ls"}},
        ]
        said = {"type": "text", "text": "I click on Open."}
        run.turn(request, {"id": "reply-1", "model": "my-model", "content": [said, *calls], "stop_reason": "tool_use"})

        with run.step("left_click", call="call-1", coordinate=[80, 55]) as step:
            step.frame(screen(""), "before")
            step.frame(screen("notes.txt is open"), "after")  # your agent clicks in between
        with run.step("run", call="call-2", command="ls") as step:
            step.text = "notes.txt"

        run.outcome("success")
    print(f"recorded as {run.id}: footage view {run.id}")


if __name__ == "__main__":
    main()
