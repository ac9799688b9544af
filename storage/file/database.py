"""
The SQLite file: opening it safely, and SQLite's errors as footage's.

A file which is no store is refused without a trace. Beware of opening a store's file by any other way than SQLite's.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from footage.errors import NotAStore, StoreCorrupt, StoreError, StoreFull, StoreTooNew, UsageError
from footage.storage.file.connections import Connections, read_application_id
from footage.storage.file.forks import before_a_fork

__all__ = ["Database", "default_path"]

APPLICATION_ID = 0x464F4F54  # "FOOT", in the header of the SQLite file
SCHEMA_VERSION = 5  # in user_version; one more for each module in schema/
_OLDEST_READABLE = 1  # later versions only add to it: it can be read without being migrated
_LITTLE_BYTES = 64 << 10  # of room, which SQLite needs to open a database
_DAMAGED = "Copy it aside, then see `footage verify`."


def default_path() -> Path:
    """Return `FOOTAGE_STORE`, else `footage.db` in the user's data directory."""
    if named := os.environ.get("FOOTAGE_STORE"):
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("footage", appauthor=False) / "footage.db"


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into footage's, with the path and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(path, error) from error
    except UnicodeDecodeError as error:  # SQLite's own message quotes what is damaged
        raise StoreCorrupt(f"{path} is damaged: {error}.", hint=_DAMAGED) from error
    except OverflowError as error:
        raise UsageError(f"A number is too large for a store: {error}.") from error


def _of_sqlite(path: Path, error: sqlite3.Error) -> StoreError:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return NotAStore(f"{path} is not a store of footage.", hint="Name another file with --store.")
    if code == sqlite3.SQLITE_CORRUPT or "Could not decode to UTF-8" in str(error):
        return StoreCorrupt(f"{path} is damaged: {error}.", hint=_DAMAGED)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return StoreFull(f"No room left on the disk of {path}.", hint="Free some space; what was acknowledged is kept.")
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreError(
            f"{path} cannot be opened: {error}.", hint="Copy it, with its -wal file, to a folder you can write to."
        )
    return StoreError(f"{path}: {error}.")


def _is_full(path: Path) -> bool:
    with contextlib.suppress(OSError):
        disk = os.statvfs(path.parent)
        return disk.f_bavail * disk.f_frsize < _LITTLE_BYTES
    return False


