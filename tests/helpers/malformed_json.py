"""Odd JSON: whole texts, and single values that do not belong where they stand."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["JSON_TEXTS", "in_value"]

ODD: list[Any] = [
    None,
    True,
    "",
    0,
    -1,
    3.5,
    float("nan"),
    float("inf"),
    10**400,
    -(2**63) - 1,
    [],
    {},
    [[]],
    [None],
    {"": None},
    "x" * 200_000,
    "\ud800",
    "\x00\x1b[2J\u202e\n",
    "../../../outside/secret.png",
    "/etc/passwd",
    "file:///etc/passwd",
    "{b64_img}",
    "data:image/png;base64,!!!!",
    "data:image/svg+xml;base64,PHN2Zz4=",
    "pyautogui.click(" * 2000,
    "__import__('os').system('id')",
    "9999-99-99T99:99:99",
    "<script>alert(1)</script>",
    [1, 2, 3] * 5000,
    {str(n): n for n in range(3000)},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA" * 1000}},
]


def in_value(value: Any, random: Random) -> Any:
    """Return the value with one of those within it changed, dropped, doubled or renamed."""
    if isinstance(value, dict) and value and random.random() < 0.93:
        key = random.choice(list(value))
        how = random.random()
        if how < 0.12:
            return {k: v for k, v in value.items() if k != key}
        if how < 0.17:
            return {f"{k}_" if k == key else k: v for k, v in value.items()}
        return {k: in_value(v, random) if k == key else v for k, v in value.items()}
    if isinstance(value, list) and value and random.random() < 0.95:
        at = random.randrange(len(value))
        if random.random() < 0.1:
            return [*value[:at], *value[at + 1 :]]
        if random.random() < 0.1:
            return [*value, value[at]] * random.choice((1, 1, 20))
        return [in_value(v, random) if n == at else v for n, v in enumerate(value)]
    return random.choice(ODD)


def _first_value(data: bytes, value: bytes) -> bytes:
    """Return a text with a value set in place of its first."""
    head, colon, rest = data.partition(b":")
    return head + colon + value + b"," + b'"then":' + rest if colon else value


JSON_TEXTS: dict[str, Callable[[bytes, Random], bytes]] = {
    "deep lists": lambda data, _: _first_value(data, b"[" * 100_000 + b"]" * 100_000),
    "deep objects": lambda data, _: b'{"a":' * 50_000 + data + b"}" * 50_000,
    "deep and open": lambda _, random: b"[" * random.choice((500, 5_000_000)),
    "many values": lambda data, _: _first_value(data, b"[" + b"[]," * 4_000_000 + b"0]"),
    "many objects": lambda data, _: _first_value(data, b"[" + b'{"a":1},' * 1_400_000 + b"0]"),
    "UTF-8 with its mark": lambda data, _: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data, _: data.decode().encode("utf-16"),
    "UTF-16 without its mark": lambda data, _: data.decode().encode("utf-16-be"),
    "UTF-32": lambda data, _: data.decode().encode("utf-32"),
    "Latin-1": lambda data, _: data.replace(b"e", b"\xe9", 20),
    "surrogates in UTF-8": lambda data, _: data.replace(b"a", b"\xed\xa0\x80", 3),
    "NULs": lambda data, _: data.replace(b" ", b"\0"),
    "lone surrogates": lambda data, _: data.replace(b'": "', b'": "\\udfff\\ud800'),
    "NULs in texts": lambda data, _: data.replace(b'": "', b'": "\\u0000'),
    "NaN": lambda data, _: _first_value(data, b"[NaN, -Infinity, 1e400, 1E-400]"),
    "huge integer": lambda data, random: _first_value(data, b"9" * random.choice((400, 5_000, 3_000_000))),
    "keys twice": lambda data, _: _first_value(data, b'1, "then": 2'),
    "comments": lambda data, _: b"// first\n" + data,
    "trailing garbage": lambda data, _: data + b"}]",
    "two texts": lambda data, _: data + b"\n" + data,
    "one long line": lambda data, _: data.replace(b"\n", b" ") + b" " * (70 << 20),
    "many lines": lambda data, _: data + b"\n{}" * 600_000,
    "long string": lambda data, _: _first_value(data, b'"' + b"a" * (50 << 20) + b'"'),
    "long wide string": lambda data, _: _first_value(data, b'"\\ud83d\\ude00' + b"a" * (60 << 20) + b'"'),
    "a number": lambda *_: b"42",
    "null": lambda *_: b"null",
}
"""Ways to make a whole text odd."""
