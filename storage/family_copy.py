"""
Whole families as rows: which rows belong to one, what refers to what, and how to copy one into another store.

A copy has ids of its own. Whatever names a row is translated: columns, the atlases of a picture's tiles, the documents
of a request, the pictures within a document. Hashes that cover such a name are checked first, then made anew.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from footage.errors import StoreCorrupt
from footage.storage.pictures.layout import Layout
from footage.storage.pictures.tiles import TILE, count_tiles
from footage.storage.requests.chains import digest_of, dump_json, parts_of
from footage.storage.requests.pictures_in_messages import pictures_in, renumbered

__all__ = ["DERIVED", "FILES", "TABLES", "FamilyCopy", "columns_of", "new_name", "rows_of"]

TABLES: Mapping[str, Mapping[str, str]] = {
    "family": {},
    "run": {"family": "family", "parent": "run"},
    "conversation": {"run": "run"},
    "writer": {"run": "run"},
    "atlas": {"family": "family"},
    "picture": {"family": "family"},
    "document": {"family": "family"},
    "turn": {"run": "run", "copied_from": "turn"},
    "attempt": {"run": "run", "turn": "turn"},
    "request": {"run": "run", "turn": "turn", "predecessor": "request", "rest": "document"},
    "frame": {"run": "run", "picture": "picture"},
    "step": {"run": "run", "expected_frame": "frame", "actual_frame": "frame"},
    "frame_role": {"frame": "frame", "step": "step"},
    "outcome": {"run": "run"},
    "tag": {"run": "run"},
    "note": {"run": "run"},
    "gap": {"run": "run"},
    "finding": {"run": "run"},
    "raw_exchange": {"run": "run"},
    "artefact": {"run": "run"},
    "artefact_piece": {"artefact": "artefact"},
    "exact": {"run": "run", "log": "artefact"},
    "checkpoint": {"run": "run", "artefact": "artefact"},
    "redaction": {"family": "family"},
    "event": {"run": "run"},
}
"""Every table that holds a part of a family: what its columns refer to. Later ones refer to earlier ones only."""

DERIVED = frozenset({"_sqlite_migrations", "facet", "search", "search_config", "search_data", "search_idx"})
"""Tables about the whole store: kept by triggers, or by the store itself; never copied."""

FILES = frozenset({"artefact", "artefact_piece", "exact", "checkpoint"})
"""The tables about files beside the store."""

_LOOSE = {"parent", "copied_from", "expected_frame", "actual_frame"}  # what they name may have been removed
_SUBJECTS = {  # what the subject of an event of this kind is
    **dict.fromkeys(("turn", "request", "reply"), "turn"),
    **dict.fromkeys(("intent", "start", "outcome", "verdict"), "step"),
    **dict.fromkeys(("frame", "role"), "frame"),
    "conversation": "conversation",
    "attempt": "attempt",
    "raw": "raw_exchange",
    "gap": "gap",
    "judgement": "outcome",
}
_NAME = re.compile(r"[0-9abcdefghjkmnpqrstvwxyz]{12}")
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: none is mistaken for another

_RUNS = "SELECT id FROM run WHERE family IN (SELECT value FROM json_each(?))"


def new_name() -> str:
    """Return the name of a new run, which no other run has."""
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns; none where there is no such table."""
    return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def _belonging(table: str) -> str:
    """Return the condition that the rows of some families fulfil; its one parameter is a JSON list of family ids."""
    if table == "family":
        return "id IN (SELECT value FROM json_each(?))"
    if "family" in TABLES[table]:
        return "family IN (SELECT value FROM json_each(?))"
    if "run" in TABLES[table]:
        return f"run IN ({_RUNS})"
    (column,) = TABLES[table].keys() & {"frame", "artefact"}
    return f"{column} IN (SELECT id FROM {column} WHERE run IN ({_RUNS}))"


def rows_of(
    connection: sqlite3.Connection, families: Sequence[int], *, without: Collection[str] = ()
) -> Callable[[str], Iterator[Mapping[str, Any]]]:
    """
    Return what yields the rows of a table that belong to these families, in the order of their ids.

    Tables `without` are taken for empty.
    """

    def rows(table: str) -> Iterator[Mapping[str, Any]]:
        columns = [] if table in without else columns_of(connection, table)
        if columns:
            sql = f'SELECT * FROM "{table}" WHERE {_belonging(table)} ORDER BY id'
            for row in connection.execute(sql, (dump_json(list(families)),)):
                yield dict(zip(columns, row, strict=True))

    return rows


