"""
A streaming loop that writes down each tool call, durably, as soon as it learns of it, and each whose result it told.

Arguments: the file to write to, a file for the process id, and how often a cut stream is asked for again. The results'
file has `.told` behind the first one's name. Ends when a file with `.stop` behind it turns up.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, TextIO

from anthropic import Anthropic, APIConnectionError

from footage.trajectory import JSON
from recording import image, result, said, shade_of, user
from sdk_http import http
from service import asked, text


def outcome(call: str) -> JSON:
    """Return what the model is told of a call (`call-NUMBER`): no other call's result is the same."""
    return result(call, text(f"Did {call}."), image(shade_of(call)))


def write(file: TextIO, call: str) -> None:
    file.write(f"{call}\n")
    file.flush()
    os.fsync(file.fileno())


def ask(client: Anthropic, messages: list[Any], file: TextIO) -> JSON:
    body: Any = asked(*messages)
    with client.messages.stream(**body) as events:
        for event in events:
            if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                write(file, event.content_block.id)
        return events.get_final_message().model_dump(mode="json", exclude_unset=True)


def main(learned: str, pid: str, retries: int) -> None:
    Path(pid).write_text(str(os.getpid()), "ascii")
    client = Anthropic(api_key="none", max_retries=retries)
    messages: list[Any] = [user("Add two numbers")]
    calls: list[str] = []
    with Path(learned).open("w", encoding="utf-8") as file, Path(f"{learned}.told").open("w", encoding="utf-8") as told:
        while not Path(f"{learned}.stop").exists():
            try:
                reply = ask(client, messages, file)
            except (APIConnectionError, http.HTTPError):
                if not retries:
                    raise
                retries -= 1
                continue
            for each in calls:
                write(told, each)
            calls = [block["id"] for block in reply["content"] if block["type"] == "tool_use"]
            messages += [said(*reply["content"]), user([outcome(each) for each in calls])]
            messages = messages if len(messages) < 60 else messages[:1] + messages[-58:]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
