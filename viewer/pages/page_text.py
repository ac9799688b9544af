"""
Recorded text on its way to a page: what cannot be seen is spelled out, what is too long is cut.

A screen, a model or an imported file may carry characters that hide or reorder what a person reads (bidirectional
overrides, zero-width and tag characters, terminal escapes). None of them reaches a page: `plain` is applied to every
value that a template prints, and `visible` marks what it replaced. Neither makes HTML safe by itself: escaping is
Jinja's, and stays on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

__all__ = ["clip", "one_line", "plain", "pretty_json", "visible"]

SHOWN_CHARACTERS = 20_000
"""How much of one text a page shows; `footage show` has all of it."""

# Everything below space but tab and newline, C1 controls, soft hyphen, bidirectional and zero-width controls,
# line and paragraph separators, interlinear marks, lone surrogates, tag characters, variation selectors 17..256.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)


def _spelled(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def plain(value: object) -> object:
    r"""Return a string with hidden characters spelled out (`\u202e`); anything else, and Markup, as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _HIDDEN.sub(_spelled, value.replace("\r\n", "\n"))
    return value


def visible(text: str) -> Markup:
    """Return `text` escaped for HTML, each hidden character spelled out in a `<span class="hidden-char">`."""
    text = text.replace("\r\n", "\n")
    pieces: list[str] = []
    end = 0
    for match in _HIDDEN.finditer(text):
        pieces += [escape(text[end : match.start()]), f'<span class="hidden-char">{_spelled(match)}</span>']
        end = match.end()
    return Markup("").join([*(Markup(piece) for piece in pieces), escape(text[end:])])  # noqa: S704 - escaped above


def one_line(text: str, limit: int = 60) -> str:
    """Return `text` on one line of at most `limit` characters, newlines as ⏎ and tabs as ⇥, hidden ones spelled out."""
    flat = str(plain(text.strip("\n"))).replace("\n", "⏎").replace("\t", "⇥")
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def clip(text: str, limit: int = SHOWN_CHARACTERS) -> tuple[str, int]:
    """Return the first `limit` characters of `text`, and how many more there are."""
    return text[:limit], max(0, len(text) - limit)


def pretty_json(value: Mapping[str, Any] | list[Any]) -> str:
    """Return `value` as indented JSON, non-ASCII characters kept."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
