"""Packing what an exact recording leaves behind: snapshots are memory, and shrink to a third and less."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from footage.errors import MachineError, MissingProgram

__all__ = ["Packing", "copy_file", "unpack"]

SUFFIX = ".zst"


class Packing:
    """One file being packed by another process, at the lowest priority: the guest comes first."""

    def __init__(self, source: Path) -> None:
        """Begin to pack a file; it is removed once that is done. Raises MissingProgram."""
        self.source = source
        self.path = source.with_name(source.name + SUFFIX)
        """The packed file, once `wait` has returned."""
        command = ["nice", "-n", "19", _zstd(), "-1", "-q", "-f", "--rm", str(source), "-o", str(self.path)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    @property
    def size(self) -> int:
        """Bytes on the disk now: of both files, while it is being done."""
        return sum(_blocks(path) for path in (self.source, self.path))

    def wait(self) -> Path:
        """Wait until it is done; return the packed file. Raises MachineError."""
        if self._process.wait():
            raise MachineError(f"{self.source.name} could not be packed.", hint="Is there room on the disk?")
        return self.path

    def cancel(self) -> None:
        """Stop, and remove both files. Safe to call twice."""
        if not self.done:
            self._process.kill()
            self._process.wait()
        for path in (self.source, self.path):
            path.unlink(missing_ok=True)


def unpack(source: Path, target: Path) -> None:
    """Unpack a file to `target`. Raises MissingProgram, MachineError."""
    command = [_zstd(), "-d", "-q", "-f", str(source), "-o", str(target)]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if found.returncode:
        said = found.stderr.decode(errors="replace").strip()
        raise MachineError(f"{source} cannot be unpacked: {said}.", hint="Is there room? See `footage verify`.")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file as cheaply as the file system can: blocks shared where that is possible, holes kept."""
    command = ["cp", "--sparse=always", "--reflink=auto", str(source), str(target)]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if found.returncode:
        raise MachineError(f"A snapshot could not be copied: {found.stderr.decode(errors='replace').strip()}.")


def _blocks(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0


def _zstd() -> str:
    found = shutil.which("zstd")
    if found is None:
        raise MissingProgram("zstd is not installed; snapshots are packed with it.", hint="apt-get install zstd")
    return found
