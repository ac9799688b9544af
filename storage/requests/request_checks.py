"""
Checking every request of a store at linear cost: each document is read once, each request costs what is new in it.

Rebuilding them one by one would read the whole history again for each.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footage.errors import StoreCorrupt
from footage.storage.file.database import Database
from footage.storage.requests.cache_marks import put_marks
from footage.storage.requests.chains import FULL_EVERY, apply_edits, dump_json
from footage.storage.requests.pictures_in_messages import pictures_in

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["RequestCheck"]

_DOCUMENTS = 1 << 16  # that are remembered, about 20 MB
_REQUESTS = 256  # whose lists of documents are


@dataclass(frozen=True, slots=True)
class _Document:
    sha256: str
    missing: int | None
    """A picture it names that is not in the store."""
    is_object: bool


@dataclass(frozen=True, slots=True)
class _Request:
    documents: list[int]
    digest: _Hash
    """Over the documents' hashes."""
    missing: int | None
    chain: int


class RequestCheck:
    """Checks the requests of a store; quickest in the order they were stored."""

    def __init__(self, database: Database, pictures: frozenset[int]) -> None:
        self._database = database
        self._pictures = pictures
        self._documents: OrderedDict[int, _Document] = OrderedDict()
        self._requests: OrderedDict[int, _Request] = OrderedDict()

    def check(self, turn: int) -> None:
        """Check the request of the turn with this row id. Raises StoreCorrupt."""
        row = self._database.row("SELECT * FROM request WHERE turn = ?", turn)
        if row is None:
            raise StoreCorrupt(f"The request of turn {turn} is not in the store.")
        try:
            self._check(row)
        except (StoreCorrupt, ValueError, TypeError, LookupError, AttributeError) as error:
            raise StoreCorrupt(f"The request of turn {turn} is damaged: {error}") from error

    def _check(self, row: sqlite3.Row) -> None:
        request = self._request(int(row["id"]))
        rest = self._document(int(row["rest"]))
        marks: list[list[Any]] = [
            m for edit in json.loads(row["edits"]) if isinstance(edit, dict) for m in edit["marks"]
        ]
        digest = request.digest.copy()
        digest.update((rest.sha256 + (dump_json(marks) if marks else "")).encode("utf-8", "surrogatepass"))
        if digest.hexdigest() != row["sha256"]:
            raise StoreCorrupt("it does not fit its hash.")
        if not rest.is_object:
            raise StoreCorrupt("it is no JSON object.")
        for number, *mark in marks:
            put_marks(self._loaded(request.documents[number])[1], [mark])
        missing = [each.missing for each in (request, rest) if each.missing is not None]
        if missing:
            raise StoreCorrupt(f"picture {min(missing)} is missing.")

    def _request(self, request: int) -> _Request:
        """Return a request's documents, from those of its predecessors."""
        waiting: list[tuple[int, list[Any]]] = []
        at: int | None = request
        while at is not None and at not in self._requests:
            row = self._database.row("SELECT predecessor, edits FROM request WHERE id = ?", at)
            if row is None:
                raise StoreCorrupt(f"Request {at} is not in the store.")
            if len(waiting) > FULL_EVERY:
                raise StoreCorrupt("A request's chain of predecessors does not end.")
            waiting.append((at, [edit for edit in json.loads(row["edits"]) if not isinstance(edit, dict)]))
            at = row["predecessor"]
        found = _Request([], hashlib.sha256(), None, -1) if at is None else self._requests[at]
        for number, edits in reversed(waiting):
            found = self._following(found, edits)
            self._requests[number] = found
        while len(self._requests) > _REQUESTS:
            self._requests.popitem(last=False)
        return found

    def _following(self, before: _Request, edits: list[Any]) -> _Request:
        if before.chain >= FULL_EVERY:
            raise StoreCorrupt("A request's chain of predecessors does not end.")
        documents = apply_edits(before.documents, edits)
        grown = edits[:1] == [[0, len(before.documents)]] and bool(before.documents)
        digest = before.digest.copy() if grown else hashlib.sha256()
        new = [self._document(number) for number in (documents[len(before.documents) :] if grown else documents)]
        for document in new:
            digest.update(document.sha256.encode())
        missing = [each.missing for each in new if each.missing is not None]
        missing += [before.missing] if grown and before.missing is not None else []
        return _Request(documents, digest, min(missing, default=None), before.chain + 1)

    def _document(self, number: int) -> _Document:
        known = self._documents.get(number)
        if known is None:
            body, value = self._loaded(number)
            absent = pictures_in(value) - self._pictures
            known = _Document(hashlib.sha256(body).hexdigest(), min(absent, default=None), isinstance(value, dict))
            self._documents[number] = known
            if len(self._documents) > _DOCUMENTS:
                self._documents.popitem(last=False)
        return known

    def _loaded(self, number: int) -> tuple[bytes, Any]:
        row = self._database.row("SELECT body FROM document WHERE id = ?", number)
        if row is None:
            raise StoreCorrupt(f"document {number} is missing.")
        return row["body"], json.loads(row["body"].decode("utf-8", "surrogatepass"))
