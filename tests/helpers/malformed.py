"""
Malformed inputs for importing, made from a seed: recordings of all formats, each broken in one of many ways.

`case(seed)` names a way to break and a recording; `Case.make(folder)` fills a folder with it. Beside the folder stands
`outside/`, with a secret that nothing may ever bring in.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import bombs
import more_recordings
from malformed_files import ARCHIVES, PICTURES
from malformed_json import JSON_TEXTS, in_value
from recordings import RECORDINGS, screen

__all__ = ["KINDS", "SECRET", "Case", "case"]

SECRET = b"the secret that lies outside, 4711"
ALL = RECORDINGS | more_recordings.RECORDINGS
_HOMES: list[TemporaryDirectory[str]] = []


@cache
def originals() -> dict[str, tuple[Path, Path]]:
    """Return every recording once: the folder it fills, and what to import of it, by name. Made on first use."""
    _HOMES.append(TemporaryDirectory(prefix="recordings-"))  # which goes with this process
    root = Path(_HOMES[0].name)
    return {name: (root / name, make(root / name)) for name, make in ALL.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """One malformed input."""

    seed: int
    kind: str
    recording: str

    def make(self, folder: Path) -> Path:
        """Fill a new folder with it; return what to import."""
        outside = folder / "outside"
        outside.mkdir(parents=True)
        (outside / "secret").write_bytes(SECRET)
        (outside / "secret.png").write_bytes(screen(5) + SECRET)
        (outside / "secret.json").write_text(json.dumps({"task": SECRET.decode()}))
        home, given = originals()[self.recording]
        shutil.copytree(home, folder / "in")
        KINDS[self.kind](Random(self.seed), folder / "in")
        path = folder / "in" / given.relative_to(home)
        return path if path.exists() or path.is_symlink() else folder / "in"


def case(seed: int) -> Case:
    """Return the malformed input of a seed: all kinds come equally often."""
    random = Random(seed)
    kind = list(KINDS)[seed % len(KINDS)]
    return Case(seed, kind, random.choice(ONLY.get(kind) or list(ALL)))


def files(folder: Path, *endings: str) -> list[Path]:
    """Return the files of a folder with one of these endings; all if there is none such."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in found if path.name.endswith(endings)] or found


def one(random: Random, folder: Path, *endings: str) -> Path:
    """Choose a file; mostly one that tells of a run, since those are few beside the pictures."""
    telling = (".json", ".jsonl", ".zip", ".footage", ".md")
    return random.choice(files(folder, *(endings or (telling if random.random() < 0.7 else ()))))


# --- bytes of a file ---


def truncated(random: Random, folder: Path) -> None:
    path = one(random, folder)
    data = path.read_bytes()
    path.write_bytes(data[: random.randrange(len(data) + 1)])


def emptied(random: Random, folder: Path) -> None:
    one(random, folder).write_bytes(b"")