def _empty_store() -> bytes:
    """Return an SQLite file without tables, in WAL mode, that says it is a store."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # free room can be given back piece by piece
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        content = bytearray(connection.serialize())
    content[18:20] = b"\2\2"  # written and read with a WAL, https://sqlite.org/fileformat2.html#the_database_header
    return bytes(content)


def _replace(path: Path, content: bytes) -> None:
    """Write a file durably, private, and all at once; where that fails, nothing is left of it."""
    made = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            made.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Database:
    """
    One store's file. Reads run on a connection of the calling thread; writes take turns on one connection.

    `create` makes the file where there is none (or an empty one). Raises NotAStore, StoreTooNew or StoreError where the
    file cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = True, readonly: bool = False) -> None:
        self.path = Path(os.path.realpath(path))  # one file, one name: its lock and its WAL are found by it
        size = self._size()
        if not size and (readonly or not create):
            if size is None:
                hint = "Record a run first, or name a store with --store."
                raise NotAStore(f"There is no store at {self.path}.", hint=hint)
            raise NotAStore(f"{self.path} is an empty file, not a store.", hint="Name another file with --store.")
        self.readonly = readonly or (size is not None and not self._is_writable())
        if size:
            self._check_header()
        self._connections = Connections(self.path, readonly=self.readonly)
        self._finalizer = weakref.finalize(self, self._connections.close)
        try:
            with translated(self.path):
                if not size:
                    self._create()
                elif not self.readonly:
                    self._connections.roll_back()
                self._check_version()
        except BaseException:
            self.close()
            raise

    # --- opening ---

    def _size(self) -> int | None:
        """Return the file's size in bytes, or None where there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.path} cannot be opened: {error.strerror}.") from error
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no ordinary file"
            raise NotAStore(f"{self.path} is {kind}, not a store.", hint="Name a file with --store.")
        return found.st_size

    def _is_writable(self) -> bool:
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _check_header(self) -> None:
        """
        Refuse a file that is no store, without leaving anything beside it.

        By SQLite, which knows when a file may be closed: a process that closes any descriptor of a file loses its locks
        on that file (https://sqlite.org/howtocorrupt.html, section 2.2).
        """
        with translated(self.path), before_a_fork():
            if read_application_id(self.path) == APPLICATION_ID:
                return
        raise NotAStore(
            f"{self.path} is an SQLite file, but not a store of footage.", hint="Name another file with --store."
        )

    def _create(self) -> None:
        """Make an empty store that is whole from its first moment on: whatever happens, there is one, or none."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connections.locked():
                if not self._size():  # nobody else did it meanwhile
                    _replace(self.path, _empty_store())
        except OSError as error:
            raise StoreError(f"{self.path} cannot be made: {error.strerror}.") from error

    def _check_version(self) -> None:
        version = self.version
        if version > SCHEMA_VERSION:
            raise StoreTooNew(
                f"{self.path} was written by a newer footage (store version {version}, known: {SCHEMA_VERSION}).",
                hint="Upgrade: pip install --upgrade footage",
            )
        if version < _OLDEST_READABLE and self.readonly:
            raise StoreError(
                f"{self.path} was written by an older footage, or never finished.", hint="Record into it once."
            )
        if version < SCHEMA_VERSION and not self.readonly:
            self._migrate()

    @property
    def version(self) -> int:
        """The schema's version in the file: an older one where the file is open for reading."""
        return int(self.rows("PRAGMA user_version")[0][0])

    def _migrate(self) -> None:
        import sqlite_utils

        from footage.storage.schema import migrations

        with self.transaction() as connection:
            if self.version < SCHEMA_VERSION:  # nobody else did it meanwhile
                migrations.apply(sqlite_utils.Database(connection))

    # --- using ---

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Run one query and return all its rows."""
        with translated(self.path), before_a_fork(), self._connections.reading() as reader:
            return reader.execute(sql, parameters).fetchall()

    def tuples(self, sql: str, *parameters: object) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one query; return the names of its columns, and its rows as plain tuples: for rows by the thousand."""
        with translated(self.path), before_a_fork(), self._connections.reading() as reader:
            cursor = reader.cursor()
            cursor.row_factory = None
            rows = cursor.execute(sql, parameters).fetchall()
            return [column[0] for column in cursor.description], rows

    def row(self, sql: str, *parameters: object) -> sqlite3.Row | None:
        """Run one query and return its first row, or None."""
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """
        Read in the block what was there at its beginning, whatever others write meanwhile.

        Gives the thread's own read-only connection. Checkpoints wait for the end, so it should not take long.
        """
        with translated(self.path), before_a_fork(), self._connections.reading() as reader:
            reader.execute("BEGIN")
            try:
                yield reader
            finally:
                reader.execute("ROLLBACK")

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """
        One write transaction: committed and (if `durable`) synced when the block is left, rolled back on an exception.

        A block inside a block joins it. Raises StoreFull, StoreCorrupt or StoreError.
        """
        if self.readonly:
            hint = "Its file and its folder need write permission; choose another store with --store."
            raise StoreError(f"{self.path} is open for reading only.", hint=hint)
        with translated(self.path), self._connections.transaction(durable=durable) as connection:
            yield connection

    @contextlib.contextmanager
    def maintaining(self) -> Iterator[sqlite3.Connection]:
        """Hold the writers' lock, outside any transaction, for what is none: VACUUM, a whole checkpoint."""
        with translated(self.path), self._connections.maintaining() as connection:
            yield connection

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the calling thread's transaction is committed (never, if it is not); at once outside one."""
        self._connections.after_commit(callback)

    def shrink(self, pages: int) -> None:
        """Give up to so many of the file's free pages back to the disk. Raises StoreFull or StoreError."""
        with translated(self.path), self._connections.locked():
            self._connections.shrink(pages)

    def close(self) -> None:
        """Close all connections. Safe to call twice."""
        self._finalizer()
