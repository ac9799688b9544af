"""A streaming loop that writes down each tool call, durably, as soon as it learns of it: arguments are two files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from anthropic import Anthropic

from recording import result, said, user
from service import asked, text


def main(learned: str, pid: str) -> None:
    Path(pid).write_text(str(os.getpid()), "ascii")
    client = Anthropic(api_key="none", max_retries=0)
    messages: list[Any] = [user("Add two numbers")]
    with Path(learned).open("w", encoding="utf-8") as file:
        while True:
            body: Any = asked(*messages)
            with client.messages.stream(**body) as events:
                for event in events:
                    if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                        file.write(f"{event.content_block.id}\n")
                        file.flush()
                        os.fsync(file.fileno())
                reply = events.get_final_message().model_dump(mode="json", exclude_unset=True)
            calls = [block["id"] for block in reply["content"] if block["type"] == "tool_use"]
            messages += [said(*reply["content"]), user([result(each, text("Clicked.")) for each in calls])]
            messages = messages if len(messages) < 60 else messages[:1] + messages[-58:]


if __name__ == "__main__":
    main(*sys.argv[1:])
