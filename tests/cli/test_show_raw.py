"""`footage show --raw`: what was asked and answered, in the provider's own form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import footage
from cli import call
from footage.providers.registry import provider_named
from footage.trajectory import JSON, Instant, RawExchange

SECRET = "hunter2-hunter2"
ASKED: dict[str, JSON] = {
    "anthropic": {"model": "m", "messages": [{"role": "user", "content": f"Type {SECRET}"}]},
    "openai-responses": {"model": "m", "input": f"Type {SECRET}"},
    "chat-completions": {"model": "m", "messages": [{"role": "user", "content": f"Type {SECRET}"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": f"Type {SECRET}"}]}]},
}
CALL = {"type": "tool_use", "id": "c1", "name": "click", "input": {"x": 600, "y": 400}}
SAID = {"type": "text", "text": "I click."}
MESSAGE: JSON = {"id": "r1", "model": "m", "content": [SAID, CALL], "stop_reason": "tool_use", "usage": {}}


def store_of(tmp_path: Path, name: str) -> Path:
    """Return a store with a run of one turn, and one exchange that nothing reads."""
    path, provider = tmp_path / "runs.db", provider_named(name)
    with footage.record(task="Go", store=path) as run:
        exchange = run.wire.ask(ASKED[name], provider=provider)
        exchange.wait()
        exchange.reply(200, json.loads(b"".join(provider.write_reply(MESSAGE, stream=False))))
        now = Instant.now()
        kept = RawExchange(
            "POST", "/foo", 200, now, now, request=b'{"a": 1}', request_bytes=9, response=b"\x1b[31m\xff"
        )
        run.guard.write("a raw exchange", lambda w: w.raw_exchange(kept))
    return path


def shown(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> str:
    return call(capsys, "show", "--raw", "--store", path, *words).out


@pytest.mark.parametrize("name", sorted(ASKED))
def test_each_turn_is_printed_in_the_provider_s_own_form(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    path = store_of(tmp_path, name)
    turn, other = json.loads(shown(capsys, path, "--json"))["exchanges"]
    provider = provider_named(name)
    assert (turn["turn"], turn["provider"], turn["request"]) == (0, name, ASKED[name])
    read = provider.read_reply(turn["response"])["content"]
    assert [block.get("text") or block["input"] for block in read] == ["I click.", CALL["input"]]
    assert (other["path"], other["request"], other["request_missing"]) == ("/foo", {"a": 1}, 1)
    assert set(other["response"]) == {"base64"}


@pytest.mark.parametrize("name", sorted(ASKED))
def test_what_was_redacted_is_gone_from_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    path = store_of(tmp_path, name)
    assert SECRET in shown(capsys, path)
    monkeypatch.setenv("TO_TAKE_OUT", SECRET)
    done = call(capsys, "redact", "@1", "--store", path, "--env", "TO_TAKE_OUT")
    assert done.code == 0, done.err
    assert SECRET not in shown(capsys, path)
    assert SECRET not in shown(capsys, path, "--json")


def test_nothing_in_it_steers_a_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with footage.record(task="Go", store=path) as run:
        now = Instant.now()
        kept = RawExchange(
            "POST", "/foo", 200, now, now, response=b"\x1b[31mred", response_headers={"content-type": "x"}
        )
        run.guard.write("a raw exchange", lambda w: w.raw_exchange(kept))
    text = shown(capsys, path)
    assert "\x1b" not in text
    assert "[31mred" in text
