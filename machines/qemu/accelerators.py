"""
How fast a guest can run here: on the host's own processor (KVM) where a guest really boots under it, else emulated.

That /dev/kvm can be opened proves nothing: on some hosts a guest under KVM stops right after its kernel is unpacked.
So one is booted once, for a few seconds, and what came of it is remembered.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from footage.errors import FootageError
from footage.machines.qemu.guests.known_guests import Guest, command, guests_folder
from footage.machines.qemu.qemu_process import Process

TRIAL = 12.0
"""Seconds a guest under KVM gets to show its own screen; a working one needs three."""
EMULATED = "tcg"


def best_accelerator(guest: Guest) -> str:
    """Return `kvm` or `tcg`, whichever this guest boots under here; a trial is made once per host and guest."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return EMULATED
    memory = guests_folder() / "accelerators.json"
    known = _read(memory)
    key = f"{os.uname().nodename} {os.uname().release} {guest.sha256.get('kernel', '')[:16]}"
    if key not in known:
        known[key] = "kvm" if boots_under_kvm(guest) else EMULATED
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    return known[key]


def boots_under_kvm(guest: Guest, trial: float = TRIAL) -> bool:
    """Start a guest under KVM and tell whether its kernel gets as far as setting its own screen size."""
    deadline = time.monotonic() + trial
    try:
        with Process(command(guest, accelerator="kvm")) as process:
            while time.monotonic() < deadline:
                if process.screendump().shape[:2] == guest.screen[::-1]:
                    return True
                time.sleep(0.2)
    except FootageError:
        pass
    return False


def _read(file: Path) -> dict[str, str]:
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError):
        return {}
