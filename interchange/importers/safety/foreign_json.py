"""JSON that somebody else wrote: its text in whatever encoding, its size, depth and oddities under limits."""

from __future__ import annotations

import io
import json
import math
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footage.errors import BadImport
from footage.interchange.importers.safety.files import read_file, shown
from footage.interchange.importers.safety.limits import LIMITS, Limits

__all__ = ["BrokenJSON", "Line", "decode_text", "forget", "parse_json", "parse_lines", "read_json", "read_lines"]

# The longer marks first: that of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class BrokenJSON(BadImport):
    """A text that is no JSON, or breaks off; what is refused for its size or depth is another BadImport."""


def decode_text(data: bytes, name: str = "The text", limits: Limits = LIMITS) -> str:
    """
    Decode a text: UTF-8, or UTF-16 and UTF-32 where a byte order mark says so; the mark is dropped.

    Raises BadImport for other bytes, and where the text would take too much memory.
    """
    limit = limits.json if data.isascii() else limits.wide_json
    if len(data) > limit:
        raise BadImport(f"{name} is too large to be read as text: {len(data):,} bytes (limit: {limit:,}).")
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadImport(f"{name} is no {encoding.upper()} text: byte {error.start:,} fits nothing.") from error


def parse_json(text: str | bytes, name: str = "The text", limits: Limits = LIMITS) -> Any:
    """
    Parse one JSON text.

    Lone surrogates become U+FFFD; what is no number in JSON (NaN, Infinity) or none that Python can hold becomes None.
    Raises BrokenJSON for what is no JSON, BadImport for a key that stands twice in an object, and beyond the limits.
    """
    if isinstance(text, bytes):
        text = decode_text(text, name, limits)
    doubtful = _ESCAPED_SURROGATE.search(text) is not None
    if len(text) > min(limits.json_values, limits.wide_json):  # a shorter one cannot hold too much
        _weigh(text, name, limits, doubtful=doubtful)
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise _too_deep(name, limits) from error
    except json.JSONDecodeError as error:
        reason = error.msg[0].lower() + error.msg[1:]
        raise BrokenJSON(f"{name} is no JSON: {reason} (line {error.lineno:,}, character {error.pos:,}).") from error
    except _Twice as error:
        raise BadImport(f"{name} has the key {shown(str(error))!r} twice in one object.") from error
    if len(text) > limits.json_depth:  # as many characters as levels, at least
        _check_depth(value, name, limits)
    return _without_surrogates(value) if doubtful else value


def _weigh(text: str, name: str, limits: Limits, *, doubtful: bool) -> None:
    """Refuse a text with too many values, or too much text in wide letters, before any of them takes memory."""
    if doubtful and len(text) > limits.wide_json:
        wide = sum(m.end() - m.start() for m in _STRING.finditer(text) if text.find("\\u", m.start(), m.end()) >= 0)
        if wide > limits.wide_json:
            raise BadImport(f"{name} is too large: {wide:,} characters in wide letters (limit: {limits.wide_json:,}).")
    if sum(map(text.count, "[{,")) > limits.json_values:  # those within strings as well: an upper bound
        outside = _STRING.sub("", text)
        if sum(map(outside.count, "[{,")) > limits.json_values:
            raise BadImport(f"{name} holds too many values (limit: {limits.json_values:,}).")


def _check_depth(value: Any, name: str, limits: Limits) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > limits.json_depth:
            raise _too_deep(name, limits)
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]


def _too_deep(name: str, limits: Limits) -> BadImport:
    return BadImport(f"{name} is nested too deeply: more than {limits.json_depth} levels.")


def _without_surrogates(value: Any) -> Any:
    """Replace lone surrogates, which no file can hold; the depth has been checked."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value) if _SURROGATES.search(value) else value
    if isinstance(value, list):
        return [_without_surrogates(inner) for inner in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(inner) for key, inner in value.items()}
    return value


class _Twice(Exception):
    """A key that stands twice in an object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for number, key in enumerate(keys) if key in keys[:number]))
    return made


def _float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _integer(text: str) -> int | float | None:
    """Return an integer that a database can hold too, else the nearest float."""
    return int(text) if len(text) < 19 else _float(text)


def _constant(_: str) -> None:
    return None


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_int=_integer, parse_constant=_constant)


def read_json(path: Path, limits: Limits = LIMITS) -> Any:
    """
    Read a file with one JSON text. Raises BadImport as `read_file` and `parse_json` do.

    What took long is remembered, the last such file alone, since every format looks at it: do not change the value.
    """
    key = _state(path)
    outcome = _slow.get(key)
    if outcome is None:
        begun = time.monotonic()
        outcome = _outcome(path, limits)
        if time.monotonic() - begun > _LONG:
            _slow.clear()
            _slow[key] = outcome
    value, error = outcome
    if error is not None:
        raise type(error)(error.message) from error
    return value


def forget() -> None:
    """Forget the file that is remembered because it took long: an import is over."""
    _slow.clear()


_LONG = 0.25
"""Seconds; what took less is read again."""
_slow: dict[tuple[Any, ...], tuple[Any, BadImport | None]] = {}


def _state(path: Path) -> tuple[Any, ...]:
    """Return what changes with a file's content."""
    try:
        about = path.stat()
    except (OSError, ValueError):
        return (path, None)
    return path, about.st_ino, about.st_size, about.st_mtime_ns


def _outcome(path: Path, limits: Limits) -> tuple[Any, BadImport | None]:
    try:
        return parse_json(read_file(path, min(limits.json, limits.file)), shown(path.name), limits), None
    except BadImport as error:
        return None, error


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file of JSON lines."""

    number: int
    """1.. within the file, empty lines counted."""
    value: Any = None
    problem: str = ""
    """Why the line could not be read; "" where it could."""


def read_lines(path: Path, limits: Limits = LIMITS) -> Iterator[Line]:
    """
    Read a file of JSON lines; a line that cannot be read is yielded with its problem, and the next one follows.

    Raises BadImport for a file that is none, is too large, or has too many lines.
    """
    return parse_lines(read_file(path, min(limits.json, limits.file)), shown(path.name), limits)


def parse_lines(data: bytes, name: str = "The text", limits: Limits = LIMITS) -> Iterator[Line]:
    """Parse a text of JSON lines, as `read_lines` does with a file."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        data = decode_text(data, name, limits).encode("utf-8", "replace")
    held = 0
    values = limits.json_values
    for number, raw in enumerate(io.BytesIO(data), 1):
        if number > limits.lines:
            raise BadImport(f"{name} has more than {limits.lines:,} lines.")
        if not raw.strip():
            continue
        line = f"{name}, line {number:,}"
        if len(raw) > limits.line:
            yield Line(number, problem=f"{line} is too long: {len(raw):,} bytes (limit: {limits.line:,}).")
            continue
        values -= raw.count(b",") + raw.count(b"{") + raw.count(b"[")
        held += sys.getsizeof(raw) if raw.isascii() else 4 * len(raw)
        if held > 2 * limits.json or values < 0:
            raise BadImport(f"{name} holds too much: its lines up to {number:,} would fill the memory.")
        try:
            yield Line(number, parse_json(raw, line, limits))
        except BadImport as error:
            yield Line(number, problem=error.message)
