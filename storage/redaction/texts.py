"""
Taking secrets out of a family's texts: every column of text of every row, requests and raw bodies included.

What names something or counts something stays as it is; hashes of changed texts are made anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from footage.storage.family_copy import TABLES, rows_of
from footage.storage.redaction.typed import Typed, typed_by_hand
from footage.storage.redaction.values import Hider
from footage.storage.requests.chains import digest_of, dump_json, parts_of
from footage.storage.rows.to_rows import storable, task_id_of

__all__ = ["TextChanges", "count_texts", "hide_texts", "replace_documents"]

# By name, whatever the table: what is a name or a number here, or is changed by other means.
_KEPT = frozenset(
    {
        *("name", "kind", "status", "role", "source", "namespace", "sha256", "original_sha256", "call_id", "layer"),
        *("response_id", "guarantee", "verdict", "tiles", "image", "original", "piece", "timeline", "state", "origin"),
        *(
            "edits",
            "body",
            "delivered",
            "icounts",
            "verdict_regions",
            "region",
            "space",
            "evidence",
            "redacted_regions",
        ),
        *("started_boot", "ended_boot", "intended_boot", "captured_boot", "heartbeat_boot", "at_boot"),
    }
)
_JSON = frozenset(
    {
        *("content", "usage", "arguments", "raw", "machine", "divergence", "about", "facts"),
        *("request_headers", "response_headers"),
    }
)
_BESIDES = {"redacted", "icounts", "task_id", "origin"}  # change along with others
_PLACES = {  # how a place is called in a report; else table and column
    ("run", "task"): "task",
    ("turn", "content"): "model text",
    ("step", "arguments"): "typed text",
    ("step", "raw"): "raw inputs",
    ("step", "result_text"): "results",
    ("step", "error"): "errors",
    ("run", "error"): "errors",
    ("note", "text"): "notes",
    ("tag", "value"): "tags",
    ("finding", "message"): "findings",
    ("raw_exchange", "request"): "raw exchanges",
    ("raw_exchange", "response"): "raw exchanges",
    ("raw_exchange", "path"): "raw exchanges",
}


@dataclass(slots=True)
class TextChanges:
    """What has to change in a family."""

    places: Counter[str] = field(default_factory=Counter)
    """How many values hold a secret, by the name of the place."""
    columns: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    """(table, row id, new values)"""
    documents: dict[int, bytes] = field(default_factory=dict)
    """New bodies by the documents' ids."""

    def add(self, table: str, row: int, values: dict[str, Any], *, places: Iterator[str]) -> None:
        """Note new values of one row."""
        if values:
            self.columns.append((table, row, values))
            self.places.update(places)


def count_texts(connection: sqlite3.Connection, family: int, hider: Hider) -> TextChanges:
    """Find every place of a family where a secret stands, and what would stand there instead."""
    rows, changes = rows_of(connection, [family]), TextChanges()
    typed = typed_by_hand(rows, hider)
    for table in TABLES:
        for row in rows(table):
            if table == "document":
                body = _document(row["body"], hider, typed)
                if body != row["body"]:
                    changes.documents[row["id"]] = body
                    changes.places["requests"] += 1
                continue
            values = _changed(row, hider)
            if table == "run":
                _forget_hashes(row, values)
            elif table == "turn" and row["content"]:
                _replace_inputs(row, values, typed)
            elif table == "raw_exchange":
                _drop_unreadable(row, values)
            elif table == "step":
                _replace_typed(row, values, hider, typed)
            changes.add(table, row["id"], values, places=(_place(table, one) for one in values.keys() - _BESIDES))
    return changes


def _place(table: str, column: str) -> str:
    return _PLACES.get((table, column), "input events" if column == "delivered" else f"{table}.{column}")


def hide_texts(connection: sqlite3.Connection, family: int, changes: TextChanges) -> None:
    """Carry out what `count_texts` found, within the caller's transaction."""
    for table, row, values in changes.columns:
        pairs = ", ".join(f'"{name}" = ?' for name in values)
        connection.execute(
            f'UPDATE OR IGNORE "{table}" SET {pairs} WHERE id = ?', [*map(storable, values.values()), row]
        )
        if table == "tag":  # two tags of a run became the same
            connection.execute("DELETE FROM tag WHERE id = ? AND value != ?", (row, values["value"]))
    replace_documents(connection, family, changes.documents)


def _changed(row: Mapping[str, Any], hider: Hider) -> dict[str, Any]:
    """Return the columns of a row that hold a secret, as they are without it."""
    changed: dict[str, Any] = {}
    for column, value in row.items():
        if column in _KEPT or not isinstance(value, str | bytes):
            continue
        if isinstance(value, bytes):
            hidden: Any = _body(value, hider)
        elif column in _JSON:
            hidden = _json(value, hider.json)
        else:
            hidden = hider.text(value)
        if hidden != value:
            changed[column] = hidden
    return changed