def flipped(random: Random, folder: Path) -> None:
    path = one(random, folder)
    data = bytearray(path.read_bytes())
    for _ in range(random.choice((1, 3, 30))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def zeroed(random: Random, folder: Path) -> None:
    path = one(random, folder)
    data = bytearray(path.read_bytes())
    start = random.randrange(len(data))
    data[start : start + 512] = bytes(len(data[start : start + 512]))
    path.write_bytes(data)


def spliced(random: Random, folder: Path) -> None:
    path, other = one(random, folder), one(random, folder)
    data, more = path.read_bytes(), other.read_bytes()
    at = random.randrange(len(data) + 1)
    path.write_bytes(data[:at] + more[: random.randrange(len(more) + 1)] + data[at:])


def swapped(random: Random, folder: Path) -> None:
    """Put one file's bytes under another's name."""
    path, other = one(random, folder), random.choice(files(folder))
    path.write_bytes(other.read_bytes())


def noise(random: Random, folder: Path) -> None:
    one(random, folder).write_bytes(random.randbytes(random.choice((3, 100, 70_000))))


def polyglot(random: Random, folder: Path) -> None:
    """Begin as one kind of file and go on as another."""
    path = one(random, folder)
    beginnings = (
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"PK\x03\x04",
        b"SQLite format 3\0",
        b"%PDF-1.7\n",
        b"<!DOCTYPE html>",
    )
    path.write_bytes(random.choice(beginnings) + path.read_bytes() + b"<script>alert(1)</script>")


# --- what is in a folder ---


def linked_out(random: Random, folder: Path) -> None:
    """Replace a file by a link to what lies outside."""
    path = random.choice(files(folder))
    path.unlink()
    target = folder.parent / "outside" / random.choice(("secret", "secret.png", "secret.json", "", "none"))
    path.symlink_to(random.choice((str(target), os.path.relpath(target, path.parent))))


def folder_linked_out(random: Random, folder: Path) -> None:
    target = random.choice([path for path in [*folder.rglob("*"), folder] if path.is_dir()])
    for name in ("logs", "images", "trajectory", "screenshots"):
        if not (target / name).exists():
            (target / name).symlink_to(folder.parent / "outside")
    (target / "self").symlink_to(target)


def no_file(random: Random, folder: Path) -> None:
    """Replace a file by a pipe, a socket, a folder or a ring of links."""
    path = random.choice(files(folder))
    path.unlink()
    kind = random.randrange(4)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's whole path may be too long
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
        os.chdir(here)
    elif kind == 2:
        path.mkdir()
    else:
        path.symlink_to(path.name)


def missing(random: Random, folder: Path) -> None:
    for path in random.sample(files(folder), max(1, len(files(folder)) // 3)):
        path.unlink()


def renamed(random: Random, folder: Path) -> None:
    path = one(random, folder)
    odd = ("\x1b[2J.json", "a\nb.json", "..json", "\u202egnp.json", "x" * 200 + ".json", "-rf.json", "%2e%2e.json")
    path.rename(path.with_name(random.choice(odd)))


def huge(random: Random, folder: Path) -> None:
    """Make a file gigabytes long, of which the disk holds nothing."""
    with one(random, folder).open("r+b") as file:
        file.truncate(random.choice((257 << 20, 5 << 30, 1 << 40)))


def deep_folders(random: Random, folder: Path) -> None:
    path = folder
    for number in range(random.choice((25, 60, 200))):
        path /= f"d{number % 10}"
    path.mkdir(parents=True)
    (path / "session.json").write_bytes(random.randbytes(50))
    (folder / "d0/more.json").write_text("{")


# --- what is in a file ---


def json_text(random: Random, folder: Path) -> None:
    """Replace a JSON file by a text that is odd as a whole."""
    path = one(random, folder, ".json", ".jsonl")
    path.write_bytes(JSON_TEXTS[random.choice(list(JSON_TEXTS))](path.read_bytes(), random))


def json_value(random: Random, folder: Path) -> None:
    """Change some values of a JSON file to others that do not belong there."""
    path = one(random, folder, ".json", ".jsonl")
    lines = path.read_bytes().splitlines() if path.suffix == ".jsonl" else [path.read_bytes()]
    changed = []
    for line in lines:
        try:
            value: Any = json.loads(line)
        except ValueError:
            changed.append(line)
            continue
        for _ in range(random.choice((1, 2, 8))):
            value = in_value(value, random)
        changed.append(json.dumps(value).encode())
    path.write_bytes(b"\n".join(changed))


def picture(random: Random, folder: Path) -> None:
    path = random.choice(files(folder, ".png", ".jpg", ".webp"))
    path.write_bytes(PICTURES[random.choice(list(PICTURES))](path.read_bytes(), random))


def archive(random: Random, folder: Path) -> None:
    path = one(random, folder, ".zip")
    path.write_bytes(ARCHIVES[random.choice(list(ARCHIVES))](path.read_bytes(), random))


def database(random: Random, folder: Path) -> None:
    """Break a store's file where it hurts: its head, its pages, its schema, its length."""
    path = one(random, folder, ".footage")
    data = bytearray(path.read_bytes())
    kind = random.randrange(5)
    if kind == 0:
        data[random.randrange(100)] = random.randrange(256)
    elif kind == 1:
        page = 4096 * random.randrange(max(1, len(data) // 4096))
        data[page : page + 64] = random.randbytes(len(data[page : page + 64]))
    elif kind == 2:
        data = bytearray(bytes(data).replace(b"CREATE TABLE", b"CREATE VIEW ", random.choice((1, -1))))
    elif kind == 3:
        data = data[: random.randrange(len(data))]
    else:
        for _ in range(50):
            data[random.randrange(len(data))] = random.randrange(256)
    path.write_bytes(data)


def pickle(random: Random, folder: Path) -> None:
    """Lay a pickle beside the recording that would say that it ran."""
    bad = b"cos\nsystem\n(S'touch " + str(folder.parent / "outside/ran").encode() + b"'\ntR."
    bombs.write(folder / random.choice(("step_0.pkl.gz", "exp_args.pkl", "task.pkl")), bad)
    one(random, folder).write_bytes(bad)


KINDS: dict[str, Callable[[Random, Path], None]] = {
    "cut short": truncated,
    "emptied": emptied,
    "bits flipped": flipped,
    "a stretch of zeros": zeroed,
    "files spliced": spliced,
    "files swapped": swapped,
    "noise": noise,
    "polyglot": polyglot,
    "link out of the folder": linked_out,
    "folders linked out": folder_linked_out,
    "pipe, socket, folder, ring": no_file,
    "files missing": missing,
    "odd names": renamed,
    "gigabytes of nothing": huge,
    "deep folders": deep_folders,
    "odd JSON text": json_text,
    "odd JSON values": json_value,
    "more odd JSON values": json_value,
    "hostile picture": picture,
    "hostile archive": archive,
    "corrupt SQLite": database,
    "pickle": pickle,
}
"""Ways to break a recording."""

_WITH_PICTURES = [
    name for name in ALL if name not in {"playwright", "playwright 3", "footage file", "browser-use 2024"}
]
ONLY: dict[str, list[str]] = {
    "hostile archive": ["playwright", "playwright 3"],
    "corrupt SQLite": ["footage file"],
    "hostile picture": _WITH_PICTURES,
    "odd JSON text": [name for name in ALL if not name.startswith(("playwright", "footage", "openadapt"))],
    "odd JSON values": [name for name in ALL if not name.startswith(("playwright", "footage", "openadapt"))],
    "more odd JSON values": [name for name in ALL if not name.startswith(("playwright", "footage", "openadapt"))],
}
"""Recordings that a way to break can be used on, where not all can."""
