"""
A secret in all the forms in which it stands in a recording: as it is, escaped, encoded, and typed key by key.

What is found becomes a mark, `[redacted 1]`, with the number of the redaction in its family.
"""

from __future__ import annotations

import base64
import html
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

from footage.errors import UsageError

__all__ = ["SHORTEST", "Hider", "key_of", "keys_of", "mark", "typed_in"]

SHORTEST = 4
"""Characters that a secret needs: a shorter one would be found everywhere by chance."""

_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_LEAST_ENCODED = 6  # characters of base64 or hexadecimal that are looked for
_UNSHIFTED = str.maketrans('!@#$%^&*()_+{}|:"<>?~', "1234567890-=[]\\;',./`")
_KEY_NAMES = {
    "space": " ",
    "spc": " ",
    "return": "\n",
    "enter": "\n",
    "kp_enter": "\n",
    "ret": "\n",
    "tab": "\t",
    "minus": "-",
    "equal": "=",
    "plus": "+",
    "underscore": "_",
    "comma": ",",
    "period": ".",
    "dot": ".",
    "slash": "/",
    "backslash": "\\",
    "semicolon": ";",
    "colon": ":",
    "apostrophe": "'",
    "quotedbl": '"',
    "grave": "`",
    "grave_accent": "`",
    "asciitilde": "~",
    "bracketleft": "[",
    "bracketright": "]",
    "less": "<",
    "bracket_left": "[",
    "bracket_right": "]",
    "braceleft": "{",
    "braceright": "}",
    "greater": ">",
    "question": "?",
    "exclam": "!",
    "at": "@",
    "numbersign": "#",
    "dollar": "$",
    "percent": "%",
    "bar": "|",
    "asciicircum": "^",
    "ampersand": "&",
    "asterisk": "*",
    "parenleft": "(",
    "parenright": ")",
}


def mark(number: int) -> str:
    """Return what stands where a secret stood."""
    return f"[redacted {number}]"


def keys_of(text: str) -> str:
    """Return the keys that a text takes, without regard to Shift: one character each."""
    return text.lower().translate(_UNSHIFTED)


def key_of(name: str) -> str:
    """Return the key of that name as `keys_of` has it ("shift+a": the last one); "" for one that writes nothing."""
    last = name if len(name) == 1 else name.rsplit("+", 1)[-1]
    return keys_of(_KEY_NAMES.get(last.lower(), last if len(last) == 1 else ""))


class Hider:
    """Finds secrets in values and puts marks in their places; `numbers` are those of their redactions."""

    def __init__(self, secrets: Sequence[str], numbers: Sequence[int]) -> None:
        """Raise UsageError for a secret that is too short, or a part of the marks themselves."""
        for secret in secrets:
            if len(secret.strip()) < SHORTEST:
                hint = f"It needs {SHORTEST} characters or more; a shorter one would be found by chance."
                raise UsageError("A secret is too short to be looked for.", hint=hint)
            if secret in mark(0):
                raise UsageError("A secret is a part of the mark that would stand in its place.")
        self._exact = dict(zip(secrets, map(mark, numbers), strict=True))
        self._plain: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        for secret, number in zip(secrets, numbers, strict=True):
            self._plain |= dict.fromkeys(_written(secret), mark(number))
            self._tokens |= dict.fromkeys(_encoded(secret), mark(number))
        self._plain = dict(sorted(self._plain.items(), key=lambda item: -len(item[0])))
        self._bytes = dict(self._as_bytes())
        self.keys = {keys_of(secret): marked for secret, marked in self._exact.items()}
        """By the keys that a secret takes: its mark."""

    @property
    def forms(self) -> Sequence[bytes]:
        """Every form as bytes: what must not be found in a file any more."""
        return tuple(self._bytes)

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        for form, marked in self._plain.items():
            if form in text:
                text = text.replace(form, marked)
        for form, marked in self._tokens.items():
            while (at := text.find(form)) >= 0:
                start, end = at, at + len(form)
                while start and ord(text[start - 1]) in _BASE64:
                    start -= 1
                while end < len(text) and ord(text[end]) in _BASE64:
                    end += 1
                text = text[:start] + marked + text[end:]
        return text

    def data(self, data: bytes) -> bytes:
        """Return bytes without the secrets."""
        for form, marked in self._bytes.items():
            if form in data:
                data = data.replace(form, marked.encode("ascii"))
        return data

    def found_in(self, data: bytes) -> bool:
        """Tell whether a secret is in some bytes, in any form."""
        return any(form in data for form in self._bytes)

    def json(self, value: Any) -> Any:
        """Return a JSON value without the secrets: in its strings, names, and numbers that are one as a whole."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {self.text(name): self.json(item) for name, item in value.items()}
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._exact.get(str(value), value)
        return value

    def _as_bytes(self) -> Iterator[tuple[bytes, str]]:
        for form, marked in (self._plain | self._tokens).items():
            yield form.encode("utf-8", "surrogatepass"), marked
        for secret, marked in self._exact.items():
            for encoding in ("utf-16-le", "utf-16-be"):
                yield secret.encode(encoding, "surrogatepass"), marked


def _written(secret: str) -> Iterator[str]:
    """Yield a secret as it is, and as texts quote and escape it."""
    for form in {secret, *(unicodedata.normalize(kind, secret) for kind in ("NFC", "NFD"))}:
        yield form
        yield from (html.escape(form), html.escape(form, quote=False), repr(form)[1:-1])
        data = form.encode("utf-8", "surrogatepass")
        for address in (quote(data, safe=""), quote(data), quote_plus(data), quote(quote(data, safe=""), safe="")):
            yield from (address, _lower_hex(address))
        for ascii_only in (True, False):
            once = json.dumps(form, ensure_ascii=ascii_only)[1:-1]
            twice = json.dumps(once, ensure_ascii=ascii_only)[1:-1]
            yield from (once, twice, once.replace("/", "\\/"), json.dumps(twice, ensure_ascii=ascii_only)[1:-1])


def _lower_hex(address: str) -> str:
    parts = address.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _encoded(secret: str) -> Iterator[str]:
    """Yield what is the same of a secret's base64 wherever it begins, and its hexadecimal digits."""
    data = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode("ascii")
        first = -(-before * 8 // 6)
        same = whole[first : (before + len(data)) * 8 // 6]
        if len(same) >= _LEAST_ENCODED:
            yield from (same, same.replace("+", "-").replace("/", "_"))
    yield from (data.hex(), data.hex().upper())


def typed_in(streams: Sequence[tuple[str, int]], wanted: Mapping[str, str]) -> Iterator[tuple[range, str]]:
    """
    Find secrets in what was typed: (key, number of its step) each.

    Yields the positions of each one found, and its mark.
    """
    text = "".join(key for key, _ in streams)
    for keys, marked in wanted.items():
        at = text.find(keys)
        while at >= 0:
            yield range(at, at + len(keys)), marked
            at = text.find(keys, at + 1)
