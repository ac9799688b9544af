"""
Building guests out of the distribution's own packages: no image is downloaded, nothing is installed, no root needed.

A build goes by stages, each of which leaves files behind; one that was interrupted goes on after the last stage that
was done. The guest is there once `guest.json` is.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from footage.errors import CannotDo, MissingProgram
from footage.machines.qemu.accelerators import best_accelerator
from footage.machines.qemu.guests import desktop_guest, installer_guest
from footage.machines.qemu.guests import guest_states as states
from footage.machines.qemu.guests.known_guests import Guest, guest_folder, is_built, load_guest
from footage.machines.qemu.guests.packages import Packages
from footage.machines.qemu.guests.tree import Tree

Tell = Callable[[str, int, int], None]
"""Called with (what is being done, done, total); total is 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class Built:
    """A guest that is there now."""

    guest: Guest
    fresh: bool
    """Whether anything had to be made."""
    seconds: float
    bytes: int
    """Of all the guest's files, its saved state among them."""


def build_guest(name: str, *, rebuild: bool = False, tell: Tell = lambda *_: None) -> Built:
    """
    Make a guest, or see that it is there and whole; its state once it is up is saved too. One process builds at a time.

    Raises UsageError for an unknown name, CannotDo where a package or program is missing or the disk is full,
    MachineError where the guest does not come up.
    """
    began = time.monotonic()
    folder = guest_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, tell):
        if rebuild or (is_built(name) and load_guest(name).recipe != _recipe(name)):
            _clear(folder)
        for left in folder.glob("*.part*"):  # of a build that was killed
            left.unlink()
        fresh = not is_built(name)
        try:
            if fresh:
                _make(name, folder, tell)
            guest = load_guest(name)
            _check(guest)
            tell("how fast it can run here is tried", 0, 0)
            accelerator = best_accelerator(guest)
            if not states.ready_file(guest, accelerator).exists():
                fresh = True
                states.make_ready(guest, accelerator, lambda what: tell(what, 0, 0))
        except OSError as error:
            raise CannotDo(
                f"The guest {name} could not be made: {error.strerror}: {error.filename or folder}."
            ) from error
        shutil.rmtree(folder / "packages", ignore_errors=True)
    return Built(guest, fresh, time.monotonic() - began, size_of(folder))


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a guest's folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def _alone(folder: Path, tell: Tell) -> Iterator[None]:
    """Keep others from building the same guest meanwhile; waits for one that does."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another process is building it: waiting for that", 0, 0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _recipe(name: str) -> str:
    made_by = desktop_guest.recipe() if name == "desktop" else installer_guest.recipe()
    return hashlib.sha256(made_by).hexdigest()


def _clear(folder: Path) -> None:
    (folder / "guest.json").unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check(guest: Guest) -> None:
    """Compare the guest's files with their hashes. Raises CannotDo where one was changed."""
    for part, file in (("kernel", guest.kernel), ("initrd", guest.initrd)):
        if _sha256(guest.folder / file) != guest.sha256[part]:
            raise CannotDo(
                f"The {part} of the guest {guest.name} is not the one that was built.",
                hint=f"footage machine build {guest.name} --rebuild",
            )


def _make(name: str, folder: Path, tell: Tell) -> None:
    """Make kernel and initial file system, and then `guest.json`."""
    stamp = folder / "recipe"
    if not stamp.exists() or stamp.read_text("ascii") != _recipe(name):
        _clear(folder)  # what an interrupted build by another recipe left
        stamp.write_text(_recipe(name), "ascii")
    packages = Packages(folder / "packages")
    tell("lists of packages", 0, 0)
    packages.refresh()
    versions = (_make_desktop if name == "desktop" else _make_installer)(folder, packages, tell)
    given = desktop_guest.GUEST if name == "desktop" else installer_guest.GUEST
    found = {**given, "name": name, "folder": folder, "packages": versions, "recipe": _recipe(name)}
    hashes = {part: _sha256(folder / part) for part in ("kernel", "initrd")}
    guest = Guest(**found, kernel="kernel", initrd="initrd", sha256=hashes)
    part = folder / "guest.json.part"
    part.write_text(json.dumps(guest.as_json(), indent=1) + "\n", "utf-8")
    part.replace(folder / "guest.json")


def _make_desktop(folder: Path, packages: Packages, tell: Tell) -> dict[str, str]:
    found = packages.needed(desktop_guest.PACKAGES, desktop_guest.WITHOUT)
    packages.download(found, lambda done, total: tell("packages are downloaded", done, total))
    if not _stamped(folder):
        tree = Tree()
        for number, package in enumerate(found):
            tell("packages are unpacked", number, len(found))
            tree.unpack(packages.files / package.file, desktop_guest.wanted)
        tell("the file system is packed", 0, 0)
        kernel = desktop_guest.furnish(tree)
        _write(folder / "kernel", kernel)
        _pack(tree.write, folder / "initrd")
    return {package.name: package.version for package in found}


def _make_installer(folder: Path, packages: Packages, tell: Tell) -> dict[str, str]:
    package = packages.only(installer_guest.PACKAGE)
    packages.download([package], lambda done, total: tell("the package is downloaded", done, total))
    if not _stamped(folder):
        tell("the package is unpacked", 0, 0)
        tree = Tree()
        tree.unpack(packages.files / package.file, installer_guest.wanted)
        tell("the file system is packed", 0, 0)
        found = installer_guest.parts(tree)
        _write(folder / "kernel", found["kernel"])
        with gzip.open(io.BytesIO(found["initrd"])) as packed:
            _pack(partial(shutil.copyfileobj, packed), folder / "initrd")
    return {package.name: package.version}


def _stamped(folder: Path) -> bool:
    """Tell whether both files are there: each takes its name when it is whole."""
    return (folder / "kernel").exists() and (folder / "initrd").exists()


def _write(target: Path, data: bytes) -> None:
    part = target.with_suffix(".part")
    part.write_bytes(data)
    part.replace(target)


def _pack(write: Callable[[IO[bytes]], object], target: Path) -> None:
    """Pack what `write` writes: smaller than gzip would, and the guest unpacks it sooner."""
    if shutil.which("zstd") is None:
        raise MissingProgram("zstd is not installed.", hint="apt-get install zstd")
    part = target.with_suffix(".part")
    with part.open("wb") as out:
        packing = subprocess.Popen(["zstd", "-q", "-10", "-T2"], stdin=subprocess.PIPE, stdout=out)
        assert packing.stdin is not None
        with packing, packing.stdin:
            write(packing.stdin)
    if packing.returncode != 0:
        raise CannotDo("The guest's file system could not be packed: is there space left?")
    part.replace(target)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
