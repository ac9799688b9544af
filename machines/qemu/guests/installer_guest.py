"""The guest `installer`: Debian's graphical installer as its package has it, up to its first page."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

from footage.errors import CannotDo
from footage.machines.qemu.guests.tree import Tree

PACKAGE = "debian-installer-12-netboot-amd64"
GUEST: dict[str, Any] = {
    # With less memory than 1 GB it falls back to text; with a serial console it would go there.
    "append": "vga=788 quiet nohz=off init_on_free=1 mitigations=off tsc=reliable random.trust_cpu=off",
    "memory": 1024,
    "screen": (1280, 800),
    "pointer": (640, 400),
}
_FILES = {"kernel": "*/gtk/debian-installer/amd64/linux", "initrd": "*/gtk/debian-installer/amd64/initrd.gz"}


def recipe() -> bytes:
    """Return all that decides what the guest is, but the version of its package."""
    return json.dumps([GUEST, PACKAGE, _FILES, "zstd"]).encode()


def wanted(path: str) -> bool:
    """Tell whether a file of the package is the graphical installer's kernel or file system."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in _FILES.values())


def parts(tree: Tree) -> dict[str, bytes]:
    """Return kernel and file system. Raises CannotDo where the package has others than expected."""
    found = {part: fnmatch.filter(tree.nodes, pattern) for part, pattern in _FILES.items()}
    if any(len(paths) != 1 for paths in found.values()):
        raise CannotDo(f"The package {PACKAGE} does not hold the graphical installer.")
    return {part: tree.nodes[path].data for part, (path,) in found.items()}
