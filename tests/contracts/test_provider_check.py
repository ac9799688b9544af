"""Every provider of footage's own keeps its contract, and the check sees one that does not."""

from __future__ import annotations

from typing import Any

import pytest

from footage.plugins import Plugin, installed
from footage.providers.anthropic.messages import MessagesApi
from footage.providers.provider_check import check_provider


@pytest.mark.parametrize("name", sorted(installed("provider")))
def test_each_keeps_its_contract(name: str) -> None:
    seen = list(check_provider(installed("provider")[name]))
    assert [(each.name, each.detail) for each in seen if not each.ok] == []
    assert len(seen) == 5


class Forgetful(MessagesApi):
    """Loses the last call of a reply."""

    def read_reply(self, body: Any) -> Any:
        return {**body, "content": body.get("content", [])[:-1]} if isinstance(body.get("content"), list) else body


class Brittle(MessagesApi):
    """Raises for a request without messages."""

    def read_request(self, body: Any, path: str = "") -> Any:  # noqa: ARG002 - the contract's
        return {**body, "messages": list(body["messages"])}


@pytest.mark.parametrize(
    ("kind", "check", "said"), [(Forgetful, "replies", "the calls"), (Brittle, "odd bodies", "raised")]
)
def test_one_that_does_not_is_told_of(
    monkeypatch: pytest.MonkeyPatch, kind: type[MessagesApi], check: str, said: str
) -> None:
    plugin = installed("provider")["anthropic"]
    monkeypatch.setattr(Plugin, "load", lambda _self: kind())
    failed = {each.name: each.detail for each in check_provider(plugin) if not each.ok}
    assert said in failed[check]
