"""
What `footage doctor` looks at: whether this system has what footage needs, and what to do where it has not.

A check fails where nothing can be recorded; it warns where only a part is missing (the desktop machine, its walls) or
something is odd. Nothing is left behind, and nothing is started but an X server without a screen and one program in a
sandbox, both for a moment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from footage.errors import FootageError
from footage.trajectory import JSON, Instant

__all__ = ["Check", "Looking", "Status", "checks"]

_PATIENCE = 2.0  # seconds that what is started gets
_LITTLE, _SCARCE = 64 << 20, 1 << 30  # bytes: too little to record, and soon too little
_SLOW_COMMIT = 0.05  # seconds: what the recorder may take from an agent's step
_SQLITE_NEEDED = (3, 37, 0)  # strict tables
_SQLITE_SOUND = (3, 51, 3)  # without the WAL-reset bug, https://sqlite.org/wal.html
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.rclone"}
_PYTHON_XLIB = (0, 30)  # older than this is python3-Xlib, another package of the same name
_PACKAGES = "apt-get install xvfb openbox bubblewrap (in a checkout: scripts/install-system-packages)"


class Status(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"
    """Something that not everybody needs is missing, or something is odd."""
    FAIL = "fail"
    """Nothing can be recorded."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str
    hint: str = ""
    """What to do; "" where there is nothing to be done."""

    def as_json(self) -> JSON:
        """Return {"name", "status", "detail", "hint"}."""
        return asdict(self)


Looking = Callable[[], Check]
"""Looks at one thing."""


def checks(store: Path) -> Iterator[Check]:
    """Look at everything, one thing after another; `store` is where runs are to be recorded, present or not."""
    yield sqlite_version()
    folder = _nearest(store.parent)
    looks: list[Looking] = [
        lambda: the_store(store),
        lambda: disk_space(folder),
        lambda: file_system(folder),
        lambda: locks(folder),
        lambda: durable_writes(folder),
        lambda: clock(store),
        display,
        window_manager,
        isolation,
        python_xlib,
        virtual_machines,
        browser,
    ]
    for look in looks:
        yield look()


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    folder = Path(os.path.realpath(folder))
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


# --- the store ----------------------------------------------------------------------------------------------------


def sqlite_version() -> Check:
    """See whether SQLite is new enough; before 3.51.3 writers must not meet, which footage's lock sees to."""
    found = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _SQLITE_NEEDED:
        needed = ".".join(map(str, _SQLITE_NEEDED))
        return Check("sqlite", Status.FAIL, f"SQLite {found} is too old: {needed} is needed.", "Use a newer Python.")
    if sqlite3.sqlite_version_info < _SQLITE_SOUND:
        detail = f"SQLite {found} can damage a file that several programs write at once (its WAL-reset bug, gone in"
        hint = "Let nothing but footage write into its stores."
        return Check("sqlite", Status.OK, f"{detail} 3.51.3); footage's writers' lock covers it.", hint)
    return Check("sqlite", Status.OK, f"SQLite {found}")


def the_store(path: Path) -> Check:
    """See whether the store can be read and written, or can be made."""
    hint = "Choose another place with --store or FOOTAGE_STORE."
    folder = _nearest(path.parent)
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("store", Status.FAIL, f"There is no write permission in {folder}.", hint)
    if not path.exists():
        return Check("store", Status.OK, f"{path} will be made by the first recording.")
    from footage.storage import open_store

    try:
        with open_store(path, readonly=True) as store:
            count = store.count_runs()
    except FootageError as error:
        return Check("store", Status.FAIL, error.message, error.hint or hint)
    if not os.access(path, os.W_OK):
        return Check("store", Status.FAIL, f"There is no permission to write {path}.", hint)
    return Check("store", Status.OK, f"{path}, {path.stat().st_size / 1e6:.1f} MB; runs: {count}")


