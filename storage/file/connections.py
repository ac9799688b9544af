"""
The connections of one open store, and the one way to write through them.

Readers open the file read-only, so that they never checkpoint. Acknowledged means durable: WAL with synchronous=FULL,
`BEGIN IMMEDIATE` under the writers' lock. Nothing is closed under a thread that uses it: SQLite's library would crash.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from footage import stopping
from footage.errors import StoreError
from footage.storage.file.forks import before_a_fork, close_before_forks, keep_for_ever, watch_forks
from footage.storage.file.locks import WriterLock

__all__ = ["Connections", "read_application_id"]

CHECKPOINT_BYTES = 4 << 20  # of growth of the WAL; a reader never waits for a checkpoint
WAL_LIMIT_BYTES = 1 << 20  # what the WAL is cut back to once everything in it has been moved into the file

LARGE_WAL_BYTES = 64 << 20  # is left to the next one that opens the store, where this process was stopped

# What SQLite says where it cannot make its own files beside a database: in a read-only folder, on a full disk. Without
# a WAL they are not needed to read.
_NO_ROOM_BESIDE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}

_AS_IT_IS = "mode=ro&immutable=1"  # the file alone: no WAL, no locks, no files beside it

PATIENCE = 10.0  # seconds that closing waits for a thread that reads; its connection is then left to it

_lost: set[Path] = set()
"""Stores that this process cannot use, since it was forked while its parent wrote into them."""


class _Reader:
    """The read-only connection of one thread, and the lock that this thread holds while it uses it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.in_use = threading.RLock()
        self.closed = False

    def close(self) -> None:
        """Close it once its thread has come to the end of what it reads."""
        if self.in_use.acquire(timeout=PATIENCE):
            try:
                self.closed = True
                self.connection.close()
            finally:
                self.in_use.release()


