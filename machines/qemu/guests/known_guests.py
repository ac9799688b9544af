"""
Guests: what runs inside a virtual machine, where it lies, and the command line that starts it.

A guest is a kernel and one initial file system, kept in a folder of its own beside `guest.json`, which says how it is
started and what the files' hashes are. There is no disk: a guest is the same at every start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from footage.errors import CannotDo, UsageError
from footage.trajectory import JSON

PROGRAM = "qemu-system-x86_64"
GUESTS = ("desktop", "installer")
"""Names of the guests that can be built."""
CLOCK = "2026-01-01T12:00:00"
"""What a guest's clock shows when it is switched on (UTC); from then on it follows the machine's own time."""
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Guest:
    """A built guest."""

    name: str
    folder: Path
    """Where its files lie; other files that belong to it may be put there."""
    kernel: str
    """Name of the file in the folder."""
    initrd: str
    append: str
    """The kernel's command line."""
    memory: int
    """In MiB."""
    screen: tuple[int, int]
    """Width and height in pixels once it is up."""
    pointer: tuple[int, int]
    """Where its pointer is when it is up."""
    sha256: Mapping[str, str]
    """Of the files, by `kernel` and `initrd`."""
    recipe: str = ""
    """Hash of what it was made by; another one where this footage would make it otherwise."""
    agent: bool = False
    """Whether it runs command lines that come through its first serial port (see agent.py)."""
    characters: str = ""
    """Characters beyond the US keyboard that it has on its keys (see keymap.py)."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """Versions of the packages it is made of."""

    def as_json(self) -> JSON:
        """Return what `guest.json` holds."""
        return {
            "format": _FORMAT,
            "name": self.name,
            "kernel": self.kernel,
            "initrd": self.initrd,
            "append": self.append,
            "memory": self.memory,
            "screen": [*self.screen],
            "pointer": [*self.pointer],
            "sha256": dict(self.sha256),
            "recipe": self.recipe,
            "agent": self.agent,
            "characters": self.characters,
            "packages": dict(self.packages),
        }


def guests_folder() -> Path:
    """Return where guests are kept: FOOTAGE_GUESTS, else a folder in the user's cache."""
    if given := os.environ.get("FOOTAGE_GUESTS"):
        return Path(given).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("footage") / "guests"


def guest_folder(name: str) -> Path:
    """Return a guest's folder, made or not. Raises UsageError for a name that is no guest's."""
    if name not in GUESTS:
        raise UsageError(f"There is no guest {name!r}.", hint=f"Guests: {', '.join(GUESTS)}.")
    return guests_folder() / name


def is_built(name: str) -> bool:
    """Tell whether a guest has been built."""
    return (guest_folder(name) / "guest.json").is_file()


def load_guest(name: str) -> Guest:
    """
    Return a built guest.

    Raises UsageError for an unknown name, CannotDo where it has not been built, or its files are not whole.
    """
    folder = guest_folder(name)
    again = f"footage machine build {name}"
    try:
        found = json.loads((folder / "guest.json").read_text("utf-8"))
    except FileNotFoundError:
        raise CannotDo(f"The guest {name} has not been built.", hint=again) from None
    except (OSError, ValueError) as error:
        raise CannotDo(f"The guest {name} cannot be read: {error}.", hint=f"{again} --rebuild") from None
    if found.get("format") != _FORMAT or any(not (folder / found[part]).is_file() for part in ("kernel", "initrd")):
        raise CannotDo(f"The guest {name} is not whole, or of another version.", hint=f"{again} --rebuild")
    return Guest(
        name=name,
        folder=folder,
        kernel=found["kernel"],
        initrd=found["initrd"],
        append=found["append"],
        memory=int(found["memory"]),
        screen=_pair(found["screen"]),
        pointer=_pair(found["pointer"]),
        sha256=found["sha256"],
        recipe=str(found.get("recipe", "")),
        agent=bool(found["agent"]),
        characters=found["characters"],
        packages=found["packages"],
    )


def _pair(values: Sequence[int]) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def command(
    guest: Guest,
    *,
    accelerator: str = "tcg",
    icount: str = "",
    drives: Sequence[str] = (),
    extra: Sequence[str] = (),
) -> list[str]:
    """
    Return the command line that starts a guest; `Process` adds the sockets.

    `icount` is the value of that option (`shift=2,rr=record,…`), `drives` are values of `-drive` (for snapshots:
    `file=…,if=none,id=snap,cache=unsafe`), `extra` comes last (`-S`, `-loadvm`, `-incoming` …). The pointer is a
    virtio tablet: a USB one does not survive snapshots under the record log.
    """
    return [
        *(PROGRAM, "-nodefaults", "-no-user-config", "-accel", accelerator),
        *(("-icount", icount) if icount else ()),
        *("-m", str(guest.memory), "-smp", "1", "-vga", "std", "-display", "none", "-net", "none"),
        *("-device", "virtio-tablet-pci", "-device", "virtio-keyboard-pci"),
        *("-rtc", f"base={CLOCK},clock=vm"),
        *("-kernel", str(guest.folder / guest.kernel), "-initrd", str(guest.folder / guest.initrd)),
        *("-append", guest.append),
        *(part for drive in drives for part in ("-drive", drive)),
        *extra,
    ]
