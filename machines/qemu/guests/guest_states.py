"""
Suspended guests: a guest that has come up once is saved whole, and goes on from there in about a second.

A saved state fits one QEMU, one guest and one command line; these are part of its name. Where one of them has changed
the guest is booted anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from footage.errors import MachineError, MissingProgram
from footage.machines.qemu.guest_activity import Activity
from footage.machines.qemu.guest_agent import Agent
from footage.machines.qemu.guests.known_guests import PROGRAM, Guest, command
from footage.machines.qemu.qemu_process import Process

BOOT = 300.0
"""Seconds a guest gets to come up."""
SAVING = 120.0
"""Seconds that saving or loading a state may take."""
QUIET = 4.0
"""Seconds for which a guest without an agent must be idle, and show the same, to be taken for up."""
_QUICK, _SMALL = "-1", "-12 --long=27"


def boot(guest: Guest, accelerator: str, tell: Callable[[str], None] = lambda _: None) -> Process:
    """
    Start a guest from its kernel and return once it is up and at rest; `tell` is told what is being waited for.

    Raises MachineError where it is not up within `BOOT` seconds.
    """
    process = Process(command(guest, accelerator=accelerator))
    try:
        wait_until_up(process, guest, tell)
    except BaseException:
        process.close()
        raise
    return process


def wait_until_up(process: Process, guest: Guest, tell: Callable[[str], None] = lambda _: None) -> None:
    """Wait until a guest that has been switched on is up and at rest. Raises MachineError after `BOOT` seconds."""
    tell("the guest starts")
    if guest.agent:
        agent = Agent(process.serial)
        agent.wait_until_ready(BOOT)
        agent.close()
    _wait_until_quiet(process, guest)


def ready_file(guest: Guest, accelerator: str) -> Path:
    """Return where the state of a guest that is up is kept, made or not."""
    # Where the guest's files lie does not matter to what runs in it.
    words = [word.replace(str(guest.folder), "") for word in command(guest, accelerator=accelerator)]
    identity = json.dumps([qemu_identity()["sha256"], dict(guest.sha256), words])
    return guest.folder / f"ready-{accelerator}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def make_ready(guest: Guest, accelerator: str, tell: Callable[[str], None] = lambda _: None) -> Path:
    """Boot a guest, save it once it is up, and return the file; one that is there already is taken."""
    target = ready_file(guest, accelerator)
    if target.exists():
        return target
    with boot(guest, accelerator, tell) as process:
        tell("its state is saved")
        part = target.with_suffix(f".part-{os.getpid()}")
        try:
            save(process, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    for old in guest.folder.glob(f"ready-{accelerator}-*"):
        if old != target and not old.suffix:
            old.unlink()
    return target


def save(process: Process, target: Path, *, quick: bool = False) -> None:
    """Stop a guest and write its whole state into a file, larger if `quick`; it stays stopped. Raises MachineError."""
    if shutil.which("zstd") is None:
        raise MissingProgram("zstd is not installed.", hint="apt-get install zstd")
    seen = len(process.qmp.events)
    if process.execute("query-status")["running"]:
        process.execute("stop")
        process.qmp.wait_for({"STOP"}, since=seen)
    process.execute("migrate-set-parameters", {"max-bandwidth": 1 << 40})
    packing = f"zstd -q -f {_QUICK if quick else _SMALL} -T2 -o {shlex.quote(str(target))}"
    process.execute("migrate", {"uri": f"exec:{packing}"})
    _wait_for_migration(process, "saved")


def load(guest: Guest, accelerator: str, state: Path) -> Process:
    """
    Start QEMU with a saved state, running, and with a VNC server.

    Raises MachineError where the state does not fit, or cannot be read.
    """
    if not state.is_file():
        raise MachineError(f"The saved state {state.name} is gone.", hint=f"footage machine build {guest.name}")
    unpacking = f"exec:zstd -q -dc {shlex.quote(str(state))}"
    process = Process(command(guest, accelerator=accelerator, extra=("-S", "-incoming", unpacking)), display=True)
    try:
        _wait_for_migration(process, "loaded")
        process.execute("cont")
    except BaseException:
        process.close()
        raise
    return process


@cache
def qemu_identity() -> dict[str, str]:
    """Return QEMU's version and the hash of its program. Raises MissingProgram."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise MissingProgram(f"{PROGRAM} is not installed.", hint="apt-get install qemu-system-x86")
    with Path(found).open("rb") as program:
        digest = hashlib.file_digest(program, "sha256").hexdigest()
    import subprocess

    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    return {"version": said.partition("\n")[0].removeprefix("QEMU emulator version "), "sha256": digest}


def _wait_for_migration(process: Process, done: str) -> None:
    deadline = time.monotonic() + SAVING
    while True:
        # QEMU answers nothing while it waits for the program that packs, which may be slow.
        found: dict[str, Any] = process.execute("query-migrate", timeout=SAVING)
        if found.get("status") == "completed":
            return
        if found.get("status") == "failed" or time.monotonic() > deadline:
            why = found.get("error-desc") or process.stderr or "it took too long"
            raise MachineError(f"The guest's state could not be {done}: {why}")
        time.sleep(0.02)


def _wait_until_quiet(process: Process, guest: Guest) -> None:
    """Wait until the guest is idle and its screen stays the same, in the size it is to have."""
    activity, deadline = Activity(process), time.monotonic() + BOOT
    calm = 1.0 if guest.agent else QUIET
    since, last = time.monotonic(), b""
    while time.monotonic() - since < calm:
        if time.monotonic() > deadline:
            raise MachineError(f"The guest {guest.name} did not come to rest within {BOOT:g} s.")
        at_rest = activity.rest(1.0)
        pixels = process.screendump()
        shown = pixels.tobytes()
        right = pixels.shape[:2] == guest.screen[::-1] and shown.count(0) < len(shown) // 2
        if shown != last or not at_rest or not right:
            since, last = time.monotonic(), shown
