"""
Zip archives that somebody else made: members are read by name into memory, and nothing is ever unpacked to a path.

An archive is refused as a whole where anything about it is meant to deceive: names that lead elsewhere, or that two
members share, links, encrypted members, members that lie upon each other, too many of them.
"""

from __future__ import annotations

import io
import os
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from footage.errors import BadImport
from footage.interchange.importers.safety.files import shown
from footage.interchange.importers.safety.limits import LIMITS, Limits

__all__ = ["Archive"]

_MIB = 1 << 20
_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, RuntimeError)


class _Guarded(io.BufferedReader):
    """A file that no more than an archive's directory may be read from at once: zipfile reads it in one piece."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, unless that is too much."""
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > self.most:
            raise BadImport(f"Its directory is too large (limit: {self.most:,} bytes).")
        return super().read(size)


class Archive:
    """A zip archive, open for reading. A context manager; not thread-safe."""

    def __init__(self, path: Path, limits: Limits = LIMITS) -> None:
        """Open and check an archive. Raises BadImport with the reason."""
        self.limits = limits
        self._name = shown(path.name)
        self._unpacked = 0
        self._file = self._open(path)
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._members = self._check(self._zip.infolist(), self._zip.start_dir)
        except BadImport as error:
            self._file.close()
            raise BadImport(f"{self._name} is refused: {error.message}", hint=error.hint) from error
        except (*_BROKEN, MemoryError, UnicodeError, OverflowError) as error:
            self._file.close()
            raise BadImport(f"{self._name} is no readable zip archive: {_sentence(error)}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._zip.close()
        self._file.close()

    @property
    def names(self) -> list[str]:
        """The members' names, folders left out, in the order of the archive's directory."""
        return list(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def size(self, name: str) -> int:
        """Return how many bytes a member claims to have. Raises BadImport where there is none of that name."""
        return self._member(name).file_size

    def read(self, name: str, limit: int | None = None) -> bytes:
        """
        Unpack a member into memory.

        Raises BadImport where there is none of that name, it is larger than `limit` or than it claims, or is damaged.
        """
        most = min(limit or self.limits.member, self.limits.member)
        if self.size(name) > most:
            raise BadImport(f"{shown(name)} is too large: {self.size(name):,} bytes (limit: {most:,}).")
        return b"".join(self._pieces(name))

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise BadImport(f"{self._name} has no member {shown(name)}.")
        return self._members[name]

    def _pieces(self, name: str) -> Iterator[bytes]:
        member = self._member(name)
        done = 0
        try:
            with self._zip.open(member) as file:
                while piece := file.read(_MIB):
                    done += len(piece)
                    self._unpacked += len(piece)
                    if done > max(_MIB, self.limits.ratio * member.compress_size):
                        raise BadImport(
                            f"{shown(name)} is a bomb: more than {self.limits.ratio} times its packed size."
                        )
                    if self._unpacked > self.limits.unpacked:
                        raise BadImport(f"{self._name} unpacks to more than {self.limits.unpacked:,} bytes.")
                    yield piece
        except _BROKEN as error:
            raise BadImport(f"{shown(name)} is damaged: {_sentence(error)}.") from error
        if done != member.file_size:
            raise BadImport(f"{shown(name)} is damaged: {done:,} bytes instead of the stated {member.file_size:,}.")

    def _open(self, path: Path) -> _Guarded:
        try:
            raw = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise BadImport(f"{self._name} cannot be opened: {error}.") from error
        about = os.fstat(raw)
        file = _Guarded(io.FileIO(raw, "rb")) if stat.S_ISREG(about.st_mode) else None
        if file is None:
            os.close(raw)
            raise BadImport(f"{self._name} is no file.")
        file.most = self.limits.directory
        reason = self._unfit(file, about.st_size)
        if reason:
            file.close()
            raise BadImport(reason)
        return file

    def _unfit(self, file: BinaryIO, size: int) -> str:
        """Return why a file cannot be opened as an archive; "" where it can."""
        if size > self.limits.file:
            return f"{self._name} is too large: {size:,} bytes (limit: {self.limits.file:,})."
        begins = file.read(4)
        file.seek(0)
        if begins == b"PK\x05\x06":
            return f"{self._name} is an empty zip archive."
        # An archive may legally follow other bytes; one that also is a picture or a page is meant to deceive.
        return "" if begins == b"PK\x03\x04" else f"{self._name} does not begin as a zip archive."

    def _check(self, members: list[zipfile.ZipInfo], end: int) -> dict[str, zipfile.ZipInfo]:
        """Return the members by their names, folders left out. Raises BadImport."""
        if len(members) > self.limits.members:
            raise BadImport(f"It has {len(members):,} members (limit: {self.limits.members:,}).")
        _check_places(members, end)
        found: dict[str, zipfile.ZipInfo] = {}
        folded: set[str] = set()
        for member in members:
            _check_member(member)
            name = unicodedata.normalize("NFC", member.filename).casefold().rstrip("/")
            if name in folded:
                raise BadImport(f"Two of its members are called {shown(member.filename)}, or differ by case alone.")
            folded.add(name)
            if not member.is_dir():
                found[member.filename] = member
        if sum(member.file_size for member in found.values()) > self.limits.unpacked:
            raise BadImport(f"Its members unpack to more than {self.limits.unpacked:,} bytes.")
        return found


def _check_member(member: zipfile.ZipInfo) -> None:
    """Refuse a member whose name, kind or packing no writer of recordings would choose. Raises BadImport."""
    name = member.filename
    parts = name.replace("\\", "/").split("/")
    if member.orig_filename != name or not name or "\0" in name:  # zipfile cuts names at a NUL
        raise BadImport(f"A member's name, {shown(member.orig_filename)!r}, is no name.")
    if parts[0] == "" or ".." in parts or ":" in parts[0] or "\\" in name or len(name) > 1024:
        raise BadImport(f"A member's name leads out of the archive: {shown(name)!r}.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise BadImport(f"{shown(name)} is a link or a device, not a file.")
    if member.flag_bits & _ENCRYPTED:
        raise BadImport(f"{shown(name)} is encrypted.", hint="Unpack it with its password, and import the folder.")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise BadImport(f"{shown(name)} is packed by method {member.compress_type}, which is none of a recording's.")


def _check_places(members: list[zipfile.ZipInfo], end: int) -> None:
    """Refuse members that lie upon each other: so a few bytes are unpacked many times over. Raises BadImport."""
    after = end
    for member in sorted(members, key=lambda member: member.header_offset, reverse=True):
        if member.header_offset < 0 or member.header_offset + 30 + member.compress_size > after:
            raise BadImport(f"{shown(member.filename)} lies upon another member, or outside the archive.")
        after = member.header_offset


def _sentence(error: BaseException) -> str:
    return shown(str(error).rstrip(".") or type(error).__name__)
