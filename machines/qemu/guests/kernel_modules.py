"""
The kernel modules of a guest: those it needs, and what these need, in the order in which they are loaded.

A distribution has them as they are or packed, each in a file of its own, or built into the kernel.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Sequence

from footage.errors import CannotDo
from footage.machines.qemu.guests.tree import Tree

__all__ = ["is_of_kernel_modules", "keep_modules"]

_PLAIN, _PACKED, _BUILT_IN = ".ko", ".ko.xz", "/modules.builtin"


def is_of_kernel_modules(path: str) -> bool:
    """Tell whether a file is a kernel module, or the list of those that are built into the kernel."""
    return path.endswith((_PLAIN, _BUILT_IN)) or _PLAIN + "." in path


def keep_modules(tree: Tree, wanted: Sequence[str]) -> None:
    """
    Remove all kernel modules but those wanted, and list these in the order in which they must be loaded.

    The list is the file `etc/modules`, a path a line. Raises CannotDo where one is missing or cannot be read.
    """
    files = [path for path in tree.nodes if is_of_kernel_modules(path)]
    lists = [tree.nodes[path].data.decode() for path in files if path.endswith(_BUILT_IN)]
    built_in = {_name(line) for text in lists for line in text.split()}
    found = {_name(path): path for path in files if not path.endswith(_BUILT_IN)}
    kept: dict[str, tuple[str, bytes]] = {}

    def load(name: str) -> None:
        if name in kept or (name in built_in and name not in found):
            return
        if name not in found:
            raise CannotDo(
                f"The distribution's kernel has no module {name}: this guest cannot be made of its packages.",
                hint="Build it on Debian 12 and copy the folder that `footage machine list` names.",
            )
        data = _unpacked(found[name], tree.nodes[found[name]].data)
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in (depends[1].decode() if depends else "").split(","):
            if other:
                load(other.replace("-", "_"))
        kept[name] = found[name].partition(_PLAIN)[0] + _PLAIN, data

    for name in wanted:
        load(name)
    for path in files:
        del tree.nodes[path]
    for path, data in kept.values():
        tree.file(path, data)
    tree.file("etc/modules", "".join(f"/{path}\n" for path, _ in kept.values()))


def _name(path: str) -> str:
    """Return a module's name by its path, as other modules name it."""
    return path.rpartition("/")[2].partition(_PLAIN)[0].replace("-", "_")


def _unpacked(path: str, data: bytes) -> bytes:
    if path.endswith(_PLAIN):
        return data
    try:
        if path.endswith(_PACKED):
            return lzma.decompress(data)
    except lzma.LZMAError as error:
        raise CannotDo(f"The kernel module {path} is damaged: {error}.") from error
    raise CannotDo(
        f"The kernel module {path} is packed in a way that is not known here.",
        hint="Build the guest on Debian 12 and copy the folder that `footage machine list` names.",
    )
