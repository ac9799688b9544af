"""
An agent loop of your own, recorded: three lines of it are footage's.

    python examples/own_loop.py

The model is the stand-in, so no key is needed; put `anthropic.Anthropic()` and a Claude model in its place.
"""

from __future__ import annotations

from typing import Any

import footage
from footage import Desktop, actions_of, encode_png, image_block, make_client

TASK = 'Write "hello" in the notes and save them'
MODEL = "stand-in/careful"


def main() -> None:
    """Work on the task until the model calls no more tools."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": TASK}]
    with Desktop() as desktop, make_client(MODEL) as plain, footage.record(TASK) as run:  # 1: a run
        client = run.attach(plain)  # 2: what the model was sent, and what it said
        machine = run.watch(desktop)  # 3: the screen before and after each action
        while True:
            reply = client.messages.create(
                model=MODEL,
                max_tokens=1000,
                tools=[{"type": "computer_toolset_20260801"}],
                messages=messages,  # type: ignore[arg-type] # plain dicts, as the wire has them
            )
            messages.append({"role": "assistant", "content": reply.content})
            results = []
            for block in reply.content:
                if block.type == "text":
                    print(block.text)
                if block.type == "tool_use":
                    (action,) = actions_of(block.model_dump())
                    machine.perform(action, block.id)
                    shown = image_block(encode_png(machine.screenshot().pixels))
                    answer = {"type": "tool_result", "tool_use_id": block.id, "content": [shown]}
                    results.append({**answer, "toolset_name": "computer"})
            if not results:
                break
            messages.append({"role": "user", "content": results})
        run.outcome("success" if desktop.read_file("notes.txt") == b"hello" else "failure", "evaluator")
    print(f"recorded as {run.id}: footage view {run.id}")


if __name__ == "__main__":
    main()
