"""
Tidying the index of texts: it grows by a segment for every few texts, and every question asks each segment.

FTS5 merges them itself, but only so far, since whoever records waits for it. The end of each run merges some more
(https://sqlite.org/fts5.html#the_merge_command), and `tidy_texts` makes all of them one, some pages in a transaction,
so that others record meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from footage.storage.file.database import Database

__all__ = ["merge_some_texts", "tidy_texts"]

_SEGMENTS = 8  # fewer are left as they are
_PAGES = 1000  # of the index, merged in one transaction: 4 MB
_PAGES_OF_A_RUN = 32
_ALIKE = 3  # so many segments of one size are merged into one
_COUNT = """
    WITH RECURSIVE seg (id) AS (
        SELECT min(segid) FROM search_idx
        UNION ALL SELECT (SELECT min(segid) FROM search_idx WHERE segid > id) FROM seg WHERE id IS NOT NULL
    ) SELECT count(id) FROM seg
"""
_SEARCH_SINCE = 3  # version of the schema


def merge_some_texts(connection: sqlite3.Connection) -> None:
    """
    Merge a little of the index of texts, where it is in many segments; within the caller's transaction.

    It takes some milliseconds. Called at the end of each run, it keeps the segments few: they are asked one by one.
    """
    (segments,) = connection.execute(_COUNT).fetchone()
    if segments <= _SEGMENTS:
        return
    known = connection.execute("SELECT v FROM search_config WHERE k = 'usermerge'").fetchone()
    if known is None or known[0] != _ALIKE:
        connection.execute("INSERT INTO search (search, rank) VALUES ('usermerge', ?)", (_ALIKE,))
    connection.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (_PAGES_OF_A_RUN,))


def tidy_texts(database: Database, *, on_progress: Callable[[int, int], None] | None = None) -> bool:
    """
    Make the index of texts one piece where it is in many; return whether it was.

    `on_progress` is called with (done, total) pages. Safe to be killed: the next call goes on.
    """
    if database.version < _SEARCH_SINCE:
        return False
    segments, pages = database.rows("SELECT count(DISTINCT segid), count(*) FROM search_idx")[0]
    if segments <= _SEGMENTS:
        return False
    done, changed, command = 0, True, -_PAGES  # a negative number begins, a positive one goes on
    while changed:
        with database.transaction(durable=False) as connection:
            before = connection.total_changes
            connection.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (command,))
            changed = connection.total_changes - before >= 2  # one is the command's own row
        done, command = done + _PAGES, _PAGES
        if on_progress:
            on_progress(min(done, pages), pages)
    return True
