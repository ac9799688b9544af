"""
The state that exact recordings of a guest start from: the guest, up, saved while it ran under a record log.

A snapshot of an ordinary QEMU cannot be loaded under a record log, so this one is made apart, once for each guest and
each QEMU, and kept with the guest.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from footage.errors import MachineError
from footage.machines.qemu.exact.log_recorder import START, drive, icount_option, make_empty
from footage.machines.qemu.exact.sameness import facts_of
from footage.machines.qemu.guests.guest_states import wait_until_up
from footage.machines.qemu.guests.known_guests import Guest, command
from footage.machines.qemu.packing import copy_file
from footage.machines.qemu.qemu_process import Process

__all__ = ["base_path", "make_base", "put_base"]

_NAME = "base"


def base_path(guest: Guest) -> Path:
    """Return where the state lies, or will lie; another QEMU, kernel or file system means another file."""
    key = sha256(json.dumps(facts_of(guest), sort_keys=True).encode()).hexdigest()[:16]
    return guest.folder / f"exact-{key}.qcow2"


def make_base(guest: Guest, tell: Callable[[str], None] = lambda _: None) -> Path:
    """
    Return the state's file; make it where it is missing. One process makes it, others wait for that.

    `tell` is told what is being waited for. Raises MachineError, MissingProgram, CannotDo.
    """
    path = base_path(guest)
    if path.is_file():
        return path
    lock = os.open(guest.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():  # nobody else made it meanwhile
            tell(f"{guest.name} is started once under a record log, and kept: about a minute")
            _make(guest, path)
    finally:
        os.close(lock)
    return path


def put_base(base: Path) -> Callable[[Path], str]:
    """Return what puts a copy of the state where it is told to, and gives the snapshot's name in it."""

    def put(target: Path) -> str:
        copy_file(base, target)
        return _NAME

    return put


def _make(guest: Guest, path: Path) -> None:
    unfinished, log = path.with_suffix(".making"), path.with_suffix(".log")  # no `.part`: a build removes those
    try:
        make_empty(unfinished)
        option = icount_option("record", log, "init")
        with Process(command(guest, icount=option, drives=[drive(unfinished)]), start=START) as process:
            wait_until_up(process, guest)
            if said := process.hmp(f"savevm {_NAME}", timeout=START):
                raise MachineError(f"The guest's state could not be saved: {said}")
            process.hmp("delvm init", timeout=START)
            if not process.quit(START):
                raise MachineError("QEMU did not end by itself after it had saved the guest's state.")
        for old in guest.folder.glob("exact-*.qcow2"):
            old.unlink()
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
