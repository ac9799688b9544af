"""
Requests at linear cost.

Every request to a model re-sends all that came before it, screenshots included. Stored is what differs: each message
once in a family as a document, with its pictures taken out (`pictures_in_messages`); and for each request how its list
of messages is made from its predecessor's:

    [[0, 38], 4711, 4712]      the first 38 messages of the predecessor, then documents 4711 and 4712
    [[0, 4], 4801, [5, 33], …] message 4 was changed (a pruned screenshot)
    [[0, 38], {"marks": […]}]  the cache marks of the messages come last (`cache_marks`)

A full list is written now and then, so that no chain is longer than `FULL_EVERY`.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from footage.errors import StoreCorrupt, UsageError
from footage.providers.request_parts import messages_key
from footage.storage.file.database import Database
from footage.storage.pictures.reading import PictureReader
from footage.storage.pictures.writing import PictureWriter
from footage.storage.requests.cache_marks import MARK, put_marks, take_marks
from footage.storage.requests.pictures_in_messages import PictureTaker, put_back
from footage.trajectory import JSON

__all__ = [
    "FULL_EVERY",
    "PreparedRequest",
    "RequestWriter",
    "digest_of",
    "dump_json",
    "parts_of",
    "rebuild_request",
]

FULL_EVERY = 64

_Edit = list[int] | int
_Marks = list[list[Any]]
"""[number of the message, path, place, value] each."""


def dump_json(value: Any) -> str:
    """Return compact JSON text, keys in their order; what JSON cannot hold as its `str`."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def edits_between(before: list[int], after: list[int]) -> list[_Edit]:
    """
    Return how `after` is made from `before`: ranges [start, count] of it, and new ids.

    >>> edits_between([1, 2, 3, 4], [1, 9, 3, 4, 5])
    [[0, 1], 9, [2, 2], 5]
    """
    position: dict[int, int] = {}
    for i, document in enumerate(before):
        position.setdefault(document, i)
    edits: list[_Edit] = []
    for document in after:
        last = edits[-1] if edits else None
        following = last[0] + last[1] if isinstance(last, list) else len(before)
        if isinstance(last, list) and before[following : following + 1] == [document]:
            last[1] += 1
        elif document in position:
            edits.append([position[document], 1])
        else:
            edits.append(document)
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


@dataclass(frozen=True, slots=True)
class _Document:
    """A JSON text as it is stored."""

    body: bytes
    sha256: str

    @classmethod
    def of(cls, value: Any) -> _Document:
        body = dump_json(value).encode("utf-8", "surrogatepass")
        return cls(body, hashlib.sha256(body).hexdigest())


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request on its way into the store: without its pictures, cut into documents."""

    messages: list[_Document] | None
    """None where the request has no list of messages."""
    rest: _Document
    """Everything else; null in the place of the list of messages."""
    marks: _Marks
    """The messages' cache marks, which are not in the documents."""

    @property
    def sha256(self) -> str:
        """The hash of all its parts."""
        return digest_of([document.sha256 for document in (*(self.messages or ()), self.rest)], self.marks)


class _Cutter:
    """Cuts requests into documents. Histories are re-sent whole: messages of the request before are not cut again."""

    def __init__(self) -> None:
        self._before: dict[bytes, tuple[_Document, _Marks]] = {}

    def cut(self, body: JSON) -> PreparedRequest:
        """Cut up a request whose pictures are out."""
        where = messages_key(body)
        messages = body[where] if where else None
        if not isinstance(messages, list):
            return PreparedRequest(None, _Document.of(body), [])
        documents: list[_Document] = []
        marks: _Marks = []
        now: dict[bytes, tuple[_Document, _Marks]] = {}
        for number, message in enumerate(messages):
            key = _exactly(message)
            document, found = self._before.get(key) or _cut_message(message)
            if key:
                now[key] = document, found
            documents.append(document)
            marks += [[number, *mark] for mark in found]
        self._before = now
        return PreparedRequest(documents, _Document.of({**body, str(where): None}), marks)


