"""
Whether a provider keeps its contract (`footage plugins check NAME`).

What the relay process asks at each request must be safe and cheap; whatever strangers send, nothing is raised; and a
reply that is written comes back as the same one, whole, in events, and cut off.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from footage.plugins import CheckResult, Plugin, assert_named, attempt
from footage.providers.actions.points import PointerTracker
from footage.providers.common_form import objects
from footage.providers.contract import Provider
from footage.trajectory import JSON

__all__ = ["MEMBERS", "check_provider"]

MEMBERS = (
    *("NAME", "LINE", "VARIABLES", "recognises", "may_complete", "read_request", "read_reply", "stream_reader"),
    *("error_of", "units", "actions", "write_reply", "write_error"),
)
"""What a provider has: the methods `recognises` and `may_complete` are all that the relay process calls."""
_HEAVY = {"anthropic", "cv2", "flask", "numpy", "PIL", "pydantic", "rich", "sqlite3", "sqlite_utils", "Xlib"}
_LONG = "/" + "x" * 65536
_REQUESTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    *(("GET", "/", {}), ("", "", {}), ("POST", "*", {"": ""}), ("POST", "/v1/\0\xff?%%%=&#", {"content-type": "\0"})),
    *(("BREW", _LONG, {}), ("POST", "//../..", {"x": "y" * 65536}), ("post", "http://[::1", {})),
)
"""Requests that ask no model anything: method, path with its query, headers in small letters."""
_BYTES = (b"", b"\0", b"{", b"null", b"event: \n\n", b"data: {\n\n", b"data: 3\n\n", b"data: {}\n\n", b"\xff" * 65536)
_ODD: tuple[Any, ...] = (None, 3, "text", [], [None], [[]], {}, {"type": None}, {"role": 3, "content": {}, "parts": 3})
_KEYS = (
    "messages",
    "input",
    "contents",
    "tools",
    "system",
    "output",
    "choices",
    "candidates",
    "content",
    "usage",
    "id",
)
_CALLS: tuple[JSON, ...] = (
    {"type": "tool_use", "id": "c1", "name": "click", "input": {"x": 600, "y": 400}},
    {"type": "tool_use", "id": "c2", "name": "type_text", "input": {"text": "Ünï 测试\n"}},
)


def check_provider(plugin: Plugin) -> Iterator[CheckResult]:
    """Yield what is seen of a provider."""
    provider = plugin.load()
    contract = attempt("contract", lambda: _contract(plugin, provider))
    yield contract
    if contract.ok:
        yield attempt("strangers", lambda: _strangers(provider))
        yield attempt("odd bodies", lambda: _odd(provider))
        yield attempt("replies", lambda: _replies(provider))
        yield attempt("light", lambda: _light(plugin))


def _contract(plugin: Plugin, provider: Any) -> str:
    missing = [name for name in MEMBERS if not hasattr(provider, name)]
    assert not missing, f"it lacks {', '.join(missing)}"
    assert_named(plugin, provider, "model API it reads")
    return f"it has {', '.join(MEMBERS)}"


def _strangers(provider: Provider) -> str:
    """Ask of requests and bytes that are nobody's: a relay passes them on, whatever they are."""
    for method, path, headers in _REQUESTS:
        try:
            answer = provider.recognises(method, path, headers)
        except Exception as error:
            raise AssertionError(f"recognises raised {type(error).__name__} for {method} {path[:40]!r}") from error
        assert answer is False, f"recognises returned {answer!r} for {method} {path[:40]!r}"
    for data in _BYTES:
        try:
            answer = provider.may_complete(data)
        except Exception as error:
            raise AssertionError(f"may_complete raised {type(error).__name__} for {data[:40]!r}") from error
        assert isinstance(answer, bool), f"may_complete returned {answer!r} for {data[:40]!r}, and no bool"
    return f"{len(_REQUESTS)} requests and {len(_BYTES)} pieces that are nobody's: none recognised, nothing raised"