class FamilyCopy:
    """
    Copies families, row by row, into another store within the caller's transaction.

    `rows` yields the rows of a table by their ids. Names of runs are kept where they are free. Raises StoreCorrupt for
    rows that cannot belong to a sound store.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        rows: Callable[[str], Iterator[Mapping[str, Any]]],
        *,
        trusted: bool = True,
        on_row: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._rows = rows
        self._trusted = trusted
        self._on_row = on_row or (lambda: None)
        self._hashes: dict[int, tuple[str, str]] = {}  # of each document, by its new id: as it was, and as it is
        self._remade = {
            "family": self._family,
            "run": self._run,
            "picture": self._picture,
            "document": self._document,
            "request": self._request,
            "finding": self._finding,
            "event": self._event,
        }
        self.ids: dict[str, dict[int, int]] = defaultdict(dict)
        """By table: the new id of each row."""
        self.names: dict[str, str] = {}
        """The new name of each run."""

    def copy(self) -> None:
        """Copy everything."""
        for table, references in TABLES.items():
            known = set(columns_of(self._connection, table))
            for row in self._rows(table):
                values = {name: row[name] for name in row if name in known and name != "id"}
                for column, other in references.items():
                    if column in values:
                        values[column] = self._new(table, column, other, values[column])
                if table in self._remade:
                    self._remade[table](row, values)
                made = self.ids[table][row["id"]] = self._insert(table, values)
                if table == "document":
                    self._hashes[made] = row["sha256"], values["sha256"]
                self._on_row()
        self._stamp_requests()

    def _new(self, table: str, column: str, other: str, value: Any) -> int | None:
        """Return the new id of the row that a column names."""
        found = None if value is None else self.ids[other].get(value)
        if found is None and value is not None and column not in _LOOSE:
            raise StoreCorrupt(f"A row of {table} refers to a {other} that is not there.")
        return found

    def _insert(self, table: str, values: Mapping[str, Any]) -> int:
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        cursor = self._connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [*values.values()])
        return int(cursor.lastrowid or 0)

    # --- what is not only copied ---

    def _family(self, row: Mapping[str, Any], values: dict[str, Any]) -> None:
        _check_name(row["name"])
        values["name"] = row["name"]

    def _run(self, row: Mapping[str, Any], values: dict[str, Any]) -> None:
        _check_name(row["name"])
        taken = self._connection.execute("SELECT 1 FROM run WHERE name = ?", (row["name"],)).fetchone()
        values["name"] = self.names[row["name"]] = new_name() if taken else row["name"]
        origin = row.get("origin")
        if origin and self._connection.execute("SELECT 1 FROM run WHERE origin = ?", (origin,)).fetchone():
            values["origin"] = None
        values["trusted"] = int(self._trusted and bool(row["trusted"]))

    def _picture(self, row: Mapping[str, Any], values: dict[str, Any]) -> None:
        if not self._trusted:
            values.pop("signature", None)  # made again from the pixels, which are checked
        if row["tiles"] is None:
            return
        across = -(-row["width"] // TILE)
        layout = Layout.unpack(row["tiles"], count_tiles(row["width"], row["height"]), across)
        try:
            values["tiles"] = layout.moved(self.ids["atlas"]).pack(across)
        except KeyError as error:
            raise StoreCorrupt(f"A picture has tiles in atlas {error}, which is not there.") from error

    def _document(self, row: Mapping[str, Any], values: dict[str, Any]) -> None:
        body: bytes = row["body"]
        if hashlib.sha256(body).hexdigest() != row["sha256"]:
            raise StoreCorrupt("A document does not fit its hash.")
        if b'"footage"' not in body:
            return
        value = json.loads(body.decode("utf-8", "surrogatepass"))
        if not pictures_in(value):
            return
        try:
            renamed = renumbered(value, self.ids["picture"])
        except (KeyError, TypeError) as error:
            raise StoreCorrupt(f"A document shows picture {error}, which is not there.") from error
        values["body"] = dump_json(renamed).encode("utf-8", "surrogatepass")
        values["sha256"] = hashlib.sha256(values["body"]).hexdigest()

    def _request(self, row: Mapping[str, Any], values: dict[str, Any]) -> None:
        documents = self.ids["document"]
        try:
            edits = [documents[edit] if isinstance(edit, int) else edit for edit in json.loads(row["edits"])]
        except KeyError as error:
            raise StoreCorrupt(f"A request has document {error}, which is not there.") from error
        values["edits"] = json.dumps(edits, separators=(",", ":"))

    def _finding(self, row: Mapping[str, Any], values: dict[str, Any]) -> None:
        if row["evidence"] is not None:
            frames = self.ids["frame"]
            values["evidence"] = dump_json([frames[one] for one in json.loads(row["evidence"]) if one in frames])

    def _event(self, row: Mapping[str, Any], values: dict[str, Any]) -> None:
        values["subject"] = self.ids[_SUBJECTS.get(row["kind"], "")].get(row["subject"])

    def _stamp_requests(self) -> None:
        """Check each copied request against the hash it had, and give it that of its documents as they are now."""
        for row in self._rows("request"):
            request = self.ids["request"][row["id"]]
            documents, marks = parts_of(self._connection, request)
            hashes = [self._hashes[one] for one in documents]
            if digest_of([old for old, _ in hashes], marks) != row["sha256"]:
                raise StoreCorrupt("A request does not fit its hash.")
            digest = digest_of([new for _, new in hashes], marks)
            self._connection.execute("UPDATE request SET sha256 = ? WHERE id = ?", (digest, request))


def _check_name(name: object) -> None:
    """Refuse what is no run's name: a name is a part of paths."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise StoreCorrupt(f"{name!r:.40} is no name of a run.")
