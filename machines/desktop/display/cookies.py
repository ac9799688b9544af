"""
The authority file of a display: the cookie that a server asks for, in the form of libXau.

Client libraries read it differently. Most take an entry without a display number for any display; python3-Xlib, on
which PyAutoGUI stands, compares the number literally. Most take an entry for any host (in a sandbox the host has
another name); both Python libraries want the host's own name. So there is an entry of each kind, all with one cookie.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

__all__ = ["admit", "cookie_in"]

_PROTOCOL = b"MIT-MAGIC-COOKIE-1"
_FAMILY_LOCAL, _FAMILY_WILD = 256, 65535
_COOKIE = 16
"""Bytes of a cookie."""


def admit(path: Path, numbers: Iterable[int]) -> None:
    """
    Let whoever may read the file `path` open the displays with these numbers.

    A file that is not there yet is made, for its owner alone, with a fresh cookie; one that is there keeps its cookie
    and gets the entries added, so that whoever has it open or mounted sees them too. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        there = file.read() or b""
        # Every entry ends in the cookie.
        cookie = there[-_COOKIE:] or secrets.token_bytes(_COOKIE)
        names = [str(number).encode() for number in numbers]
        wanted = [_entry(*host, name, cookie) for name in (b"", *names) for host in _hosts()]
        # One write: nobody reads half an entry.
        file.write(b"".join(entry for entry in wanted if entry not in there))


def cookie_in(path: Path) -> bytes:
    """Return the cookie that all entries of a file have; b"" where it has none."""
    return path.read_bytes()[-_COOKIE:]


def _hosts() -> list[tuple[int, bytes]]:
    """Return family and address of the hosts that entries are for."""
    return [(_FAMILY_WILD, b""), (_FAMILY_LOCAL, socket.gethostname().encode())]


def _entry(family: int, address: bytes, number: bytes, cookie: bytes) -> bytes:
    parts = (address, number, _PROTOCOL, cookie)
    return struct.pack(">H", family) + b"".join(struct.pack(">H", len(part)) + part for part in parts)