def disk_space(folder: Path) -> Check:
    """See whether there is room to record."""
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free for {folder}"
    if free >= _SCARCE:
        return Check("disk space", Status.OK, detail)
    status = Status.FAIL if free < _LITTLE else Status.WARN
    return Check("disk space", status, detail, "Free some space; a run takes 1 to 50 MB.")


def file_system(folder: Path) -> Check:
    """See whether this is a local disk: SQLite's WAL is shared memory, which other computers do not see."""
    kind = _kind_of_file_system(folder)
    if kind in _NETWORK:
        hint = "Put the store on a local disk; never record into one file from two computers."
        return Check("file system", Status.WARN, f"{folder} is on a network ({kind}).", hint)
    return Check("file system", Status.OK, kind or "of an unknown kind")


def _kind_of_file_system(folder: Path) -> str:
    """Return the kind (`ext4`, `nfs4`) of the file system that holds a folder; "" where the system does not tell."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    mounts = [line.split(" ")[1:3] for line in lines]
    fitting = [(len(at), kind) for at, kind in mounts if folder.is_relative_to(at.replace("\\040", " "))]
    return max(fitting, key=lambda found: found[0])[1] if fitting else ""


def locks(folder: Path) -> Check:
    """See whether advisory locks (`flock`) work there: writers take turns by them."""
    import fcntl

    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".footage-doctor-") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            with open(file.name, "rb") as other:  # noqa: PTH123 - a second descriptor of the same file is the point
                try:
                    fcntl.flock(other.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return Check("locks", Status.OK, "writers take turns")
    except OSError as error:
        return Check("locks", Status.FAIL, f"flock fails in {folder}: {error.strerror}.", "Use a local disk.")
    return Check("locks", Status.FAIL, f"flock locks nothing in {folder}.", "Use a local disk.")


def durable_writes(folder: Path) -> Check:
    """Make a small database there, and see how soon what is committed is on the disk."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".footage-doctor-") as made:
            seconds = _commit_time(Path(made) / "try.db")
    except (OSError, sqlite3.Error) as error:
        detail = f"SQLite's write-ahead log does not work in {folder}: {error}."
        return Check("durable writes", Status.FAIL, detail, "Use a local disk with some space.")
    detail = f"a durable write takes {seconds * 1000:.1f} ms"
    if seconds > _SLOW_COMMIT:
        hint = "Agents wait for these: put the store on a faster disk."
        return Check("durable writes", Status.WARN, detail, hint)
    return Check("durable writes", Status.OK, detail)


