"""
The SQLite file: opening it safely, and the one way to write to it.

Acknowledged means durable: WAL with synchronous=FULL, one transaction an event, `BEGIN IMMEDIATE` under the writers'
lock. Readers open the file read-only, so that they never checkpoint, and keep their transactions to one query.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from footage.errors import NotAStore, StoreCorrupt, StoreError, StoreFull, StoreTooNew
from footage.storage.locks import WriterLock

__all__ = ["Database", "default_path"]

APPLICATION_ID = 0x464F4F54  # "FOOT", in the header of the SQLite file
SCHEMA_VERSION = 1  # in user_version; one more for each migration in schema.py
CHECKPOINT_BYTES = 4 << 20  # of WAL; a reader never waits for a checkpoint
WAL_LIMIT_BYTES = (
    1 << 20
)  # what the WAL is cut back to once checkpointed; below CHECKPOINT_BYTES, so that one is due once


def default_path() -> Path:
    """Return `FOOTAGE_STORE`, else `footage.db` in the user's data directory."""
    if named := os.environ.get("FOOTAGE_STORE"):
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("footage", appauthor=False) / "footage.db"


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into footage's, with the path and what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code & 0xFF == sqlite3.SQLITE_NOTADB:
            raise NotAStore(f"{path} is not a store of footage.", hint="Name another file with --store.") from error
        if code & 0xFF == sqlite3.SQLITE_CORRUPT:
            raise StoreCorrupt(
                f"{path} is damaged: {error}.", hint="Copy it aside, then see `footage verify`."
            ) from error
        if code & 0xFF == sqlite3.SQLITE_FULL:
            raise StoreFull(f"No room left on the disk of {path}.", hint="Free some space; nothing is lost.") from error
        raise StoreError(f"{path}: {error}.") from error


class Database:
    """
    One store's file. Reads run on a connection of the calling thread; writes take turns on one connection.

    Raises NotAStore, StoreTooNew or StoreError where the file cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = True, readonly: bool = False) -> None:
        self.path = path
        self.readonly = readonly or (path.exists() and not os.access(path, os.W_OK))
        self._local = threading.local()
        self._readers: dict[threading.Thread, sqlite3.Connection] = {}
        self._turn = threading.RLock()
        self._depth = 0
        self._writer: sqlite3.Connection | None = None
        self._lock: WriterLock | None = None
        self._process = os.getpid()
        if path.is_dir():
            raise NotAStore(f"{path} is a folder, not a store.", hint="Name a file with --store.")
        if not path.exists() and (readonly or not create):
            raise NotAStore(f"There is no store at {path}.", hint="Record a run first, or name a store with --store.")
        if self.readonly:
            self._check_header()
        else:
            self._open_for_writing()

    # --- opening ---

    def _open_for_writing(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"The folder {self.path.parent} cannot be made: {error.strerror}.") from error
        if self.path.exists() and self.path.stat().st_size:
            self._check_header()
        self._lock = WriterLock(self.path)
        with translated(self.path):
            self._writer = self._connect_writer()
            with self._turn, self._lock.held():
                self._migrate(self._writer)

    def _connect_writer(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version >= SCHEMA_VERSION:
            return
        import sqlite_utils

        from footage.storage.schema import migrations

        connection.execute("PRAGMA journal_mode=WAL")
        migrations.apply(sqlite_utils.Database(connection))

    def _check_header(self) -> None:
        """Refuse a file that is no store, before anything is written to it."""
        with translated(self.path):
            connection = self._connect_reader()
            try:
                (application,) = connection.execute("PRAGMA application_id").fetchone()
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            finally:
                connection.close()
        if application != APPLICATION_ID and (tables or self.readonly):
            raise NotAStore(
                f"{self.path} is an SQLite file, but not a store of footage.", hint="Name another file with --store."
            )
        if version > SCHEMA_VERSION:
            raise StoreTooNew(
                f"{self.path} was written by a newer footage (store version {version}, known: {SCHEMA_VERSION}).",
                hint="Upgrade: pip install --upgrade footage",
            )

    def _connect_reader(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self.path.resolve()))}?mode=ro"
        wal = self.path.with_name(self.path.name + "-wal")
        if self.readonly and not os.access(self.path.parent, os.W_OK) and not wal.exists():
            uri += "&immutable=1"  # nobody can be writing, and the folder has no room for SQLite's own files
        connection = sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only=ON")
        return connection

    # --- using ---

    @property
    def reader(self) -> sqlite3.Connection:
        """The calling thread's read-only connection."""
        if self._process != os.getpid():  # SQLite connections must not cross a fork
            self._local, self._process = threading.local(), os.getpid()
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with translated(self.path):
                connection = self._connect_reader()
            self._local.connection = connection
            with self._turn:
                self._forget_ended_threads()
                self._readers[threading.current_thread()] = connection
        return connection

    def _forget_ended_threads(self) -> None:
        for thread in [thread for thread in self._readers if not thread.is_alive()]:
            self._readers.pop(thread).close()

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Run one query and return all its rows."""
        with translated(self.path):
            return self.reader.execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: object) -> sqlite3.Row | None:
        """Run one query and return its first row, or None."""
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """
        One durable write transaction: committed and synced when the block is left, rolled back on an exception.

        A block inside a block joins it. Raises StoreFull, StoreCorrupt or StoreError.
        """
        if self._writer is None or self._lock is None:
            raise StoreError(f"{self.path} is open for reading only.")
        with self._turn, translated(self.path):
            if self._depth:
                yield self._writer
                return
            with self._lock.held():
                self._writer.execute("BEGIN IMMEDIATE")
                self._depth += 1
                try:
                    yield self._writer
                except BaseException:
                    self._depth -= 1
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise
                self._depth -= 1
                try:
                    self._writer.execute("COMMIT")
                except sqlite3.Error:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise
                self._checkpoint_if_due(self._writer)

    def _checkpoint_if_due(self, connection: sqlite3.Connection) -> None:
        wal = self.path.with_name(self.path.name + "-wal")
        with contextlib.suppress(OSError, sqlite3.Error):  # the transaction is safe either way
            if wal.stat().st_size > CHECKPOINT_BYTES:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close all connections; the last one to leave moves the WAL into the file, under the writers' lock."""
        for connection in self._readers.values():
            connection.close()
        self._readers = {}
        self._local = threading.local()
        if self._writer is not None and self._lock is not None and self._process == os.getpid():
            with self._turn, self._lock.held():
                self._writer.close()
            self._lock.close()
        self._writer = None
