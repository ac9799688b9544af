"""
Requests at linear cost.

Every request to a model re-sends all that came before it, screenshots included. Stored is what differs: each message
once in a family as a document, with its pictures taken out and stored as pictures; and for each request how its list of
messages is made from its predecessor's:

    [[0, 38], 4711, 4712]      the first 38 messages of the predecessor, then documents 4711 and 4712
    [[0, 4], 4801, [5, 33], …] message 4 was changed (a pruned screenshot, a moved cache mark)

A full list is written now and then, so that no chain is longer than `FULL_EVERY`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from footage.errors import BadPicture, StoreCorrupt
from footage.storage.database import Database
from footage.storage.pictures import PictureReader, PictureWriter, prepare
from footage.trajectory import JSON

__all__ = ["FULL_EVERY", "RequestWriter", "dump_json", "rebuild_request"]

FULL_EVERY = 64

_Edit = list[int] | int


def dump_json(value: Any) -> str:
    """Return compact JSON text, keys in their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def edits_between(before: list[int], after: list[int]) -> list[_Edit]:
    """
    Return how `after` is made from `before`: ranges [start, count] of it, and new ids.

    >>> edits_between([1, 2, 3, 4], [1, 9, 3, 4, 5])
    [[0, 1], 9, [2, 2], 5]
    """
    position = {document: i for i, document in enumerate(before)}
    edits: list[_Edit] = []
    for document in after:
        at = position.get(document)
        last = edits[-1] if edits else None
        if at is None:
            edits.append(document)
        elif isinstance(last, list) and last[0] + last[1] == at:
            last[1] += 1
        else:
            edits.append([at, 1])
    return edits


def apply_edits(before: list[int], edits: list[_Edit]) -> list[int]:
    """Return the list that `edits_between` described. Raises StoreCorrupt where a range does not exist."""
    after: list[int] = []
    for edit in edits:
        if isinstance(edit, int):
            after.append(edit)
        elif edit[0] < 0 or edit[0] + edit[1] > len(before):
            raise StoreCorrupt("A request refers to messages that its predecessor does not have.")
        else:
            after.extend(before[edit[0] : edit[0] + edit[1]])
    return after


@dataclass(slots=True)
class _Latest:
    request: int
    documents: list[int]
    chain: int


class RequestWriter:
    """Stores the requests of one run's conversations."""

    def __init__(self, database: Database, run: int, family: int, pictures: PictureWriter) -> None:
        self._database = database
        self._run = run
        self._family = family
        self._pictures = pictures
        self._latest: dict[int, _Latest] = {}
        self._documents: dict[str, int] = {}
        self._images: dict[bytes, JSON] = {}

    def prepare(self, body: JSON) -> tuple[list[JSON], JSON]:
        """Take the pictures out of a request and store them; return (messages, everything else). Changes nothing."""
        messages = body.get("messages")
        listed = messages if isinstance(messages, list) else []
        rest = {key: value for key, value in body.items() if key != "messages" or not isinstance(value, list)}
        return [self._without_pictures(message) for message in listed], self._without_pictures(rest)

    def store(
        self, connection: sqlite3.Connection, turn: int, conversation: int, messages: list[JSON], rest: JSON
    ) -> None:
        """Store a prepared request for a turn (its row id), within the caller's transaction."""
        documents = [self._document(connection, dump_json(message)) for message in messages]
        digest = hashlib.sha256(_encode(dump_json([messages, rest]))).hexdigest()
        latest = self._latest.get(conversation) or self._find_latest(connection, conversation)
        predecessor, edits, chain = None, list[_Edit](documents), 0
        if latest and latest.chain < FULL_EVERY:
            predecessor, edits, chain = latest.request, edits_between(latest.documents, documents), latest.chain + 1
        cursor = connection.execute(
            "INSERT INTO request (run, turn, predecessor, edits, rest, sha256, messages) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._run,
                turn,
                predecessor,
                dump_json(edits),
                self._document(connection, dump_json(rest)),
                digest,
                len(documents),
            ),
        )
        self._latest[conversation] = _Latest(int(cursor.lastrowid or 0), documents, chain)

    def forget(self) -> None:
        """Drop what is remembered: a transaction was rolled back, and ids may not exist."""
        self._latest.clear()
        self._documents.clear()

    def _find_latest(self, connection: sqlite3.Connection, conversation: int) -> _Latest | None:
        row = connection.execute(
            "SELECT request.id FROM request JOIN turn ON turn.id = request.turn"
            " WHERE turn.run = ? AND turn.conversation = ? ORDER BY request.id DESC LIMIT 1",
            (self._run, conversation),
        ).fetchone()
        if row is None:
            return None
        documents, chain = _documents_of(lambda i: _request_row(connection, i), int(row[0]))
        return _Latest(int(row[0]), documents, chain)

    def _document(self, connection: sqlite3.Connection, text: str) -> int:
        body = _encode(text)
        digest = hashlib.sha256(body).hexdigest()
        if digest not in self._documents:
            row = connection.execute(
                "SELECT id FROM document WHERE family = ? AND sha256 = ?", (self._family, digest)
            ).fetchone()
            if row is None:
                cursor = connection.execute(
                    "INSERT INTO document (family, sha256, body) VALUES (?, ?, ?)", (self._family, digest, body)
                )
                row = (cursor.lastrowid,)
            self._documents[digest] = int(row[0])
        return self._documents[digest]

    def _without_pictures(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._without_pictures(item) for item in value]
        if not isinstance(value, dict):
            return value
        source = value.get("source")
        if value.get("type") == "image" and isinstance(source, dict) and source.get("type") == "base64":
            return {**value, "source": self._stored_source(source)}
        return {key: self._without_pictures(item) for key, item in value.items()}

    def _stored_source(self, source: JSON) -> JSON:
        """Return the source block that stands for a stored picture; the block as it came where it is none."""
        data = source.get("data")
        if not isinstance(data, str):
            return source
        key = hashlib.blake2b(data.encode("utf-8", "replace"), digest_size=16).digest()
        if key not in self._images:
            try:
                sent = base64.b64decode(data, validate=True)
                picture = self._pictures.store(prepare(sent))
            except (binascii.Error, ValueError, BadPicture):
                return source
            extra = {name: item for name, item in source.items() if name not in {"type", "data"}}
            digest = hashlib.sha256(sent).hexdigest()
            self._images[key] = {"type": "footage", "picture": picture, "sha256": digest, **extra}
        return self._images[key]


