"""The SDK's tool runner with a tool of its own called `computer`. `stream` streams the replies."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from anthropic import Anthropic, beta_tool, omit


@beta_tool
def computer(action: str, coordinate: list[int]) -> str:  # noqa: ARG001 - the model's arguments
    """Act on the screen.

    Args:
        action: what to do
        coordinate: where
    """
    return "Clicked."


def main(*, stream: bool) -> None:
    client = Anthropic(api_key="none")
    runner = client.beta.messages.tool_runner(
        model="claude-x",
        max_tokens=100,
        tools=[computer],
        messages=[{"role": "user", "content": "Add two numbers"}],
        stream=stream,
        thread=False if "whole" in sys.argv[1:] else omit,
    )
    for each in runner:
        if isinstance(each, Iterable):
            list(each)


if __name__ == "__main__":
    main(stream="stream" in sys.argv[1:])
