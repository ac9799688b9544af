"""Files of a folder that somebody else made: no link leads out of it, and nothing but plain files is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from footage.errors import BadImport
from footage.interchange.importers.safety.limits import LIMITS, Limits

__all__ = ["Folder", "is_pickle", "read_file", "shown", "why_unfit"]

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_PICKLES = (".pkl", ".pickle", ".pkl.gz", ".joblib", ".pt", ".pth")


def shown(name: str) -> str:
    """Return a foreign name as a message may show it: on one line, control characters escaped, not too long."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in name)
    return text if len(text) <= 120 else f"{text[:80]}…{text[-30:]}"


def is_pickle(path: Path) -> bool:
    """Tell a pickle by its name; what holds one under another name is none of the formats."""
    return path.name.lower().endswith(_PICKLES)


def why_unfit(path: Path, limit: int = LIMITS.file) -> str:
    """Return why a file will not be read, as a sentence: a pickle, no plain file, empty, too large; "" where it may."""
    name = shown(path.name)
    if is_pickle(path):
        return f"{name} is a pickle: reading one runs the code inside it, so footage never does."
    try:
        about = path.stat()
    except (OSError, ValueError) as error:
        return f"{name} cannot be opened: {_reason(error)}."
    if not about.st_size and stat.S_ISREG(about.st_mode):
        return f"{name} is empty."
    return _unfit(name, about, limit)


def _unfit(name: str, about: os.stat_result, limit: int) -> str:
    if not stat.S_ISREG(about.st_mode):
        return f"{name} is {_KINDS.get(stat.S_IFMT(about.st_mode), 'something else')}, not a file."
    return f"{name} is too large: {about.st_size:,} bytes (limit: {limit:,})." if about.st_size > limit else ""


def read_file(path: Path, limit: int = LIMITS.file) -> bytes:
    """
    Read a plain file of at most `limit` bytes.

    Raises BadImport for anything else: a pipe or a device, which could block for ever, a pickle, a file too large.
    """
    name = shown(path.name)
    if is_pickle(path):
        raise BadImport(why_unfit(path), hint="Import the pictures and JSON files that lie beside it.")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise BadImport(f"{name} cannot be opened: {_reason(error)}.") from error
    try:
        unfit = _unfit(name, os.fstat(descriptor), limit)
        if unfit:
            raise BadImport(unfit)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BadImport(f"{name} cannot be read: {_reason(error)}.") from error
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise BadImport(f"{name} is too large: more than {limit:,} bytes.")
    return data


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class Folder:
    """A folder that is read without ever leaving it."""

    def __init__(self, path: Path, limits: Limits = LIMITS) -> None:
        """Raise BadImport where there is no such folder."""
        self.limits = limits
        try:
            self.path = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise BadImport(f"{shown(path.name)} cannot be opened: {error}.") from error
        if not self.path.is_dir():
            raise BadImport(f"{shown(path.name)} is no folder.")

    def find(self, name: str) -> Path:
        """
        Return the path of a file by its name relative to the folder, as a foreign file gives it ("images/1.png").

        Raises BadImport for an absolute name, one with `..`, a link that leads out of the folder, and a missing file.
        """
        parts = PurePosixPath(name.replace("\\", "/"))
        if not name or "\0" in name or parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
            raise BadImport(f"The name {shown(name)!r} leads out of the folder.")
        return self.check(self.path / parts)

    def check(self, path: Path) -> Path:
        """Return a path of the folder with its links resolved. Raises BadImport where they lead out of it."""
        try:
            found = path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise BadImport(f"There is no {shown(path.name)}.") from error
        if not found.is_relative_to(self.path):
            raise BadImport(f"{shown(path.name)} is a link that leads out of the folder.")
        return found

    def read(self, name: str, limit: int | None = None) -> bytes:
        """Read a file by its name relative to the folder. Raises BadImport as `find` and `read_file` do."""
        return read_file(self.find(name), min(limit or self.limits.file, self.limits.file))

    def files(self) -> Iterator[Path]:
        """
        Yield the plain files of the folder and of the folders in it, by name; links are left out.

        Raises BadImport where there are too many, or folders too deep within each other.
        """
        count = 0
        stack = [(self.path, 0)]
        while stack:
            folder, depth = stack.pop()
            files, folders = _entries(folder)
            for path in files:
                count += 1
                if count > self.limits.files:
                    raise BadImport(f"There are more than {self.limits.files:,} files in {shown(self.path.name)}.")
                yield path
            if folders and depth >= self.limits.folder_depth:
                raise BadImport(f"There are more than {self.limits.folder_depth} folders within each other.")
            stack += [(path, depth + 1) for path in reversed(folders)]


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the plain files and the folders of a folder; one that cannot be read has none."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return [], []
    files = [folder / entry.name for entry in found if entry.is_file(follow_symlinks=False)]
    return files, [folder / entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
