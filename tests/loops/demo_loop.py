"""
A loop that behaves like the reference demo's `sampling_loop`: a new client every turn, raw responses, cache marks that
move, and the list of messages changed in place. `stream` streams the replies instead.
"""

from __future__ import annotations

import sys
from typing import Any

from anthropic import Anthropic

from service import asked


def main(*, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Add two numbers"}]
    while True:
        client = Anthropic(api_key="none", max_retries=4)
        for message in messages:
            if isinstance(message["content"], list):
                message["content"][-1].pop("cache_control", None)
        if isinstance(messages[-1]["content"], list):
            messages[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
        body: Any = asked(*messages)
        if stream:
            with client.beta.messages.stream(**body, betas=["computer-use-2025-11-24"]) as events:
                reply = events.get_final_message()
        else:
            raw = client.beta.messages.with_raw_response.create(**body, betas=["computer-use-2025-11-24"])
            reply = raw.parse()
        content = reply.model_dump(mode="json", exclude_unset=True)["content"]
        messages.append({"role": "assistant", "content": content})
        calls = [block["id"] for block in content if block["type"] == "tool_use"]
        if not calls:
            return
        done = [{"type": "text", "text": "Clicked."}]
        messages.append(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": c, "content": done} for c in calls]}
        )


if __name__ == "__main__":
    main(stream="stream" in sys.argv[1:])
