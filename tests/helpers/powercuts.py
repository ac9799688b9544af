"""
Power cuts, simulated: what SQLite writes and syncs is listened to, and disks are made that a cut could leave behind.

A layer over the file system of the very SQLite that this Python uses (its "VFS", https://sqlite.org/vfs.html) notes
each write, truncation, deletion and sync in one tape, between them what the recorder acknowledged. `Tape.disk` then
plays the tape up to any point. What was synced is there; of each file's writes after its last sync, any may be missing,
whole or in sectors of 512 bytes, in any order: a disk may keep later ones and lose earlier ones.

What is not simulated: disks that lie about syncs, and sectors that come out as neither old nor new.
"""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
from collections import defaultdict
from collections.abc import Iterator
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p, cast
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

SECTOR = 512
_OK = 0

_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_Close = CFUNCTYPE(c_int, c_void_p)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = (
        ("version", c_int),
        ("close", _Close),
        ("read", c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("others", c_void_p * 13),
    )


class _File(ctypes.Structure):
    """The beginning of sqlite3_file."""

    _fields_ = (("methods", POINTER(_Methods)),)


class _System(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _Open),
        ("delete", _Delete),
        ("others", c_void_p * 14),
    )


class Event(NamedTuple):
    """One thing: `write`, `truncate` (to `at`), `delete` (durably if `at`), `sync`, or `ack` (`data` is what for)."""

    kind: str
    path: str = ""
    at: int = 0
    data: Any = b""


@dataclass(slots=True)
class Tape:
    """All events in their order."""

    events: list[Event] = field(default_factory=list)

    def ack(self, what: object) -> None:
        """Note that the recorder has acknowledged something."""
        self.events.append(Event("ack", data=what))

    def acknowledged(self, cut: int) -> list[Any]:
        """Return what was acknowledged before the event of that number."""
        return [event.data for event in self.events[:cut] if event.kind == "ack"]

    def disk(self, cut: int, random: Random) -> dict[str, bytes]:
        """Return the files, by path, that a cut before the event of that number could leave; drawn by chance."""
        durable: dict[str, bytearray | None] = defaultdict(bytearray)
        waiting: dict[str, list[Event]] = defaultdict(list)
        ghosts: dict[str, bytearray | None] = {}  # deleted, but perhaps not on the disk
        for event in self.events[:cut]:
            ghosts.pop(event.path, None)
            if event.kind in {"write", "truncate"}:
                waiting[event.path].append(event)
            elif event.kind == "delete":
                if not event.at:
                    ghosts[event.path] = durable[event.path]
                durable[event.path] = None
                waiting.pop(event.path, None)
            elif event.kind == "sync":
                durable[event.path] = _played(durable[event.path], waiting.pop(event.path, []))
        durable |= {path: content for path, content in ghosts.items() if random.random() < 0.5}
        keep = random.choice([0.0, 0.5, 0.9, 1.0])
        for path, events in waiting.items():
            durable[path] = _played(durable[path], [e for event in events for e in _remains(event, keep, random)])
        return {path: bytes(content) for path, content in durable.items() if content is not None}


def _played(content: bytearray | None, events: list[Event]) -> bytearray:
    content = bytearray() if content is None else content
    for event in events:
        if event.kind == "truncate":
            del content[event.at :]
        else:
            content.extend(bytes(max(0, event.at - len(content))))
            content[event.at : event.at + len(event.data)] = event.data
    return content


def _remains(event: Event, keep: float, random: Random) -> Iterator[Event]:
    """Yield what the disk kept of an event that was not synced."""
    if event.kind == "truncate" or keep in {0.0, 1.0} or random.random() < 0.5:
        if random.random() < keep:
            yield event
        return
    for start in range(0, len(event.data), SECTOR):
        if random.random() < keep:
            yield event._replace(at=event.at + start, data=event.data[start : start + SECTOR])


@contextlib.contextmanager
def listening() -> Iterator[Tape]:
    """Note what SQLite does with all files that are opened while the block runs; close them before it ends."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    if not hasattr(library, "sqlite3_vfs_find"):
        pytest.skip("the SQLite of this Python is built in, and cannot be listened to")
    library.sqlite3_vfs_find.restype = POINTER(_System)
    plain = library.sqlite3_vfs_find(None)
    ear = _Ear(plain)
    assert library.sqlite3_vfs_register(ctypes.byref(ear.system), 1) == _OK
    try:
        yield ear.tape
    finally:
        library.sqlite3_vfs_unregister(ctypes.byref(ear.system))


class _Ear:
    """The layer itself. Syncs are noted, and not carried out."""

    def __init__(self, plain: Any) -> None:
        self.tape = Tape()
        self.system = _System.from_buffer_copy(plain.contents)
        self.system.name = b"listening"
        self.system.open, self.system.delete = _Open(self._open), _Delete(self._delete)
        self._plain = plain
        self._paths: dict[int, str] = {}
        self._methods: dict[int, tuple[_Methods, _Methods]] = {}

    def _open(self, _system: int, name: int | None, file: int, flags: int, told: int | None) -> int:
        code = int(self._plain.contents.open(cast(self._plain, c_void_p), name, file, flags, told))
        opened = cast(file, POINTER(_File)).contents
        if code == _OK and name:
            path = ctypes.string_at(name).decode()
            self._paths[file] = path
            if not any(event.path == path for event in self.tape.events):  # what was there before is on the disk
                self.tape.events += [Event("write", path, 0, Path(path).read_bytes()), Event("sync", path)]
            opened.methods = ctypes.pointer(self._listening(opened.methods))
        return code

    def _listening(self, methods: Any) -> _Methods:
        """Return these methods with ours in their places; the same for all files of one kind."""
        address = ctypes.addressof(methods.contents)
        if address not in self._methods:
            plain, ours = methods.contents, _Methods.from_buffer_copy(methods.contents)

            def write(file: int, data: int, length: int, at: int) -> int:
                self.tape.events.append(Event("write", self._paths[file], at, ctypes.string_at(data, length)))
                return int(plain.write(file, data, length, at))

            def truncate(file: int, size: int) -> int:
                self.tape.events.append(Event("truncate", self._paths[file], size))
                return int(plain.truncate(file, size))

            def sync(file: int, _flags: int) -> int:
                self.tape.events.append(Event("sync", self._paths[file]))
                return _OK

            ours.write, ours.truncate, ours.sync = _Write(write), _Truncate(truncate), _Sync(sync)
            self._methods[address] = plain, ours
        return self._methods[address][1]

    def _delete(self, _system: int, name: bytes, durably: int) -> int:
        self.tape.events.append(Event("delete", name.decode(), durably))
        return int(self._plain.contents.delete(cast(self._plain, c_void_p), name, durably))
