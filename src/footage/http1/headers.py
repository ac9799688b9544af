"""The headers of requests and replies, as pairs of name and value in the order they came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["HOP_BY_HOP", "NO_BODY", "Headers", "end_to_end", "header", "readable", "sendable"]

Headers: TypeAlias = Iterable[tuple[str, str]]

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)
"""Headers that are about one connection, not about the message."""

NO_BODY = frozenset({204, 304})
"""The statuses of replies that never have a body."""


def header(headers: Headers, name: str, default: str = "") -> str:
    """Return the first value of a header, by its name in lower case."""
    return next((value for key, value in headers if key.lower() == name), default)


def end_to_end(headers: Headers) -> list[tuple[str, str]]:
    """Return the headers that are passed on with a message: those that are not about one connection."""
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


def readable(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Return headers as text; each byte is one character."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def sendable(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return headers as they are sent; a character that is no byte becomes a question mark."""
    return [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers]