def _odd(provider: Provider) -> str:
    """Show it bodies and blocks that make no sense: each is read as far as it goes, and none raises."""
    bodies: list[JSON] = [{}, *({key: odd} for key in _KEYS for odd in _ODD)]
    bodies += [{key: [odd]} for key in _KEYS for odd in _ODD]
    for body in bodies:
        for name, read in (("read_request", provider.read_request), ("read_reply", provider.read_reply)):
            try:
                found = read(body)
            except Exception as error:
                raise AssertionError(f"{name} raised {type(error).__name__} for {body!r}") from error
            key = "messages" if name == "read_request" else "content"
            assert isinstance(found, dict), f"{name} returned no object for {body!r}"
            assert key not in found or found[key] is body.get(key) or isinstance(found[key], list), f"{name}: {body!r}"
    for odd in _ODD:
        provider.error_of(odd)
        block = {"type": "tool_use", "id": "", "name": "click", "input": odd}
        assert isinstance(provider.actions(block, pointer=PointerTracker()), list), f"actions of {odd!r}"
    reader = provider.stream_reader()
    for data in _BYTES:
        reader.feed(data)
    return f"{len(bodies)} bodies and {len(_ODD)} calls that make no sense: nothing raised"


def _replies(provider: Provider) -> str:
    """Write a reply and read it again."""
    said: JSON = {"type": "text", "text": "I click, and type."}
    message: JSON = {"id": "reply-1", "model": "m", "content": [said, *_CALLS], "stop_reason": "tool_use", "usage": {}}
    whole = b"".join(provider.write_reply(message, stream=False))
    _same("a whole reply", objects(provider.read_reply(json.loads(whole)).get("content")))
    events = b"".join(provider.write_reply(message, stream=True))
    assert provider.may_complete(events), "may_complete passes a stream on that completes calls"
    for size in (1, 7, len(events)):
        reader = provider.stream_reader()
        told = [block for at in range(0, len(events), size) for block in reader.feed(events[at : at + size])]
        _same(f"a stream in pieces of {size}", reader.content())
        _same(
            f"what a stream completes, in pieces of {size}", [said, *(b for b in told if b.get("type") == "tool_use")]
        )
        assert reader.finished, "a stream that came to its end is not finished"
    reader = provider.stream_reader()
    for piece in provider.write_reply(message, stream=True, cut=True):
        reader.feed(piece)
    assert not reader.finished, "a stream that was cut off is finished"
    error = provider.error_of(json.loads(provider.write_error("overloaded", "Try again.")))
    assert error is not None, "an error that it writes is none to it"
    assert error.get("message") == "Try again.", f"an error came back as {error!r}"
    return "written and read again: whole, in events, cut off, and an error"


def _same(what: str, content: list[JSON]) -> None:
    texts = "".join(str(block.get("text") or "") for block in content if block.get("type") == "text")
    calls = [(block.get("name"), block.get("input")) for block in content if block.get("type") == "tool_use"]
    assert texts == "I click, and type.", f"{what}: the text came back as {texts!r}"
    wanted = [(call["name"], call["input"]) for call in _CALLS]
    assert calls == wanted, f"{what}: the calls came back as {calls!r}"
    ids = [block.get("id") for block in content if block.get("type") == "tool_use"]
    assert all(ids), f"{what}: a call has no id"
    assert len(set(ids)) == len(ids), f"{what}: calls share the id {ids[0]!r}"


def _light(plugin: Plugin) -> str:
    """Load it in a process of its own: the relay process must stay small."""
    script = (
        "import importlib, json, sys; importlib.import_module(sys.argv[1]);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    module = plugin.value.partition(":")[0]
    environment_path = f"import sys; sys.path[:] = {sys.path!r}; "
    command = [sys.executable, "-c", environment_path + script, module]
    loaded = set(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    heavy = sorted(_HEAVY & loaded)
    assert not heavy, f"loading it loads {', '.join(heavy)}: import these where they are used"
    return f"loading it loads nothing heavy ({len(loaded)} modules in all)"
