"""
Redacting values: what is found of a secret, in any of its forms, becomes a mark, `[redacted 1]`, with the number of the
redaction in its family. And secrets that were typed key by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from footage.errors import UsageError
from footage.secrets import Replacer

__all__ = ["SHORTEST", "Hider", "key_of", "keys_of", "mark", "typed_in"]

SHORTEST = 4
"""Characters that a secret needs: a shorter one would be found everywhere by chance."""

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
        self.secrets = tuple(secrets)
        self._exact = dict(zip(secrets, map(mark, numbers), strict=True))
        self._replacer = Replacer(self._exact)
        self.keys = {keys_of(secret): marked for secret, marked in self._exact.items()}
        """By the keys that a secret takes: its mark."""

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        return self._replacer.text(text)

    def data(self, data: bytes) -> bytes:
        """Return bytes without the secrets."""
        return self._replacer.data(data)

    def found_in(self, data: bytes) -> bool:
        """Tell whether a secret is in some bytes, in any form."""
        return self._replacer.found_in(data)

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
