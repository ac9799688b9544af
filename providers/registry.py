"""The providers that are installed: which of them a request asks, and which has a name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from footage.errors import FootageError
from footage.plugins import find, installed
from footage.providers.contract import Provider
from footage.trajectory import JSON, Turn

__all__ = ["DEFAULT", "all_providers", "asked_in", "default_provider", "provider_asked", "provider_named"]

DEFAULT = "anthropic"
"""The provider of turns that name none: those of stores before version 5, and of recordings made by hand."""


@cache
def provider_named(name: str) -> Provider:
    """Return a provider by its name, "" being the default. Raises UsageError for one that is not installed."""
    loaded: Provider = find("provider", name or DEFAULT).load()
    return loaded


def default_provider() -> Provider:
    """Return the provider of what does not say whose it is."""
    return provider_named(DEFAULT)


@cache
def all_providers() -> tuple[Provider, ...]:
    """
    Return every provider that can be loaded.

    The first call looks at all that is installed, some tenths of a second: whoever must not keep an agent waiting calls
    it beforehand.
    """
    found = []
    for name in installed("provider"):
        try:
            found.append(provider_named(name))
        except FootageError:
            continue  # `footage plugins list` tells what is broken
    return tuple(found)


def provider_asked(method: str, path: str, headers: Mapping[str, str] | None = None) -> Provider | None:
    """Return the provider whose model a request asks for a reply; None for every other request."""
    if method.upper() != "POST":
        return None
    return next((each for each in all_providers() if each.recognises("POST", path, headers or {})), None)


def asked_in(turn: Turn, body: JSON | None) -> JSON:
    """Return the request of a turn, as the store has it, in the common form; {} where none was recorded."""
    if body is None:
        return {}
    try:
        asked = provider_named(turn.provider).read_request(body)
    except FootageError:  # a provider that is not installed any more
        return body
    return asked if asked.get("model") or not turn.model else {"model": turn.model, **asked}