def _exactly(message: Any) -> bytes:
    """Return bytes that are equal only for equal messages, key by key and type by type; none where that is unknown."""
    try:
        return marshal.dumps(message, 2)  # many times faster than JSON; version 2 writes equal values alike
    except ValueError:
        return b""


def _cut_message(message: Any) -> tuple[_Document, _Marks]:
    document = _Document.of(message)
    if MARK.encode() not in document.body:
        return document, []
    plain, marks = take_marks(message)
    return _Document.of(plain), marks


@dataclass(frozen=True, slots=True)
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
        self._taker = PictureTaker(database, pictures)
        self._cutter = _Cutter()
        self._latest: dict[int, _Latest] = {}
        self._documents: dict[str, int] = {}

    def prepare(self, body: JSON, *, copied: bool = False) -> PreparedRequest:
        """
        Take the pictures out of a request and store them; the slow part, outside all locks.

        `copied`: the request comes from this family's requests, its pictures named. Raises UsageError for what is no
        JSON object.
        """
        if not isinstance(body, dict):
            raise UsageError(f"A request is a JSON object, not {type(body).__name__}.")
        try:
            return self._cutter.cut(self._taker.take(body, copied=copied))
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"A request that is no JSON cannot be stored: {error}.") from error

    def store(self, connection: sqlite3.Connection, turn: int, conversation: int, prepared: PreparedRequest) -> None:
        """Store a prepared request for a turn (its row id), within the caller's transaction."""
        documents = [self._document(connection, document) for document in prepared.messages or ()]
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
                _dump_edits(edits, prepared.marks),
                self._document(connection, prepared.rest),
                prepared.sha256,
                None if prepared.messages is None else len(documents),
            ),
        )
        stored = _Latest(int(cursor.lastrowid or 0), documents, chain)
        self._database.after_commit(lambda: self._latest.__setitem__(conversation, stored))

    def _find_latest(self, connection: sqlite3.Connection, conversation: int) -> _Latest | None:
        row = connection.execute(
            "SELECT request.id FROM turn JOIN request ON request.turn = turn.id"
            " WHERE turn.run = ? AND turn.conversation = ? ORDER BY turn.number DESC LIMIT 1",
            (self._run, conversation),
        ).fetchone()
        if row is None:
            return None
        documents, chain = _documents_of(lambda at: connection.execute(_CHAIN_SQL, (at,)).fetchone(), int(row[0]))
        return _Latest(int(row[0]), documents, chain)

    def _document(self, connection: sqlite3.Connection, document: _Document) -> int:
        known = self._documents.get(document.sha256)
        if known is not None:
            return known
        row = connection.execute(
            "SELECT id FROM document WHERE family = ? AND sha256 = ?", (self._family, document.sha256)
        ).fetchone()
        if row is None:
            cursor = connection.execute(
                "INSERT INTO document (family, sha256, body) VALUES (?, ?, ?)",
                (self._family, document.sha256, document.body),
            )
            row = (cursor.lastrowid,)
        found = int(row[0])
        self._database.after_commit(lambda: self._documents.__setitem__(document.sha256, found))
        return found


def _dump_edits(edits: list[_Edit], marks: _Marks) -> str:
    """Return JSON text that any column of text can hold: halves of surrogate pairs are escaped."""
    whole = [*edits, {"marks": marks}] if marks else edits
    return json.dumps(whole, separators=(",", ":"), default=str)


def digest_of(documents: Sequence[str], marks: _Marks) -> str:
    """Return the SHA-256 of the documents' hashes, the one of the rest last, and of the marks, if there are any."""
    text = "".join(documents) + (dump_json(marks) if marks else "")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# --- reading ------------------------------------------------------------------------------------------------------


_CHAIN_SQL = "SELECT predecessor, edits FROM request WHERE id = ?"


