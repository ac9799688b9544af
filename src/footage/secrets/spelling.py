"""
A secret as a pattern: each of its characters in any way in which a text may quote or escape it, however often.

One pattern instead of a list of forms, since tools mix them: a quote is escaped for JSON three times, a letter is
decomposed, and the next one stands as a percent escape with one digit in lower case.
"""

from __future__ import annotations

import re
import unicodedata
from html.entities import codepoint2name

__all__ = ["spelled"]

_SLASH = r"(?:\\|%(?:25){0,4}5[cC]|&(?:amp;){0,4}#(?:0{0,5}92|[xX]0{0,5}5[cC]);)"
_SOME = _SLASH + "{0,31}"  # before a character: JSON within JSON doubles them, five times at the most
_MANY = _SLASH + "{1,32}"
_SHORT = {"\n": "n", "\t": "t", "\r": "r", "\b": "b", "\f": "f"}
_QUOTED = set("\"'\\/$`!&<>|;*?()[]{}#~ ")
_SHELL = {"'": (r"'\\''", r"'\"'\"'")}


def spelled(secret: str) -> str:
    """
    Return a pattern (of `re`, for texts; encoded as UTF-8 for bytes) that finds a secret in any spelling.

    It takes one backslash at most before the first character: a text of nothing but backslashes is searched in no time.
    """
    kinds = dict.fromkeys((secret, unicodedata.normalize("NFC", secret), unicodedata.normalize("NFD", secret)))
    return "|".join(_character(kind[0], "", _SLASH) + "".join(map(_character, kind[1:])) for kind in kinds)


def _character(one: str, some: str = _SOME, many: str = _MANY) -> str:
    if one.isascii() and one.isalnum():
        return one
    ways = [*_SHELL.get(one, ()), *_in_program(one, many), *_in_page(one), _in_address(one)]
    if one == "\\":
        return f"(?:{'|'.join((*ways, many))})"
    ways += [re.escape(one), *([r"\+"] if one == " " else [])]
    return f"{some if one in _QUOTED else ''}(?:{'|'.join(ways)})"


def _in_program(one: str, many: str) -> list[str]:
    """Return how JSON, JavaScript and Python escape a character, with any number of backslashes."""
    units = one.encode("utf-16-be", "surrogatepass").hex()
    ways = ["".join(f"{many}u{_any_case(units[at : at + 4])}" for at in range(0, len(units), 4))]
    ways.append(f"{many}u{{0{{0,5}}{_any_case(f'{ord(one):x}')}}}")
    if ord(one) < 0x100:
        ways.append(f"{many}x{_any_case(f'{ord(one):02x}')}")
    if ord(one) > 0xFFFF:
        ways.append(f"{many}[uU](?:000)?{_any_case(f'{ord(one):x}')}")
    if one in _SHORT:
        ways.append(many + _SHORT[one])
    return ways


def _in_page(one: str) -> list[str]:
    """Return how HTML and XML refer to a character, also where the reference is escaped itself."""
    names = [codepoint2name[ord(one)]] if ord(one) in codepoint2name else []
    names += ["apos"] if one == "'" else []
    references = [rf"#0{{0,5}}{ord(one)}", rf"#[xX]0{{0,5}}{_any_case(f'{ord(one):x}')}", *names]
    return [rf"&(?:amp;){{0,4}}(?:{'|'.join(references)});"]


def _in_address(one: str) -> str:
    """Return the percent escapes of a character's bytes, escaped any number of times."""
    data = one.encode("utf-8", "surrogatepass")
    return "".join(f"%(?:25){{0,4}}{_any_case(f'{byte:02x}')}" for byte in data)


def _any_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)
