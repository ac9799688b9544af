"""A secret that was encoded as a whole: base64, also of base64, hexadecimal, and other encodings of characters."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

__all__ = ["byte_forms", "encoded_forms"]

_LEAST_ENCODED = 6  # characters of base64 or hexadecimal that are looked for


def encoded_forms(secret: str) -> list[str]:
    """
    Return what is the same of a secret's base64 wherever it begins in the bytes that are encoded, and its hexadecimal.

    Of its UTF-16 too, which PowerShell's encoded commands hold; base64 also of its Windows-1252, of what JSON makes of
    it, and of its base64.
    """
    found: dict[str, None] = {}
    plain = secret.encode("utf-8", "surrogatepass")
    wide = secret.encode("utf-16-le", "surrogatepass")
    quoted = [json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)]
    of_json = [text.encode("utf-8", "surrogatepass") for text in quoted]
    for data in dict.fromkeys((plain, wide, *_in_one_byte(secret), *of_json)):
        found |= dict.fromkeys(_in_base64(data))
    for inner in list(_in_base64(plain)):
        found |= dict.fromkeys(_in_base64(inner.encode("ascii")))
    for data in (plain, wide):
        for digits in (data.hex, lambda *sep: data.hex(*sep).upper()):  # noqa: B023 - called at once
            found |= dict.fromkeys((digits(), digits(":"), digits(" ")))
    return list(found)


def byte_forms(secret: str) -> list[bytes]:
    """Return a secret in the encodings that no text of a store has, but bodies may: UTF-16 without a mark of order."""
    wide = (secret.encode(encoding, "surrogatepass") for encoding in ("utf-16-le", "utf-16-be"))
    return [*wide, *_in_one_byte(secret)]


def _in_one_byte(secret: str) -> Iterator[bytes]:
    """Yield a secret in Windows-1252, of which Latin-1 is a part, where that is another than UTF-8 and has it."""
    try:
        data = secret.encode("cp1252")
    except UnicodeEncodeError:
        return
    if not secret.isascii():
        yield data


def _in_base64(data: bytes) -> Iterator[str]:
    """Yield what three places in a group of three bytes have in common; `+` and `/` also as addresses and JSON do."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode("ascii")
        first = -(-before * 8 // 6)
        same = whole[first : (before + len(data)) * 8 // 6]
        if len(same) >= _LEAST_ENCODED:
            yield from (same, same.replace("+", "-").replace("/", "_"), same.replace("/", "\\/"))
            for plus, slash in (("%2B", "/"), ("%2B", "%2F"), ("%2b", "/"), ("%2b", "%2f")):
                yield same.replace("+", plus).replace("/", slash)
