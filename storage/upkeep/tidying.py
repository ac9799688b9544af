"""
Tidying the index of texts: it grows by a segment for every few texts, and every question asks each segment.

FTS5 merges them itself, but only so far, since whoever records waits for it. Here all become one, some pages in a
transaction (https://sqlite.org/fts5.html#the_merge_command), so that others record meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from footage.storage.database import Database

__all__ = ["tidy_texts"]

_SEGMENTS = 8  # fewer are left as they are
_PAGES = 1000  # of the index, merged in one transaction: 4 MB
_SEARCH_SINCE = 3  # version of the schema


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
