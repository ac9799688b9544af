"""
Dumps of an agent loop on the Messages API: `<run>/<n>.json`, one file each time the list of messages grew.

    {"timestamp", "step", "messages": [… all so far …], "response": {… a Message …}, "screenshots": […]}

Every file repeats all that came before, pictures as base64 included: the last one is the run, and its `response` the
last reply. Pictures were taken after the call whose result they are in; coordinates are pixels of the sent picture.
The paths in `screenshots` may name another run's folder, and are not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footage.errors import BadImport
from footage.storage.importers.conversation import ConversationReader
from footage.storage.importers.derive import derive_before_from_last
from footage.storage.importers.draft import DraftRun
from footage.storage.importers.entry import Entry
from footage.storage.importers.messages import objects, wall_ns
from footage.trajectory import JSON, RunStatus

__all__ = ["NAME", "read", "recognise"]

NAME = "anthropic-messages"


def recognise(entry: Entry) -> bool:
    """Tell a folder of such dumps by its first one; a single dump by its messages and its response."""
    if not entry.is_folder:
        return _is_dump(entry)
    numbered = _numbered(entry)
    found = entry.peek(numbered[0][1]) if numbered else None
    return found is not None and _is_dump(found)


def _is_dump(entry: Entry) -> bool:
    dump = entry.object("messages")
    if dump is None or not isinstance(dump["messages"], list) or not {"response", "step"} & dump.keys():
        return False
    response = dump.get("response")
    return response is None or isinstance(response, dict | list)


def _numbered(entry: Entry) -> list[tuple[int, str]]:
    """Return the JSON files of a folder whose names hold a number, by that number."""
    found = []
    for name in entry.files():
        digits = "".join(c for c in name.rsplit(".", 1)[0] if c.isdigit() and c.isascii())
        if name.endswith(".json") and 0 < len(digits) < 20:
            found.append((int(digits), name))
    return sorted(found)


def read(entry: Entry) -> Iterator[DraftRun]:
    """Yield the run: its last dump that can be read; the moments of its replies are those of the dumps before."""
    if not entry.is_folder:
        yield from _run(entry, entry.required(), {})
        return
    times: dict[int, int] = {}
    last: tuple[Entry, JSON] | None = None
    broken: list[tuple[str, str]] = []
    for _, name in _numbered(entry):
        dump = entry.at(name)
        if dump is None or not isinstance(dump.value, dict):
            broken.append((name, dump.trouble.rstrip(".") if dump and dump.trouble else "it holds no JSON object"))
            continue
        if not isinstance(dump.value.get("messages"), list):
            continue
        at = wall_ns(dump.value.get("timestamp"))
        if at is not None:
            times.setdefault(len(dump.value["messages"]), at)
        if last is None or len(dump.value["messages"]) >= len(last[1]["messages"]):
            last = dump, dump.value
    if last is None:
        raise BadImport(f"No dump in {entry.name} can be read.")
    for run in _run(*last, times):
        for name, reason in broken:
            run.problem(reason, str((entry.path / name).relative_to(entry.base)))
        yield run


def _run(entry: Entry, dump: JSON, times: dict[int, int]) -> Iterator[DraftRun]:
    run = DraftRun(identity=entry.sha256, started=min(times.values(), default=wall_ns(dump.get("timestamp"))))
    run.model = str(dump.get("model") or (dump.get("response") or {}).get("model") or "")
    reader = ConversationReader(run)
    messages = dump["messages"]
    for number, message in enumerate(messages):
        with run.trying(f"message {number}"):
            # A dump with n messages was written when the n-th had been appended.
            _take(reader, dump, messages[:number], message, times.get(number + 1, times.get(number)))
    response = dump.get("response")
    with run.trying("the response"):
        if isinstance(response, dict | list) and response and not _is_last(response, messages):
            reply = response if isinstance(response, dict) else {"content": response}
            _take(reader, dump, messages, {"role": "assistant", **reply}, wall_ns(dump.get("timestamp")))
    reader.end()
    if run.turns and run.turns[-1].stop_reason == "max_tokens":
        run.status = RunStatus.INTERRUPTED
    run.ended = max(times.values(), default=wall_ns(dump.get("timestamp")))
    derive_before_from_last(run)
    yield run


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
