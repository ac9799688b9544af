"""
Version 3, searching: the full text of tasks, replies and typed text, and how many runs each filter leaves.

Both are kept by triggers, so that whatever changes or removes a run keeps them true. The text itself is not in the
index (a contentless FTS5 table, https://sqlite.org/fts5.html#contentless_tables): a row's number says where it stands,
`run << 20 | place`, with place 0 for the task, 2 n + 1 for turn n and 2 n + 2 for step n. Rows are thus in the order of
the runs, and the newest hits are the first ones found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.storage.schema.tables import table
from footage.storage.search.places import PLACE_BITS

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["add_search"]

_SAID = (  # what a reply says, its thinking too; nothing where a damaged row holds no JSON
    "(SELECT group_concat(coalesce(json_extract(value, '$.text'), json_extract(value, '$.thinking')), ' ')"
    " FROM json_each(iif(json_valid({row}.content), {row}.content, '[]')) WHERE type = 'object')"
)
_ARGUMENTS = "iif(json_valid({row}.arguments), {row}.arguments, '{{}}')"
_TYPED = f"coalesce(json_extract({_ARGUMENTS}, '$.text'), json_extract({_ARGUMENTS}, '$.command'))"

_TEXTS = {  # table: (column, text, place, which rows have one)
    "run": ("task", "{row}.task", "0", "{row}.task != ''"),
    "turn": ("content", _SAID, "{row}.number * 2 + 1", "{row}.content IS NOT NULL"),
    "step": (
        "arguments",
        _TYPED,
        "{row}.number * 2 + 2",
        f"({{row}}.name = 'type' OR {{row}}.namespace != 'computer') AND {_TYPED} IS NOT NULL",
    ),
}

_COUNTED = ("kind", "status", "model", "source_format")  # columns of `run`
_SAID_OF_RUNS = {"tag": "value", "outcome": "value", "finding": "kind"}  # table: column


def add_search(db: Database) -> None:
    """Add the index of texts, the counts, what filters need to be quick, and fill them from the runs that are there."""
    for columns in (["model"], ["started_wall"], ["source_format"]):
        db.table("run").create_index(columns)
    for name, column in _SAID_OF_RUNS.items():
        db.table(name).create_index([column, "run"])
    db.execute("CREATE VIRTUAL TABLE search USING fts5(text, content='', columnsize=0, tokenize='unicode61')")
    for name in _TEXTS:
        _follow_texts(db, name)
    names = {"name": str, "value": str, "runs": int}
    table(db, "facet", names, required=set(names), unique=("name", "value"))
    for column in _COUNTED:
        _count_column(db, column)
    for name, column in _SAID_OF_RUNS.items():
        _count_said(db, name, column)


def _follow_texts(db: Database, name: str) -> None:
    column, text, place, which = _TEXTS[name]

    def made(row: str, *, gone: bool) -> str:
        run = "id" if name == "run" else "run"
        number = f"({row}.{run} << {PLACE_BITS}) | ({place.format(row=row)})"
        if gone:
            return f"INSERT INTO search (search, rowid, text) SELECT 'delete', {number}, {text.format(row=row)}"
        return f"INSERT INTO search (rowid, text) SELECT {number}, {text.format(row=row)}"

    take = f"{made('old', gone=True)} WHERE {which.format(row='old')};"
    put = f"{made('new', gone=False)} WHERE {which.format(row='new')};"
    db.execute(f"CREATE TRIGGER search_{name}_put AFTER INSERT ON {name} BEGIN {put} END")
    db.execute(f"CREATE TRIGGER search_{name}_take AFTER DELETE ON {name} BEGIN {take} END")
    db.execute(
        f"CREATE TRIGGER search_{name}_change AFTER UPDATE OF {column} ON {name}"
        f" WHEN old.{column} IS NOT new.{column} BEGIN {take} {put} END"
    )
    db.execute(f"{made(name, gone=False)} FROM {name} WHERE {which.format(row=name)} ORDER BY id")


def _more(name: str, value: str) -> str:
    return (
        f"INSERT INTO facet (name, value, runs) VALUES ('{name}', {value}, 1)"
        " ON CONFLICT (name, value) DO UPDATE SET runs = runs + 1;"
    )


def _fewer(name: str, value: str) -> str:
    return f"UPDATE facet SET runs = runs - 1 WHERE name = '{name}' AND value = {value};"


def _count_column(db: Database, column: str) -> None:
    new, old = f"coalesce(new.{column}, '')", f"coalesce(old.{column}, '')"
    more, fewer = _more(column, new), _fewer(column, old)
    db.execute(f"CREATE TRIGGER facet_{column}_put AFTER INSERT ON run BEGIN {more} END")
    db.execute(f"CREATE TRIGGER facet_{column}_take AFTER DELETE ON run BEGIN {fewer} END")
    db.execute(
        f"CREATE TRIGGER facet_{column}_change AFTER UPDATE OF {column} ON run"
        f" WHEN {old} != {new} BEGIN {fewer} {more} END"
    )
    db.execute(
        f"INSERT INTO facet (name, value, runs) SELECT '{column}', coalesce({column}, ''), count(*) FROM run GROUP BY 2"
    )


def _count_said(db: Database, name: str, column: str) -> None:
    """Count runs, not rows: a run that two people call a success is one."""
    same = f"(SELECT count(*) FROM {name} AS o WHERE o.run = {{row}}.run AND o.{column} = {{row}}.{column})"
    first, gone = f"{same.format(row='new')} = 1", f"{same.format(row='old')} = 0"
    more, fewer = _more(name, f"new.{column}"), _fewer(name, f"old.{column}")
    changed = f"AFTER UPDATE OF {column} ON {name} WHEN old.{column} IS NOT new.{column} AND"
    db.execute(f"CREATE TRIGGER facet_{name}_put AFTER INSERT ON {name} WHEN {first} BEGIN {more} END")
    db.execute(f"CREATE TRIGGER facet_{name}_take AFTER DELETE ON {name} WHEN {gone} BEGIN {fewer} END")
    db.execute(f"CREATE TRIGGER facet_{name}_change_put {changed} {first} BEGIN {more} END")
    db.execute(f"CREATE TRIGGER facet_{name}_change_take {changed} {gone} BEGIN {fewer} END")
    db.execute(
        f"INSERT INTO facet (name, value, runs)"
        f" SELECT '{name}', {column}, count(DISTINCT run) FROM {name} GROUP BY {column}"
    )