def _documents_of(load: Callable[[int], Sequence[Any] | None], request: int) -> tuple[list[int], int]:
    """
    Follow the chain back to a full list and forward again; return (document ids, length of the chain).

    `load` returns the row that `_CHAIN_SQL` finds.
    """
    chain: list[list[_Edit]] = []
    at: int | None = request
    while at is not None:
        row = load(at)
        if row is None:
            raise StoreCorrupt(f"Request {at} is not in the store.")
        if len(chain) > FULL_EVERY:
            raise StoreCorrupt("A request's chain of predecessors does not end.")
        at = row[0]
        chain.append([edit for edit in json.loads(row[1]) if not isinstance(edit, dict)])
    documents: list[int] = []
    for edit in reversed(chain):
        documents = apply_edits(documents, edit)
    return documents, len(chain) - 1


def parts_of(connection: sqlite3.Connection, request: int) -> tuple[list[int], _Marks]:
    """Return a request's documents, that of the rest last, and its cache marks: what its hash is made of."""
    documents, _ = _documents_of(lambda at: connection.execute(_CHAIN_SQL, (at,)).fetchone(), request)
    rest, edits = connection.execute("SELECT rest, edits FROM request WHERE id = ?", (request,)).fetchone()
    return [*documents, rest], _marks_in(edits)


def _marks_in(edits: str) -> _Marks:
    return [mark for edit in json.loads(edits) if isinstance(edit, dict) for mark in edit["marks"]]


def rebuild_request(database: Database, reader: PictureReader, turn: int, *, pictures: bool) -> JSON | None:
    """
    Return the request a turn (its row id) answers, or None where none was recorded.

    Keys come in their order. Pictures are {"type": "footage", "picture": id, "sha256": of the bytes that were sent, …},
    or with `pictures` base64 again: the same pixels as PNG, or the very bytes where those were kept. Raises
    StoreCorrupt where the rebuilt request is not the one that was stored.
    """
    row = database.row("SELECT * FROM request WHERE turn = ?", turn)
    if row is None:
        return None
    own = database.row("SELECT turn FROM request WHERE id = ?", row["id"])  # from the table: an index may be damaged
    if own is None or own["turn"] != turn:
        raise StoreCorrupt(f"The request of turn {turn} is damaged: another one stands in its place.")
    try:
        body = _rebuild(database, row)
    except (StoreCorrupt, ValueError, TypeError, LookupError) as error:
        raise StoreCorrupt(f"The request of turn {turn} is damaged: {error}") from error
    return put_back(body, reader) if pictures else body


def _rebuild(database: Database, row: sqlite3.Row) -> JSON:
    ids, _ = _documents_of(lambda at: database.row(_CHAIN_SQL, at), int(row["id"]))
    wanted = [*ids, int(row["rest"])]
    sql = "SELECT id, body FROM document WHERE id IN (SELECT value FROM json_each(?))"
    bodies: dict[int, bytes] = {found["id"]: found["body"] for found in database.rows(sql, dump_json(wanted))}
    if missing := set(wanted) - bodies.keys():
        raise StoreCorrupt(f"document {min(missing)} is missing.")
    hashes = {document: hashlib.sha256(body).hexdigest() for document, body in bodies.items()}
    marks = _marks_in(row["edits"])
    if digest_of([hashes[document] for document in wanted], marks) != row["sha256"]:
        raise StoreCorrupt("it does not fit its hash.")
    *messages, rest = (_loaded(bodies[document]) for document in wanted)
    if not isinstance(rest, dict):
        raise StoreCorrupt("it is no JSON object.")
    for number, *mark in marks:
        put_marks(messages[number], [mark])
    return rest if row["messages"] is None else {**rest, messages_key(rest) or "messages": messages}


def _loaded(body: bytes) -> Any:
    return json.loads(body.decode("utf-8", "surrogatepass"))