# --- reading ------------------------------------------------------------------------------------------------------

_Row = tuple[int | None, str]
"""(predecessor, edits)"""


def _request_row(connection: sqlite3.Connection, request: int) -> _Row:
    row = connection.execute("SELECT predecessor, edits FROM request WHERE id = ?", (request,)).fetchone()
    if row is None:
        raise StoreCorrupt(f"Request {request} is not in the store.")
    return row[0], row[1]


def _documents_of(load: Callable[[int], _Row], request: int) -> tuple[list[int], int]:
    """Follow the chain back to a full list and forward again; return (document ids, length of the chain)."""
    chain: list[list[_Edit]] = []
    at: int | None = request
    while at is not None:
        if len(chain) > 2 * FULL_EVERY:
            raise StoreCorrupt("A request's chain of predecessors does not end.")
        at, edits = load(at)
        chain.append(json.loads(edits))
    documents: list[int] = []
    for edit in reversed(chain):
        documents = apply_edits(documents, edit)
    return documents, len(chain) - 1


def rebuild_request(database: Database, reader: PictureReader, turn: int, *, pictures: bool) -> JSON | None:
    """
    Return the request a turn (its row id) answers, or None where none was recorded.

    Keys of the body come in their order, `messages` last. Pictures are {"type": "footage", "picture": id, "sha256": of
    the bytes that were sent, …}, or with `pictures` base64 again: the same pixels as PNG, or the very bytes where they
    arrived lossy. Raises StoreCorrupt where the rebuilt request is not the one that was stored.
    """
    row = database.row("SELECT * FROM request WHERE turn = ?", turn)
    if row is None:
        return None
    ids, _ = _documents_of(lambda i: _request_row(database.reader, i), int(row["id"]))
    messages = [_load_document(database, i) for i in ids]
    rest = _load_document(database, int(row["rest"]))
    if hashlib.sha256(_encode(dump_json([messages, rest]))).hexdigest() != row["sha256"]:
        raise StoreCorrupt(f"The request of turn {turn} is damaged: it does not fit its hash.")
    body = {**rest, "messages": messages}
    return _with_pictures(body, reader) if pictures else body


def _load_document(database: Database, document: int) -> Any:
    row = database.row("SELECT body FROM document WHERE id = ?", document)
    if row is None:
        raise StoreCorrupt(f"Document {document} is not in the store.")
    try:
        return json.loads(row["body"].decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise StoreCorrupt(f"Document {document} is damaged: {error}.") from error


def _with_pictures(value: Any, reader: PictureReader) -> Any:
    if isinstance(value, list):
        return [_with_pictures(item, reader) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "footage" and isinstance(value.get("picture"), int):
        extra = {key: item for key, item in value.items() if key not in {"type", "picture", "sha256"}}
        return {"type": "base64", **extra, **_encoded(value["picture"], reader)}
    return {key: _with_pictures(item, reader) for key, item in value.items()}


def _encoded(picture: int, reader: PictureReader) -> JSON:
    import io

    from PIL import Image

    data = reader.original(picture)
    if data is None:
        out = io.BytesIO()
        Image.fromarray(reader.load(picture)).save(out, "PNG")
        return {"media_type": "image/png", "data": base64.b64encode(out.getvalue()).decode("ascii")}
    reader.load(picture)  # checks the hash
    return {"data": base64.b64encode(data).decode("ascii")}
