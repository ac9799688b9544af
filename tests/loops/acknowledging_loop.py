"""
A streaming loop that writes down each tool call, durably, as soon as it learns of it.

Arguments: the file to write to, a file for the process id, and how often a cut stream is asked for again. Ends when a
file with `.stop` behind the first one's name turns up.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, TextIO

import httpx2
from anthropic import Anthropic, APIConnectionError

from footage.trajectory import JSON
from recording import result, said, user
from service import asked, text


def ask(client: Anthropic, messages: list[Any], file: TextIO) -> JSON:
    body: Any = asked(*messages)
    with client.messages.stream(**body) as events:
        for event in events:
            if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                file.write(f"{event.content_block.id}\n")
                file.flush()
                os.fsync(file.fileno())
        return events.get_final_message().model_dump(mode="json", exclude_unset=True)


def main(learned: str, pid: str, retries: int) -> None:
    Path(pid).write_text(str(os.getpid()), "ascii")
    client = Anthropic(api_key="none", max_retries=retries)
    messages: list[Any] = [user("Add two numbers")]
    with Path(learned).open("w", encoding="utf-8") as file:
        while not Path(f"{learned}.stop").exists():
            try:
                reply = ask(client, messages, file)
            except (APIConnectionError, httpx2.HTTPError):
                if not retries:
                    raise
                retries -= 1
                continue
            calls = [block["id"] for block in reply["content"] if block["type"] == "tool_use"]
            messages += [said(*reply["content"]), user([result(each, text("Clicked.")) for each in calls])]
            messages = messages if len(messages) < 60 else messages[:1] + messages[-58:]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
