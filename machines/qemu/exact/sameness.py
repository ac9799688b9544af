"""What must be the same for a guest to execute the same instructions again: emulator, kernel, files, command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footage.errors import CannotDo
from footage.machines.qemu.guests.guest_states import qemu_identity
from footage.machines.qemu.guests.known_guests import Guest, command, load_guest
from footage.trajectory import JSON

__all__ = ["changes", "facts_of", "same_guest"]

_FORMAT = 1
_WORDS = {
    "qemu": "the QEMU program",
    "kernel": "the guest's kernel",
    "initrd": "the guest's file system",
    "command": "QEMU's command line",
}


def facts_of(guest: Guest) -> JSON:
    """Return what an exact recording of this guest rests on; hashes are SHA-256. Raises MissingProgram."""
    line = command(guest)
    folder = f"{guest.folder}/"
    return {
        "format": _FORMAT,
        "guest": guest.name,
        "qemu": qemu_identity()["sha256"],
        "version": qemu_identity()["version"],
        "kernel": guest.sha256["kernel"],
        "initrd": guest.sha256["initrd"],
        "command": [part.removeprefix(folder) for part in line],
    }


def changes(facts: Mapping[str, Any], guest: Guest) -> list[str]:
    """Return a sentence for each thing that is another than it was when a run was recorded."""
    now = facts_of(guest)
    if facts.get("format") != _FORMAT:
        return ["the recording is of another version of footage"]
    return [
        f"{words} is another one ({_short(facts.get(name))} then, {_short(now[name])} now)"
        for name, words in _WORDS.items()
        if facts.get(name) != now[name]
    ]


def same_guest(facts: Mapping[str, Any], *, anyway: bool = False) -> Guest:
    """
    Return the guest that a run was recorded on. Raises CannotDo where it is not the same any more.

    With `anyway` changes are let pass: whether the same comes out is then a matter of luck, and seen at every screen.
    """
    guest = load_guest(str(facts.get("guest", "")))
    found = [] if anyway else changes(facts, guest)
    if found:
        raise CannotDo(
            f"The run cannot be executed exactly: {'; '.join(found)}.",
            hint="Without --exact it is replayed anchored; --anyway tries all the same.",
        )
    return guest


def _short(value: object) -> str:
    return f"{value}"[:12] if isinstance(value, str) else "other arguments"
