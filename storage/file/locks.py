"""
Advisory locks beside the store: one for writers, one for each live run.

SQLite before 3.51.3 can corrupt a WAL database when two connections write and checkpoint at once
(https://sqlite.org/wal.html, "The WAL-Reset Bug"), and that is what distributions ship. So every write transaction
and every checkpoint holds one blocking `flock`: it costs microseconds where nobody else writes, and waiters sleep in
the kernel rather than poll. A run's own lock says that a live process records it; the kernel drops it with the
process, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from footage import stopping
from footage.errors import StoreError
from footage.storage.file.forks import watch_forks

__all__ = ["PATIENCE", "RunLock", "WriterLock", "files_folder", "live_runs", "run_is_live"]

PATIENCE = 60.0
"""Seconds that a writer waits for another one."""
PATIENCE_OF_THE_STOPPED = 1.0
"""Seconds that it waits, or has waited, once somebody stops the command."""
PATIENCE_AFTERWARDS = 0.5
"""Seconds that it waits once that was in vain: nobody's agent is to stand still for every step."""

_LOOK_SECONDS = 0.1


def files_folder(store: Path) -> Path:
    """Return the folder beside a store that holds its locks and what is too large for a database."""
    return store.with_name(store.name + "-files")


class _LockFile:
    """An open file to lock. A child of `fork()` closes its copy, with which it would share the lock."""

    def __init__(self, path: Path, flags: int) -> None:
        self._descriptor: int | None = os.open(path, flags | os.O_CLOEXEC, 0o600)
        watch_forks(self)

    @property
    def is_open(self) -> bool:
        return self._descriptor is not None

    def lock(self, operation: int) -> None:
        """Do as `fcntl.flock` does."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, operation)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def after_fork(self) -> None:
        self.close()


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"The lock file {path} cannot be opened: {error.strerror}.",
            hint="A store needs write permission in its folder; choose another with --store.",
        ) from error


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)


class WriterLock:
    """
    The lock that every write transaction and every checkpoint of a store holds.

    Raises StoreError where another process keeps it for longer than `PATIENCE`: suspended in mid-transaction, it may
    keep it for ever. The next ones then wait `PATIENCE_AFTERWARDS` only, until it is to be had again.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._path = files_folder(store) / "writer.lock"
        self._file: _LockFile | None = None
        self._patience = PATIENCE

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock, waiting for other processes. Not reentrant; threads must take turns before."""
        if self._file is None or not self._file.is_open:
            with _translated(self._path):
                _make_folder(self._path.parent)
                self._file = _LockFile(self._path, os.O_RDWR | os.O_CREAT)
        file = self._file
        if not _locked_within(file, self._patience):
            self._file, self._patience = None, PATIENCE_AFTERWARDS  # the thread that still waits closes the file
            raise self._kept_from_us()
        self._patience = PATIENCE
        try:
            yield
        finally:
            file.lock(fcntl.LOCK_UN)

    def _kept_from_us(self) -> StoreError:
        holder = _holder(self._path)
        who = f"process {holder}" if holder else "another process"
        hint = f"Is it suspended? `kill -CONT {holder or 'PID'}` lets it go on; what it has acknowledged is safe."
        return StoreError(f"{self._store} cannot be written: {who} has been writing for a long time.", hint=hint)

    def close(self) -> None:
        """Give the file descriptor back; the next use opens it again."""
        if self._file is not None:
            self._file.close()


def _locked_within(file: _LockFile, seconds: float) -> bool:
    """
    Lock the file, waiting no longer than so; False where that was in vain: the file is then not to be used any more.

    The kernel's queue knows no time limit, so that a thread stands in it, which closes the file if it comes too late.
    """
    with contextlib.suppress(BlockingIOError):
        file.lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    turn, locked, too_late = threading.Lock(), threading.Event(), threading.Event()

    def stand() -> None:
        file.lock(fcntl.LOCK_EX)
        with turn:
            if too_late.is_set():
                file.close()
            locked.set()

    threading.Thread(target=stand, name="footage-lock", daemon=True).start()
    begun = time.monotonic()
    while not locked.wait(_LOOK_SECONDS):
        patience = min(seconds, PATIENCE_OF_THE_STOPPED) if stopping.asked() else seconds
        if time.monotonic() - begun > patience:
            break
    with turn:
        if not locked.is_set():
            too_late.set()
    return not too_late.is_set()


def _holder(path: Path) -> int | None:
    """Return the id of the process that holds a lock on a file; None where that cannot be told."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        inode = str(path.stat().st_ino)
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            fields = line.split()  # 1: FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF; those who wait have "->" second
            if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
                return int(fields[4])
    return None


@contextlib.contextmanager
def _registry(store: Path) -> Iterator[Path]:
    """
    Hold the folder that has a file for each live run, to look at a run's lock or to change it; gives its path.

    Telling whether a lock is held means taking it for a moment, which must not look like a recorder to others.
    """
    folder = files_folder(store) / "live"
    held = _LockFile(folder, os.O_RDONLY | os.O_DIRECTORY)
    held.lock(fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        held.lock(fcntl.LOCK_UN)
        held.close()


class RunLock:
    """Held, shared, by every process that records into a run."""

    def __init__(self, store: Path, run: str) -> None:
        self._store = store
        self._path = files_folder(store) / "live" / run
        with _translated(self._path):
            _make_folder(self._path.parent)
            with _registry(store):
                self._file = _LockFile(self._path, os.O_RDWR | os.O_CREAT)
                self._file.lock(fcntl.LOCK_SH)

    @property
    def released(self) -> bool:
        """Whether this process has let go (or is a child of the one that holds it)."""
        return not self._file.is_open

    def release(self) -> None:
        """Let go; the file goes too where no other process holds it."""
        if self.released:
            return
        with contextlib.suppress(OSError), _registry(self._store):
            self._file.lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path.unlink(missing_ok=True)
        self._file.close()


def run_is_live(store: Path, run: str) -> bool:
    """Tell whether some process records into this run at this moment."""
    try:
        with _registry(store) as folder:
            return _is_held(folder / run)
    except OSError:
        return False


def live_runs(store: Path) -> set[str]:
    """Return the names of all runs that some process records into at this moment."""
    try:
        with _registry(store) as folder:
            return {path.name for path in folder.iterdir() if _is_held(path)}
    except OSError:
        return set()


def _is_held(path: Path) -> bool:
    try:
        file = _LockFile(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        file.lock(fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        file.lock(fcntl.LOCK_UN)
        return False
    finally:
        file.close()