def _commit_time(path: Path) -> float:
    """Return the seconds of the median of five durable commits into a fresh file."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise sqlite3.OperationalError(f"its journal mode stays {mode!r}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE try (value BLOB)")
        taken = []
        for _ in range(5):
            start = time.monotonic()
            connection.execute("INSERT INTO try VALUES (zeroblob(4096))")
            taken.append(time.monotonic() - start)
    return sorted(taken)[2]


def clock(store: Path) -> Check:
    """See whether it is later than all that was recorded. Events are ordered by another clock, which cannot be set."""
    now = Instant.now()
    if now.boot_id.startswith("process-"):
        detail = "This system does not tell one boot from another: events of several processes cannot be ordered."
        return Check("clock", Status.WARN, detail, "Mount /proc, or record from one process only.")
    newest = _newest_start(store)
    if newest is not None and newest.wall_ns > now.wall_ns + 1_000_000_000:
        hours = (newest.wall_ns - now.wall_ns) / 3.6e12
        detail = f"The clock is {hours:.1f} h behind the store's newest run; times will look wrong, the order is kept."
        return Check("clock", Status.WARN, detail, "Set the clock.")
    return Check("clock", Status.OK, "later than all that was recorded" if newest else "running")


def _newest_start(path: Path) -> Instant | None:
    from footage.storage import open_store

    if not path.exists():
        return None
    try:
        with open_store(path, readonly=True) as store:
            newest = store.runs(limit=1)
    except FootageError:  # `the_store` tells of it
        return None
    return newest[0].started if newest else None


# --- the desktop machine ------------------------------------------------------------------------------------------


def display() -> Check:
    """Start an X server without a screen for a moment: the desktop machine needs one."""
    if shutil.which("Xvfb") is None:
        return Check("display", Status.WARN, "Xvfb is not installed: there is no desktop machine.", _PACKAGES)
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "64x64x24", "-nolisten", "tcp", "-terminate"]
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        number = _first_bytes(server.stdout.fileno())
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(_PATIENCE)
        server.kill()
    if number.strip().isdigit():
        return Check("display", Status.OK, f"Xvfb starts, in {(time.monotonic() - start) * 1000:.0f} ms")
    hint = "`Xvfb :99` by itself shows whether an X server can run here."
    return Check("display", Status.WARN, f"Xvfb did not start within {_PATIENCE:.0f} s.", hint)


def _first_bytes(descriptor: int) -> bytes:
    """Return what comes first through a pipe, b"" where nothing comes in time."""
    import select

    ready, _, _ = select.select([descriptor], [], [], _PATIENCE)
    return os.read(descriptor, 64) if ready else b""


def window_manager() -> Check:
    """See whether openbox is installed."""
    if shutil.which("openbox") is None:
        return Check("window manager", Status.WARN, "openbox is not installed: there is no desktop machine.", _PACKAGES)
    return Check("window manager", Status.OK, "openbox is installed")


def isolation() -> Check:
    """Build bubblewrap's walls for a moment: behind them, programs of the desktop machine cannot reach the store."""
    from footage.machines.desktop.programs import sandbox

    if shutil.which("bwrap") is None:
        detail = "bubblewrap is not installed: the desktop machine's programs are not isolated."
        return Check("isolation", Status.WARN, detail, _PACKAGES)
    with tempfile.TemporaryDirectory(prefix="footage-doctor-") as made:
        folder, file = Path(made) / "folder", Path(made) / "file"
        folder.mkdir()
        file.touch()
        sandbox.write_etc(folder, "<fontconfig/>")
        if sandbox.works(sandbox.Walls(folder, folder, folder, folder, socket=file, authority=file)):
            return Check("isolation", Status.OK, "bubblewrap isolates the desktop machine's programs")
    detail = "bubblewrap may not build its walls here: the desktop machine's programs are not isolated."
    hint = "Allow user namespaces (in a container: run it with the rights to make them), or trust the agent."
    return Check("isolation", Status.WARN, detail, hint)


def python_xlib() -> Check:
    """See whether the Python side of X is installed, and which of the two packages it is."""
    try:
        import Xlib
    except ImportError:
        detail = "python-xlib is not installed: there is no desktop machine."
        return Check("python-xlib", Status.WARN, detail, "pip install 'footage[desktop]'")
    version = Xlib.__version_string__
    if Xlib.__version__ < _PYTHON_XLIB:
        detail = f"python3-Xlib {version} lies in its place (PyAutoGUI brings it); the desktop machine works with it"
        return Check("python-xlib", Status.OK, detail)
    return Check("python-xlib", Status.OK, version)


def virtual_machines() -> Check:
    """See whether QEMU is there, and which guests have been built."""
    from footage.machines.availability import availability
    from footage.machines.opening import machine_names

    found = {name: availability(name) for name in machine_names() if name.startswith("qemu/")}
    detail = "; ".join(f"{name} {each.detail}" for name, each in found.items())
    missing = next((each for each in found.values() if not each.ready), None)
    status = Status.OK if shutil.which("qemu-system-x86_64") else Status.WARN
    return Check("qemu", status, detail, missing.hint if missing else "")


def browser() -> Check:
    """Look for a Chromium: the project's own tests use it, nothing else does."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return Check("chromium", Status.OK, found or "not installed; only footage's own tests need it")
