"""
A secret as a pattern: each of its characters in any way in which a text may quote or escape it, however often.

One pattern instead of a list of forms, since tools mix them: a quote is escaped for JSON three times, a letter is
decomposed, and the next one stands as a percent escape with one digit in lower case. Letters and digits of ASCII stand
for themselves: where they are escaped, `footage.secrets.undoing` undoes that before.
"""

from __future__ import annotations

import re
import unicodedata
from html.entities import codepoint2name

__all__ = ["SLASH", "kinds_of", "spelled"]

SLASH = r"(?:\\|%(?:25){0,4}5[cC]|&(?:amp;){0,4}#(?:0{0,5}92|[xX]0{0,5}5[cC]);)"
"""A pattern of a backslash, plain or escaped itself."""
_SOME = SLASH + "{0,31}"  # before a character: JSON within JSON doubles them, five times at the most
_MANY = SLASH + "{1,32}"
_SHORT = {"\n": "n", "\t": "t", "\r": "r", "\b": "b", "\f": "f", "\v": "v", "\a": "a", "\x1b": "e"}
_QUOTED = set("\"'\\/$`!&<>|;*?()[]{}#~ ")
_SHELL = {"'": (r"'\\''", r"'\"'\"'")}
_AND = r"(?:&|%(?:25){0,4}26|" + SLASH + r"{1,32}(?:u00|x)26)"
_NUMBER = r"(?:#|%(?:25){0,4}23)"
_END = r"(?:;|%(?:25){0,4}3[bB])"


def kinds_of(secret: str) -> list[str]:
    """Return a secret as it is, composed and decomposed, each once."""
    return list(dict.fromkeys((secret, unicodedata.normalize("NFC", secret), unicodedata.normalize("NFD", secret))))


def spelled(secret: str) -> str:
    """
    Return a pattern (of `re`, for texts; encoded as UTF-8 for bytes) that finds a secret in any spelling.

    It takes one backslash at most before the first character: a text of nothing but backslashes is searched in no time.
    """
    return "|".join(
        _character(kind[0], "", SLASH) + "".join(map(_character, kind[1:])) for kind in kinds_of(secret) if kind
    )


def _character(one: str, some: str = _SOME, many: str = _MANY) -> str:
    if one.isascii() and one.isalnum():
        return one
    ways = [*_SHELL.get(one, ()), *_in_program(one, many), *_in_page(one), *_in_bytes(one, many)]
    if one == "\\":
        return f"(?:{'|'.join((*ways, many))})"
    ways += [re.escape(one), *([r"\+"] if one == " " else [])]
    return f"{some if one in _QUOTED else ''}(?:{'|'.join(ways)})"


def _in_program(one: str, many: str) -> list[str]:
    """Return how JSON, JavaScript and Python escape a character, with any number of backslashes."""
    units = one.encode("utf-16-be", "surrogatepass").hex()
    each = (f"u{_any_case(units[at : at + 4])}" for at in range(0, len(units), 4))
    ways = [f"(?:{many}|%)" + f"(?:{_MANY}|%)".join(each)]
    ways.append(f"{many}u{{0{{0,5}}{_any_case(f'{ord(one):x}')}}}")
    if ord(one) > 0xFFFF:
        ways.append(f"{many}[uU](?:000)?{_any_case(f'{ord(one):x}')}")
    if one in _SHORT:
        ways.append(many + _SHORT[one])
    return ways


def _in_page(one: str) -> list[str]:
    """Return how HTML and XML refer to a character, also where the reference is escaped itself."""
    names = [codepoint2name[ord(one)]] if ord(one) in codepoint2name else []
    names += ["apos"] if one == "'" else []
    number = f"{_NUMBER}(?:0{{0,5}}{ord(one)}|[xX]0{{0,5}}{_any_case(f'{ord(one):x}')})"
    return [rf"{_AND}(?:amp{_END}){{0,4}}(?:{'|'.join((number, *names))}){_END}"]


def _in_bytes(one: str, many: str) -> list[str]:
    r"""
    Return the escapes of a character's bytes: percent, escaped any number of times, quoted-printable, `\x`, octal.

    Of its UTF-8 and, where it is one, of its byte in Windows-1252 or Latin-1.
    """
    encoded = [one.encode("utf-8", "surrogatepass")]
    if not one.isascii():
        encoded += [one.encode(name) for name in ("cp1252", "latin-1") if one.encode(name, "ignore")]
    return [
        "".join(_byte(byte, _MANY if number else many) for number, byte in enumerate(data))
        for data in dict.fromkeys(encoded)
    ]


def _byte(byte: int, many: str) -> str:
    hexadecimal = f"(?:%(?:25){{0,4}}|=|{many}x){_any_case(f'{byte:02x}')}"
    return f"(?:{hexadecimal}|{many}0{{0,2}}{byte:o})"


def _any_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)
