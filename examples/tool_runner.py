"""
The SDK's tool runner, which loops by itself, with the actions and screenshots of plain_agent.py.

    footage record --stand-in --machine desktop -- python examples/tool_runner.py
"""

from __future__ import annotations

from typing import Any

import anthropic
from anthropic import beta_tool
from plain_agent import MODEL, TASK, act, screenshot


@beta_tool
def computer(action: str, coordinate: list[int] | None = None, text: str = "") -> Any:
    """Act on the screen, and see what it shows then.

    Args:
        action: left_click, type, key or screenshot
        coordinate: where to click
        text: what to type, or which keys to press

    """
    act({"action": action, "coordinate": coordinate, "text": text})
    return [screenshot()]


def main() -> None:
    """Let the runner work on the task, and print what the model says."""
    runner = anthropic.Anthropic().beta.messages.tool_runner(
        model=MODEL,
        max_tokens=1000,
        tools=[computer],
        messages=[{"role": "user", "content": TASK}],
        thread=False,  # the stand-in remembers nothing: it wants the whole history with every request
    )
    for message in runner:
        print(*(block.text for block in message.content if block.type == "text"), sep="\n")


if __name__ == "__main__":
    main()
