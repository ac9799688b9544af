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
from collections.abc import Iterator
from pathlib import Path

from footage.errors import StoreError

__all__ = ["RunLock", "WriterLock", "files_folder", "run_is_live"]


def files_folder(store: Path) -> Path:
    """Return the folder beside a store that holds its locks and what is too large for a database."""
    return store.with_name(store.name + "-files")


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"The lock file {path} cannot be opened: {error.strerror}.",
            hint="A store needs write permission in its folder; choose another with --store.",
        ) from error


class WriterLock:
    """The lock that every write transaction and every checkpoint of a store holds."""

    def __init__(self, store: Path) -> None:
        self._path = files_folder(store) / "writer.lock"
        self._descriptor = _open(self._path)
        self._process = os.getpid()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock, waiting for other processes. Not reentrant; threads must take turns before."""
        if self._process != os.getpid():  # a flock taken over from a parent process would be shared with it
            self._descriptor, self._process = _open(self._path), os.getpid()
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the file descriptor back."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


class RunLock:
    """Held, shared, by every process that records into a run."""

    def __init__(self, store: Path, run: str) -> None:
        self._path = files_folder(store) / "live" / run
        self._descriptor: int | None = _open(self._path)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        # A child of fork() shares the open file, and would keep the run alive after its recorder died.
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def released(self) -> bool:
        """Whether this process has let go."""
        return self._descriptor is None

    def release(self) -> None:
        """Let go; the file goes too where no other process holds it."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None


def run_is_live(store: Path, run: str) -> bool:
    """Tell whether some process records into this run at this moment."""
    try:
        descriptor = os.open(files_folder(store) / "live" / run, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
