"""
A guest's file system, put together in memory and written as an initial file system for the kernel.

Packages are unpacked without being installed: their scripts are not run, and no root is needed. What a guest has no
use for is left out as it comes by. Programs keep the libraries that they, and the plug-ins that are named, load.
"""

from __future__ import annotations

import fnmatch
import stat
import struct
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from footage.errors import CannotDo

_MERGED = ("bin", "sbin", "lib", "lib64")
"""Folders that are links into /usr on the distribution's systems."""


@dataclass(frozen=True, slots=True)
class Node:
    """A file, folder or link."""

    mode: int
    """Type and permissions as in `stat`."""
    data: bytes = b""
    """A file's contents, or a link's target."""


class Tree:
    """Files by their path without a leading slash. Everything belongs to root, but what lies below home."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        for name in _MERGED:
            self.folder(f"usr/{name}")
            self.link(name, f"usr/{name}")

    def folder(self, path: str, permissions: int = 0o755) -> None:
        """Make a folder, and those above it."""
        parent = path.rpartition("/")[0]
        if parent and parent not in self.nodes:
            self.folder(parent)
        self.nodes[path] = Node(stat.S_IFDIR | permissions)

    def file(self, path: str, data: bytes | str, permissions: int = 0o644) -> None:
        """Make a file, and the folders above it."""
        self._above(path)
        self.nodes[path] = Node(stat.S_IFREG | permissions, data.encode() if isinstance(data, str) else data)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link."""
        self._above(path)
        self.nodes[path] = Node(stat.S_IFLNK | 0o777, target.encode())

    def unpack(self, package: Path, wanted: Callable[[str], bool]) -> None:
        """Add the files of a package (.deb) whose paths are wanted. Raises CannotDo where it is damaged."""
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacking:
            assert unpacking.stdout is not None
            try:
                with tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
                    for member in archive:
                        self._add(archive, member, wanted)
            except tarfile.TarError as error:
                raise CannotDo(f"The package {package.name} is damaged: {error}.") from error
            unpacking.stdout.read()
        if unpacking.returncode != 0:
            raise CannotDo(f"The package {package.name} is damaged.")

    def keep_libraries(self, programs: Iterable[str]) -> None:
        """
        Remove libraries that no file matching `programs` (patterns) loads, and programs that do not match.

        Raises CannotDo for a pattern that matches nothing: the guest would lack what it names.
        """
        found: set[str] = set()
        for pattern in programs:
            matching = fnmatch.filter(self.nodes, pattern)
            if not matching:
                raise CannotDo(
                    f"The distribution's packages have no file {pattern}: this guest cannot be made of them."
                )
            found.update(matching)
        kept = self._loaded(found)
        for path in [path for path in self.nodes if _is_code(path) and path not in kept]:
            if not stat.S_ISDIR(self.nodes[path].mode):
                del self.nodes[path]

    def drop_empty_folders(self) -> None:
        """Remove folders that nothing lies in, as far as packages left them."""
        used: set[str] = set()
        for path in sorted(self.nodes, key=len, reverse=True):
            if stat.S_ISDIR(self.nodes[path].mode) and path not in used:
                del self.nodes[path]
            else:
                used.add(path.rpartition("/")[0])

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(node.data) for node in self.nodes.values())

    def write(self, out: IO[bytes]) -> None:
        """Write everything as a cpio archive of the kind the kernel reads (newc), the same for the same files."""
        for number, path in enumerate(sorted(self.nodes), 1):
            node = self.nodes[path]
            out.write(_entry(number, path, node.mode, node.data, owner=1000 if _is_of_user(path) else 0))
        out.write(_entry(0, "TRAILER!!!", 0, b""))

    # --- packages ---------------------------------------------------------------------------------------------------

    def _above(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent and parent not in self.nodes:
            self.folder(parent)

    def _add(self, archive: tarfile.TarFile, member: tarfile.TarInfo, wanted: Callable[[str], bool]) -> None:
        path = _merged(member.name)
        if not path or not wanted(path):
            return
        if member.isdir():
            if path not in self.nodes:
                self.folder(path, member.mode & 0o1777)
        elif member.issym():
            self.link(path, member.linkname)
        elif member.islnk():
            other = self.nodes.get(_merged(member.linkname))
            if other is not None:
                self.file(path, other.data, stat.S_IMODE(other.mode))
        elif member.isfile():
            stream = archive.extractfile(member)
            self.file(path, stream.read() if stream else b"", member.mode & 0o755)

    # --- libraries --------------------------------------------------------------------------------------------------

    def _loaded(self, start: Iterable[str]) -> set[str]:
        """Return those files, and every library that one of them loads, with the links that lead there."""
        libraries: dict[str, list[str]] = {}
        for path in self.nodes:
            if path.startswith(("usr/lib/", "usr/lib64/")) and ".so" in path:
                libraries.setdefault(path.rpartition("/")[2], []).append(path)
        seen, queue = set[str](), list(start)
        while queue:
            path = queue.pop()
            if path in seen or path not in self.nodes:
                continue
            seen.add(path)
            node = self.nodes[path]
            if stat.S_ISLNK(node.mode):
                queue.append(_resolve(path, node.data.decode()))
            elif node.data[:4] == b"\x7fELF":
                for name in needed_libraries(node.data):
                    queue += libraries.get(name, [])
        return seen


def needed_libraries(program: bytes) -> Iterator[str]:
    """Yield the names of the libraries that a 64-bit ELF file loads, and of its loader (its PT_INTERP)."""
    offset, (size, count) = struct.unpack_from("<Q", program, 32)[0], struct.unpack_from("<HH", program, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", program, offset + i * size) for i in range(count)]
    loads = [(address, at, length) for kind, _, at, address, _, length, *_ in segments if kind == 1]

    def place(address: int) -> int:
        return next((at + address - start for start, at, length in loads if start <= address < start + length), 0)

    for kind, _, at, _, _, length, *_ in segments:
        if kind == 3:
            yield program[at : at + length].rstrip(b"\0").decode().rpartition("/")[2]
        if kind == 2:
            entries = list(struct.iter_unpack("<QQ", program[at : at + length - length % 16]))
            table = place(dict(entries).get(5, 0))
            for tag, value in entries:
                if tag == 1:
                    yield program[table + value : program.index(b"\0", table + value)].decode()


def _merged(path: str) -> str:
    """Return a package's path as it is on a system whose /bin, /sbin and /lib lie in /usr."""
    clean = path.removeprefix("./").rstrip("/")
    first = clean.partition("/")[0]
    if first in _MERGED:
        return f"usr/{clean}" if clean != first else ""
    return "" if clean == "." else clean


def _resolve(path: str, target: str) -> str:
    """Return where a link leads."""
    parts = [] if target.startswith("/") else path.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    return _merged("/".join(parts))


def _is_code(path: str) -> bool:
    """Tell whether a path is one of programs or libraries, which `keep_libraries` decides on."""
    if path.startswith(("usr/bin/", "usr/sbin/", "usr/games/", "usr/libexec/")):
        return True
    return path.startswith(("usr/lib/x86_64-linux-gnu/", "usr/lib/xorg/", "usr/lib64/")) or (
        path.startswith("usr/lib/") and "/modules/" not in path
    )


def _is_of_user(path: str) -> bool:
    return path.startswith("home/user")


def _entry(number: int, path: str, mode: int, data: bytes, owner: int = 0) -> bytes:
    """Return one entry of a cpio archive (newc), header and contents padded to four bytes."""
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    values = (number, mode, owner, owner, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % value for value in values) + name
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
