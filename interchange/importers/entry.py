"""
One file or folder that may hold a recording, as the formats look at it.

What is read of it is remembered: its head, its parsed JSON, and which files were used, so that a file that belongs to
a recording is not taken for one itself. Everything goes through the readers of `safety`, under their limits.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from footage.errors import BadImport
from footage.interchange.importers.draft import DraftPicture
from footage.interchange.importers.safety import (
    LIMITS,
    BrokenJSON,
    Folder,
    Line,
    decode_text,
    parse_json,
    parse_lines,
    read_file,
    read_json,
    read_lines,
    shown,
)
from footage.interchange.importers.salvage import closed

__all__ = ["Entry"]

_HEAD = 64 << 10
_LONGEST_CUT = 32 << 20  # bytes of a text that breaks off and is read as far as it goes
_SPACE = b" \t\r\n\xef\xbb\xbf"
_MAGIC = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"SQLite format 3\0": "sqlite",
    b"\x89PNG\r\n\x1a\n": "picture",
    b"\xff\xd8\xff": "picture",
    b"GIF8": "picture",
    b"RIFF": "picture",
}
_JSON = re.compile(rb"\{(?![{%#])|\[\s*([\[\]{\"\d-]|true|false|null|$)")
"""How JSON begins, and templates and other files with a bracket in front do not."""
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class Entry:
    """A file or a folder. `base` is the outermost folder in which files that belong to it are looked for."""

    def __init__(self, path: Path, *, base: Path | None = None, used: set[Path] | None = None) -> None:
        self.path = path
        """The file or folder."""
        self.is_folder = path.is_dir()
        """Whether it is a folder."""
        self.folder = path if self.is_folder else path.parent
        """The folder itself, or the one that the file lies in."""
        self.base = base or self.folder.parent
        """The outermost folder in which files that belong to it are looked for."""
        self.used: set[Path] = set() if used is None else used
        """Every file that was read as a part of a recording; one set for a whole import."""

    def __repr__(self) -> str:
        return f"Entry({self.path})"

    @property
    def name(self) -> str:
        """The file's or folder's own name. Formats are told by content; names only give pictures their numbers."""
        return self.path.name

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB of a file; nothing of a folder, or of a file that cannot be read."""
        if self.is_folder or not self.path.is_file():
            return b""
        try:
            with self.path.open("rb") as file:
                return file.read(_HEAD)
        except OSError:
            return b""

    @cached_property
    def kind(self) -> str:
        """
        What the first bytes say: `folder`, `json`, `jsonl`, `zip`, `sqlite`, `picture` or `other`.

        A file of one line of JSON is `json`; formats of JSON lines accept both.
        """
        if self.is_folder:
            return "folder"
        known = next((kind for magic, kind in _MAGIC.items() if self.head.startswith(magic)), "")
        if known:
            return known
        text = self.head.lstrip(_SPACE)
        if self.head.startswith(_OTHER_ENCODINGS):
            text = self.head.replace(b"\0", b"").lstrip(_SPACE + b"\xff\xfe")
        if not _JSON.match(text):
            return "other"
        return "jsonl" if isinstance(self.first, dict) and re.search(rb"\n\s*\S", text) else "json"

    @cached_property
    def first(self) -> Any:
        """The first line as JSON; None where that is none (JSON over several lines, a very long line)."""
        line, newline, _ = self.head.lstrip(_SPACE).partition(b"\n")
        if not newline and len(self.head) == _HEAD:
            return None if self.is_folder or self.path.stat().st_size > LIMITS.line else self._long_first()
        try:
            return parse_json(line, self.name)
        except BadImport:
            return None

    def _long_first(self) -> Any:
        """Return the first line where it is longer than the head: pictures stand in it as base64."""
        try:
            line, _, rest = read_file(self.path, LIMITS.json).lstrip(_SPACE).partition(b"\n")
            return parse_json(line, self.name) if rest else read_json(self.path)
        except BadImport:
            return None

    @cached_property
    def value(self) -> Any:
        """The whole file as one JSON value: of one that breaks off what is whole, of one that is none None."""
        if self.is_folder or self.kind not in {"json", "jsonl"}:
            return None
        try:
            return read_json(self.path)
        except BrokenJSON as error:
            self._trouble = error.message
        except BadImport as error:
            self._trouble = error.message
            return None
        try:
            cut = self.kind == "json" and len(self.data) <= _LONGEST_CUT
            text = closed(decode_text(self.data, self.name)) if cut else None
            return None if text is None else parse_json(text, self.name)
        except BadImport:
            return None

    _trouble = ""

    @property
    def trouble(self) -> str:
        """Why `value` is not whole, or None; "" where it was read, or never asked for."""
        return self._trouble

    def required(self) -> dict[str, Any]:
        """Return the file's JSON object. Raises BadImport where it holds none."""
        if not isinstance(self.value, dict):
            raise BadImport(self.trouble or f"{self.name} holds no JSON object.")
        return self.value

    def object(self, *keys: str) -> dict[str, Any] | None:
        """Return the file's JSON object if it has all of these keys, else None. Cheap for files without them."""
        if self.kind != "json" or not all(self.mentions(key) for key in keys):
            return None
        found = self.value
        return found if isinstance(found, dict) and all(key in found for key in keys) else None

    def mentions(self, word: str) -> bool:
        """Tell whether a word stands in quotes anywhere in the file, without parsing it."""
        searched = self.data if not self.head.startswith(_OTHER_ENCODINGS) else self.data.replace(b"\0", b"")
        return f'"{word}"'.encode() in searched

    @cached_property
    def data(self) -> bytes:
        """All bytes of the file. Raises BadImport."""
        return read_file(self.path)

    def lines(self) -> Iterator[Line]:
        """Yield the file's lines as JSON; a broken one with its problem. Raises BadImport."""
        return parse_lines(self.data, self.name) if "data" in self.__dict__ else read_lines(self.path)

    @property
    def sha256(self) -> str:
        """The hash of the file's bytes: what its runs are known by when they are imported again."""
        return hashlib.sha256(self.data).hexdigest()

    # --- what lies around it ---

    def files(self) -> list[str]:
        """Return the names of the plain files directly in the entry's folder, sorted; links are left out."""
        return self._names(folders=False)

    def folders(self) -> list[str]:
        """Return the names of the folders directly in the entry's folder, sorted; links are left out."""
        return self._names(folders=True)

    def _names(self, *, folders: bool) -> list[str]:
        try:
            found = sorted(self.folder.iterdir())
        except OSError:
            return []
        return [p.name for p in found if not p.is_symlink() and (p.is_dir() if folders else p.is_file())]

    def at(self, name: str) -> Entry | None:
        """Return a file or folder by its path from the entry's folder; None where there is none, or it leads out."""
        try:
            found = Folder(self.folder).find(name)
        except BadImport:
            return None
        return self._claimed(found)

    def peek(self, name: str) -> Entry | None:
        """Return a file by its path from the entry's folder, without saying that it belongs to a recording."""
        try:
            return Entry(Folder(self.folder).find(name), base=self.base)
        except BadImport:
            return None

    def beside(self, *names: str, up: int = 1) -> Entry | None:
        """
        Return the first file by one of these relative paths, in the entry's folder or up to `up` folders above it.

        Names may come from the recording itself: none leads out of the folder it is looked for in, nor out of `base`.
        """
        folder = self.folder
        for _ in range(up + 1):
            for name in names:
                try:
                    return self._claimed(Folder(folder).find(name))
                except BadImport:
                    continue
            if folder in {self.base, folder.parent}:
                return None
            folder = folder.parent
        return None

    def _claimed(self, path: Path) -> Entry:
        if path.is_file():
            self.used.add(path)
        return Entry(path, base=self.base, used=self.used)

    def named(self, path: str | Path) -> str:
        """Return how a file is named in reports: by its path from the entry's folder, or from the one it shares."""
        folder = self.folder
        found = folder / path
        while folder != folder.parent and not found.is_relative_to(folder):
            folder = folder.parent
        return found.relative_to(folder).as_posix()

    def located(self, name: str) -> Path:
        """Return the path of a file by its name in reports; of none the entry's own."""
        if not name:
            return self.path
        places = (folder / name for folder in (self.folder, self.folder.parent, self.base))
        # Path.exists raises where a name is too long.
        return next((p for p in places if os.path.exists(p)), self.folder / shown(name))  # noqa: PTH110 - see above

    def picture(self, *names: str, up: int = 1, at: int | None = None) -> DraftPicture | None:
        """Return the picture in the first of these files that is there (see `beside`); None where none is."""
        found = self.beside(*names, up=up)
        if found is None or found.is_folder:
            return None
        path = found.path
        return DraftPicture(lambda: read_file(path, LIMITS.picture), self.named(path), at)