class Connections:
    """One reader for each thread, and one writer that threads take turns with; opened when first used."""

    def __init__(self, path: Path, *, readonly: bool) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._readonly = readonly
        self._closed = False
        self._lock = WriterLock(path)
        self._forget()
        close_before_forks(self)
        watch_forks(self)

    def _forget(self) -> None:
        self._local = threading.local()
        self._readers: dict[threading.Thread, _Reader] = {}
        self._writer: sqlite3.Connection | None = None
        self._turn = threading.RLock()
        self._inside = False
        self._waiting: list[Callable[[], None]] = []
        self._wal_seen = 0

    def before_fork(self) -> None:
        """Close all connections; they are opened again when they are used."""
        with contextlib.suppress(sqlite3.Error):
            self._close()

    def after_fork(self) -> None:
        """Take nothing over from the parent."""
        if self._writer is not None or self._readers:  # forked in the middle of something: never to be touched
            keep_for_ever((self._writer, self._readers))
            _lost.add(self._path)
        self._forget()

    # --- reading ---

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Use the calling thread's read-only connection; whoever closes the store waits for the end of the block."""
        reader = self._reader()
        with reader.in_use:
            if reader.closed:
                self._check_open()
            with stopping.interrupting(reader.connection.interrupt):
                yield reader.connection

    def _reader(self) -> _Reader:
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            with self._turn:
                self._check_open()
                for thread in [thread for thread in self._readers if not thread.is_alive()]:
                    self._readers.pop(thread).close()
                reader = _Reader(self._connect_reader())
                self._readers[threading.current_thread()] = reader
            self._local.reader = reader
        return reader

    def _connect_reader(self) -> sqlite3.Connection:
        connection = _connect(self._path, "mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            connection.close()
            if not self._readonly or _code(error) not in _NO_ROOM_BESIDE or self._wal_size():
                raise
            connection = _connect(self._path, _AS_IT_IS)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA trusted_schema=OFF")  # the file may come from anybody
        return connection

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._path} is closed.")
        if self._path in _lost:
            raise StoreError(
                f"{self._path} cannot be used in this process, which was forked while it was being written.",
                hint="Fork outside of transactions, or start processes by the method spawn.",
            )

    # --- writing ---

    def _writing(self) -> sqlite3.Connection:
        if self._writer is None:
            writer = _connect(self._path, "mode=rw")
            try:
                self._prepare_writer(writer)
            except BaseException:
                writer.close()
                raise
            self._writer = writer
        return self._writer

    def _prepare_writer(self, writer: sqlite3.Connection) -> None:
        (mode,) = writer.execute("PRAGMA journal_mode=WAL").fetchone()  # a copy may have come without
        if mode != "wal":
            hint = "Use a local disk."
            raise StoreError(f"{self._path} is on a file system that cannot hold a store.", hint=hint)
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
        writer.execute("PRAGMA foreign_keys=ON")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the writers' lock."""
        with before_a_fork(), self._turn:
            self._check_open()
            with self._lock.held():
                yield

    @contextlib.contextmanager
    def maintaining(self) -> Iterator[sqlite3.Connection]:
        """Hold the writers' lock, outside any transaction, for what is none: VACUUM, a whole checkpoint."""
        with self.locked():
            writer = self._writing()
            writer.execute("PRAGMA synchronous=FULL")
            with stopping.interrupting(writer.interrupt):
                yield writer

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """
        One transaction: committed and (if `durable`) synced when the block is left, rolled back on an exception.

        A block inside a block joins it.
        """
        with before_a_fork(), self._turn:
            if self._inside:
                assert self._writer is not None
                yield self._writer
                return
            with self.locked():
                writer = self._writing()
                writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._inside = True
                try:
                    writer.execute("BEGIN IMMEDIATE")
                    with stopping.interrupting(writer.interrupt):
                        yield writer
                    writer.execute("COMMIT")
                except BaseException:
                    self._waiting.clear()
                    if writer.in_transaction:
                        writer.execute("ROLLBACK")
                    raise
                finally:
                    self._inside = False
                self._checkpoint_if_due(writer)
            self._run_waiting()

    def roll_back(self) -> None:
        """Undo what a writer without a WAL left half done: a reader may not, and could not read."""
        if self._path.with_name(self._path.name + "-journal").exists():
            with self.locked():
                self._writing().execute("SELECT 1 FROM sqlite_master")

    def shrink(self, pages: int) -> None:
        """Give up to so many free pages back to the disk, in a transaction of its own; under the lock."""
        writer = self._writing()
        # Not `execute`: that takes the first step of a statement without rows, and this one takes a step a page.
        with stopping.interrupting(writer.interrupt):
            writer.executescript(f"PRAGMA incremental_vacuum({pages})")
        self._checkpoint_if_due(writer)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the calling thread's transaction is committed (never, if it is not); at once outside one."""
        with self._turn:
            self._waiting.append(callback)
            if not self._inside:
                self._run_waiting()

    def _run_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def _wal_size(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    def _checkpoint_if_due(self, writer: sqlite3.Connection) -> None:
        """Move the WAL into the file when it has grown; a reader in the middle of something may delay part of it."""
        size = self._wal_size()
        self._wal_seen = min(self._wal_seen, size)  # it was cut back since the last time
        if size - self._wal_seen > CHECKPOINT_BYTES:
            self._wal_seen = size
            with contextlib.suppress(sqlite3.Error):  # the transaction is safe either way
                writer.execute("PRAGMA wal_checkpoint(PASSIVE)")

    # --- the end ---

    def close(self) -> None:
        """Close all; the last process to leave moves the WAL into the file, under the writers' lock. Safe twice."""
        with before_a_fork(), self._turn:
            self._closed = True
            self._close()

    def _close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        if self._writer is not None:
            self._close_writer(self._writer)
        self._lock.close()
        self._readers, self._writer, self._local = {}, None, threading.local()

    def _close_writer(self, writer: sqlite3.Connection) -> None:
        """
        Close it under the writers' lock; one that another process keeps is no reason to wait at the end for ever.

        Nor is a large WAL where somebody stopped this process: the next one to open the store moves it into the file.
        """
        if stopping.asked() and self._wal_size() > LARGE_WAL_BYTES:
            keep_for_ever(writer)
            return
        try:
            with self._lock.held():
                writer.close()
        except StoreError:
            keep_for_ever(writer)  # closing may checkpoint: it ends with the process, which does not


def read_application_id(path: Path) -> int:
    """Return the number in the file's header that says whose it is, if possible without making files beside it."""
    try:
        with contextlib.closing(_connect(path, _AS_IT_IS)) as connection:
            return int(connection.execute("PRAGMA application_id").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if _code(error) != sqlite3.SQLITE_CORRUPT:
            raise
    # A checkpoint is under way, or was cut short: without its WAL the file is not whole.
    with contextlib.closing(_connect(path, "mode=ro")) as connection:
        return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # Python's own errors have none


def _connect(path: Path, options: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.fsencode(path))}?{options}"
    return sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
