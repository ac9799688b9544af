"""
Dumps of an agent loop on the Messages API: `<run>/<n>.json`, one file each time the list of messages grew.

    {"timestamp", "step", "messages": [… all so far …], "response": {… a Message …}, "screenshots": […]}

Every file repeats all that came before, pictures as base64 included: the last one is the run, and its `response` the
last reply. Pictures were taken after the call whose result they are in; coordinates are pixels of the sent picture.
The paths in `screenshots` may name another run's folder, and are not needed. A file that holds the list of messages
alone is a run as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footage.errors import BadImport
from footage.interchange.importers.common.blocks_of_recordings import objects, wall_ns
from footage.interchange.importers.common.conversation import ConversationReader
from footage.interchange.importers.common.derive import derive_before_from_last
from footage.interchange.importers.draft import DraftRun
from footage.interchange.importers.entry import Entry
from footage.trajectory import JSON, RunStatus

__all__ = ["LINE", "NAME", "PRIORITY", "read", "recognise"]

NAME = "anthropic-messages"
LINE = "a folder of numbered dumps with messages and response, or a list of messages"
PRIORITY = 150


def recognise(entry: Entry) -> bool:
    """Tell a folder of such dumps by its first ones; a single file by its messages, and a response or calls."""
    if not entry.is_folder:
        return _is_dump(entry) or _is_history(entry)
    found = [entry.peek(name) for _, name in _numbered(entry)[:3]]
    return any(_is_dump(one) for one in found if one is not None)


def _is_dump(entry: Entry) -> bool:
    dump = entry.object("messages")
    if dump is None or not isinstance(dump["messages"], list) or not {"response", "step"} & dump.keys():
        return False
    response = dump.get("response")
    return response is None or isinstance(response, dict | list)


def _is_history(entry: Entry) -> bool:
    """Tell a list of messages, alone or in an object, in which tools are called as the Messages API has it."""
    if entry.kind != "json" or not any(entry.mentions(kind) for kind in ("tool_use", "tool_result")):
        return False
    messages = objects(_document(entry).get("messages"))
    return bool(messages) and all("role" in message and "content" in message for message in messages)


def _document(entry: Entry) -> JSON:
    """Return a file's object; a list of messages as an object that holds it."""
    found: JSON = {"messages": entry.value} if isinstance(entry.value, list) else {}
    return entry.value if isinstance(entry.value, dict) else found


def _numbered(entry: Entry) -> list[tuple[int, str]]:
    """Return the JSON files of a folder whose names hold a number, by that number."""
    found = []
    for name in entry.files():
        digits = "".join(c for c in name.rsplit(".", 1)[0] if c.isdigit() and c.isascii())
        if name.endswith(".json") and 0 < len(digits) < 20:
            found.append((int(digits), name))
    return sorted(found)


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the run: its last dump that can be read, with what the others say of its replies."""
    replies = _Replies()
    if not entry.is_folder:
        document = _document(entry) or entry.required()
        replies.learn(document)
        yield _run(entry, document, replies)
        return
    last: tuple[Entry, JSON] | None = None
    broken: list[tuple[str, str]] = []
    for _, name in _numbered(entry):
        dump = entry.at(name)
        if dump is None or not isinstance(dump.value, dict) or not isinstance(dump.value.get("messages"), list):
            broken.append((name, dump.trouble.rstrip(".") if dump and dump.trouble else "it holds no list of messages"))
            continue
        if dump.trouble:
            broken.append((name, f"it breaks off: {dump.trouble.rstrip('.')}"))
        replies.learn(dump.value)
        if last is None or len(dump.value["messages"]) >= len(last[1]["messages"]):
            last = dump, dump.value
    if last is None:
        raise BadImport(f"No dump in {entry.name} can be read.")
    run = _run(*last, replies)
    for name, reason in broken:
        run.problem(reason, name)
    yield run


class _Replies:
    """What the dumps say of each message: when it came, and of a reply its id, model, usage."""

    def __init__(self) -> None:
        self.times: dict[int, int] = {}
        """By how many messages came before."""
        self._responses: dict[int, JSON] = {}

    def learn(self, dump: JSON) -> None:
        """Take in one dump. One that ends with the user's message was written with the reply to it."""
        messages, response, at = dump.get("messages"), dump.get("response"), wall_ns(dump.get("timestamp"))
        if not isinstance(messages, list):
            return
        if at is not None:
            self.times.setdefault(len(messages), at)
        if isinstance(response, dict) and not _is_last(response, messages):
            self._responses[len(messages)] = {key: value for key, value in response.items() if key != "content"}

    def at(self, number: int) -> int | None:
        """Return when a message came; None where no dump tells."""
        return self.times.get(number, self.times.get(number + 1))

    def of(self, number: int) -> JSON:
        """Return what is known of a reply besides its content."""
        return self._responses.get(number, {})

    @property
    def model(self) -> str:
        """The model that replied."""
        return next((str(r["model"]) for r in self._responses.values() if r.get("model")), "")


def _run(entry: Entry, dump: JSON, replies: _Replies) -> DraftRun:
    run = DraftRun(identity=entry.sha256, model=str(dump.get("model") or replies.model))
    run.started, run.ended = min(replies.times.values(), default=None), max(replies.times.values(), default=None)
    reader = ConversationReader(run)
    messages = dump["messages"]
    for number, message in enumerate(messages):
        with run.trying(f"message {number}"):
            _take(reader, dump, messages[:number], {**replies.of(number), **message}, replies.at(number))
    response = dump.get("response")
    with run.trying("the response"):
        if isinstance(response, dict | list) and response and not _is_last(response, messages):
            reply = response if isinstance(response, dict) else {"content": response}
            _take(reader, dump, messages, {**reply, "role": "assistant"}, replies.at(len(messages)))
    reader.end()
    if run.turns and run.turns[-1].stop_reason == "max_tokens":
        run.status = RunStatus.INTERRUPTED
    derive_before_from_last(run)
    return run


def _is_last(response: Any, messages: list[Any]) -> bool:
    """Tell whether the response has been appended to the messages already."""
    content = response.get("content") if isinstance(response, dict) else response
    last = objects(messages[-1:])
    return bool(last) and last[0].get("role") == "assistant" and last[0].get("content") == content


def _take(reader: ConversationReader, dump: JSON, before: list[Any], message: JSON, at: int | None) -> None:
    if message["role"] != "assistant":
        reader.user(message.get("content"), at=at)
        return
    known: JSON = {}
    for key in ("model", "system", "tools", "max_tokens"):
        known |= {key: dump[key]} if key in dump else {}
    reader.reply(
        message.get("content"),
        model=str(message.get("model") or reader.run.model),
        identity=str(message.get("id") or ""),
        at=at,
        request={**known, "messages": before},
        stop_reason=str(message.get("stop_reason") or ""),
        usage=message.get("usage"),
    )
