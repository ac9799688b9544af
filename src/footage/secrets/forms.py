"""A secret as texts write it: plain, quoted, escaped once or more often, and encoded as a whole."""

from __future__ import annotations

import base64
import html
import json
import shlex
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

__all__ = ["byte_forms", "encoded_forms", "written_forms"]

_LEAST_ENCODED = 6  # characters of base64 or hexadecimal that are looked for


def written_forms(secret: str) -> list[str]:
    """
    Return a secret as it is and as texts quote and escape it, each form once.

    These are composed and decomposed Unicode, JSON (up to three times within each other), HTML and XML, addresses,
    Python's and the shell's quotes, and what usually stands within one another: JSON in HTML, HTML in JSON, JSON in an
    address, an address in an address.
    """
    found: dict[str, None] = {}
    for plain in dict.fromkeys((secret, unicodedata.normalize("NFC", secret), unicodedata.normalize("NFD", secret))):
        found |= dict.fromkeys((plain, repr(plain)[1:-1], *_in_shell(plain)))
        for page in _in_html(plain):
            found |= dict.fromkeys((page, *_in_json(page)))
        for address in _in_address(plain):
            found |= dict.fromkeys((address, *_each_case(quote(address, safe=""))))
        for once in _in_json(plain):
            found |= dict.fromkeys((once, *_in_html(once), *_in_address(once)))
            for twice in _in_json(once):
                found |= dict.fromkeys((twice, *_in_json(twice)))
    return list(found)


def encoded_forms(secret: str) -> list[str]:
    """
    Return what is the same of a secret's base64 wherever it begins in the bytes that are encoded, and its hexadecimal.

    Of its UTF-16 too, which PowerShell's encoded commands hold; and HTML where each character is a reference.
    """
    found: dict[str, None] = {}
    for encoding in ("utf-8", "utf-16-le"):
        data = secret.encode(encoding, "surrogatepass")
        found |= dict.fromkeys(_in_base64(data))
        for digits in (data.hex, lambda *sep: data.hex(*sep).upper()):  # noqa: B023 - called at once
            found |= dict.fromkeys((digits(), digits(":"), digits(" ")))
        found["".join(f"\\x{byte:02x}" for byte in data)] = None
    escaped = secret.encode("utf-8", "surrogatepass")
    found |= dict.fromkeys("".join(f"%{byte:{digits}}" for byte in escaped) for digits in ("02x", "02X"))
    units = secret.encode("utf-16-be", "surrogatepass").hex()
    for code in (units, units.upper()):
        found["".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))] = None
    for each in (lambda c: f"&#{ord(c)};", lambda c: f"&#x{ord(c):x};", lambda c: f"&#x{ord(c):X};"):
        found["".join(map(each, secret))] = None
    return list(found)


def byte_forms(secret: str) -> list[bytes]:
    """Return a secret in the encodings that no text of a store has, but bodies may: UTF-16, without a mark of order."""
    return [secret.encode(encoding, "surrogatepass") for encoding in ("utf-16-le", "utf-16-be")]


def _in_json(text: str) -> Iterator[str]:
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (once, once.replace("/", "\\/"))


def _in_html(text: str) -> Iterator[str]:
    quoted = html.escape(text)
    for form in (quoted, html.escape(text, quote=False)):
        yield from (form, form.encode("ascii", "xmlcharrefreplace").decode("ascii"))
    yield quoted.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield quoted.replace("&#x27;", "&apos;")


def _in_address(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogatepass")
    for form in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield from _each_case(form)


def _each_case(address: str) -> Iterator[str]:
    first, *escaped = address.split("%")
    yield address
    yield "%".join([first, *(part[:2].lower() + part[2:] for part in escaped)])


def _in_shell(text: str) -> Iterator[str]:
    yield shlex.quote(text)[1:-1] if shlex.quote(text) != text else text  # within single quotes
    yield "".join(f"\\{one}" if one in '"\\$`' else one for one in text)  # within double quotes


def _in_base64(data: bytes) -> Iterator[str]:
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode("ascii")
        first = -(-before * 8 // 6)
        same = whole[first : (before + len(data)) * 8 // 6]
        if len(same) >= _LEAST_ENCODED:
            yield from (same, same.replace("+", "-").replace("/", "_"))