def _json(text: str, change: Callable[[Any], Any]) -> str:
    """Return JSON text with its value changed; the very text where that is the same."""
    value = json.loads(text)
    changed = change(value)
    return text if changed == value else dump_json(changed)


def _body(data: bytes, hider: Hider) -> bytes:
    """Return a raw body without the secrets; nothing of it where it is compressed and holds one, or cannot be read."""
    plain = hider.data(data)
    if data[:2] == b"\x1f\x8b":
        engine = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            inner = engine.decompress(data, 64 << 20)
        except zlib.error:
            return b""
        return gzip.compress(hider.data(inner)) if hider.found_in(inner) else plain
    return plain


def _forget_hashes(row: Mapping[str, Any], values: dict[str, Any]) -> None:
    """Make the task's id anew where it is a hash of its text; forget the hash of the file that a run came from."""
    if "task" in values and row["task_id"] == task_id_of(row["task"]):
        values["task_id"] = task_id_of(values["task"])
    if values and row.get("origin"):
        values["origin"] = None


def _drop_unreadable(row: Mapping[str, Any], values: dict[str, Any]) -> None:
    """Keep no body in an encoding that cannot be looked into."""
    for body in ("request", "response"):
        headers = {name.lower(): str(value) for name, value in json.loads(row[f"{body}_headers"] or "{}").items()}
        if row[body] and headers.get("content-encoding", "identity").strip().lower() not in {"identity", "gzip", ""}:
            values[body] = b""


# --- what was typed by hand, in pieces ---


def _replace_typed(row: Mapping[str, Any], values: dict[str, Any], hider: Hider, typed: Typed) -> None:
    """Replace a step's text where it is a part of a secret, and let go of the keys that it pressed."""
    if (piece := typed.steps.get(row["id"])) is not None:
        for column in ("arguments", "raw"):
            if row[column]:
                values[column] = _json(
                    values.get(column, row[column]), lambda value: _swapped(value, piece.old, piece.new)
                )
        for column in ("result_text", "error"):
            if row[column]:
                values[column] = piece.new
    if "arguments" in values or "raw" in values or piece is not None:
        values["redacted"] = 1
    pressed = row["delivered"]
    if pressed is not None and ("redacted" in values or row["id"] in typed.delivered or hider.text(pressed) != pressed):
        values |= {"delivered": None} | ({"icounts": None} if "icounts" in row else {})


def _replace_inputs(row: Mapping[str, Any], values: dict[str, Any], typed: Typed) -> None:
    content = values.get("content", row["content"])
    changed = _json(content, typed.without)
    if changed != row["content"]:
        values["content"] = changed


def _swapped(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {name: _swapped(item, old, new) for name, item in value.items()}
    if isinstance(value, list):
        return [_swapped(item, old, new) for item in value]
    return new if value == old else value


# --- documents ---


def _document(body: bytes, hider: Hider, typed: Typed) -> bytes:
    if not typed.calls and not hider.found_in(body):
        return body
    value = json.loads(body.decode("utf-8", "surrogatepass"))
    changed = typed.without(hider.json(value))
    return body if changed == value else dump_json(changed).encode("utf-8", "surrogatepass")


def replace_documents(connection: sqlite3.Connection, family: int, bodies: Mapping[int, bytes]) -> None:
    """Give documents of a family new bodies and hashes, and its requests their new hashes."""
    if not bodies:
        return
    marks = [(f"changing {one}", one) for one in bodies]
    connection.executemany("UPDATE document SET sha256 = ? WHERE id = ?", marks)
    same: dict[int, int] = {}
    for one, body in bodies.items():
        sha256 = hashlib.sha256(body).hexdigest()
        sql = "SELECT id FROM document WHERE family = ? AND sha256 = ?"
        known = connection.execute(sql, (family, sha256)).fetchone()
        if known:  # two documents became the same
            same[one] = known[0]
        else:
            connection.execute("UPDATE document SET body = ?, sha256 = ? WHERE id = ?", (body, sha256, one))
    _stamp_requests(connection, family, same)
    connection.executemany("DELETE FROM document WHERE id = ?", [(one,) for one in same])


def _stamp_requests(connection: sqlite3.Connection, family: int, same: Mapping[int, int]) -> None:
    requests = list(rows_of(connection, [family])("request"))
    for row in requests:
        edits = json.loads(row["edits"])
        named = [same.get(edit, edit) if isinstance(edit, int) else edit for edit in edits]
        rest = same.get(row["rest"], row["rest"])
        if (named, rest) != (edits, row["rest"]):
            values = (json.dumps(named, separators=(",", ":")), rest, row["id"])
            connection.execute("UPDATE request SET edits = ?, rest = ? WHERE id = ?", values)
    hashes = dict(connection.execute("SELECT id, sha256 FROM document WHERE family = ?", (family,)))
    for row in requests:
        documents, marks = parts_of(connection, row["id"])
        digest = digest_of([hashes[one] for one in documents], marks)
        if digest != row["sha256"]:
            connection.execute("UPDATE request SET sha256 = ? WHERE id = ?", (digest, row["id"]))
