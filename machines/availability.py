"""Which machines can be had here, and what is missing for the others: without starting any."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import asdict, dataclass

from footage.errors import FootageError
from footage.machines.opening import machine_names
from footage.machines.qemu.guests.known_guests import PROGRAM, guest_folder, is_built, load_guest
from footage.trajectory import JSON

_DESKTOP = ("Xvfb", "openbox")


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a machine can be had."""

    name: str
    ready: bool
    detail: str
    """How it stands with it, for people."""
    hint: str = ""
    """What to do where it is not ready."""

    def as_json(self) -> JSON:
        """Return {"name", "ready", "detail", "hint"}."""
        return asdict(self)


def availabilities() -> list[Availability]:
    """Return how it stands with every machine that has a name."""
    return [availability(name) for name in machine_names()]


def availability(name: str) -> Availability:
    """Return how it stands with one machine."""
    driver, _, which = name.partition("/")
    if driver == "desktop":
        return _desktop(name)
    if driver == "qemu" and which:
        return _guest(name, which)
    if driver == "vnc":
        return Availability(name, ready=True, detail="whatever answers at vnc:HOST:PORT")
    return Availability(name, ready=True, detail="of the configuration, or of an installed package")


def _desktop(name: str) -> Availability:
    missing = [program for program in _DESKTOP if shutil.which(program) is None]
    if missing:
        return Availability(
            name, False, f"{' and '.join(missing)} not installed", "apt-get install xvfb openbox bubblewrap"
        )
    if importlib.util.find_spec("Xlib") is None:
        return Availability(name, False, "python-xlib is not installed", "pip install 'footage[desktop]'")
    return Availability(name, ready=True, detail="up in a second")


def _guest(name: str, which: str) -> Availability:
    if shutil.which(PROGRAM) is None:
        return Availability(name, False, f"{PROGRAM} is not installed", "apt-get install qemu-system-x86 zstd")
    if importlib.util.find_spec("qemu") is None or importlib.util.find_spec("Xlib") is None:
        return Availability(name, False, "Python packages are missing", "pip install 'footage[qemu]'")
    if not is_built(which):
        return Availability(name, False, "not built", f"footage machine build {which}")
    try:
        load_guest(which)
    except FootageError as problem:
        return Availability(name, False, problem.message, problem.hint)
    size = sum(path.stat().st_size for path in guest_folder(which).iterdir() if path.is_file())
    return Availability(name, ready=True, detail=f"built, {size / 1e6:.0f} MB in {guest_folder(which)}")
