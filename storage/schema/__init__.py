"""
The tables, and the migrations that lead to them: one module a version.

Every table belongs to one family of runs at most, and rows have ids of their own: hashes are checks and never
identities, so that removing or redacting one run cannot touch another family. A new version is a new module, and a
frozen store of the old version in `tests/stores/`; a version that was ever released never changes.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from footage.storage.schema import v1, v2, v3, v4, v5

__all__ = ["migrations"]

migrations = Migrations("footage")


@migrations()
def m001_first(db: Database) -> None:
    """Lead to version 1."""
    v1.create(db)
    db.execute("PRAGMA user_version = 1")


@migrations()
def m002_raw_exchanges(db: Database) -> None:
    """Lead to version 2."""
    v2.create(db)
    db.execute("PRAGMA user_version = 2")


@migrations()
def m003_archive(db: Database) -> None:
    """Lead to version 3."""
    v3.create(db)
    db.execute("PRAGMA user_version = 3")


@migrations()
def m004_signatures(db: Database) -> None:
    """Lead to version 4."""
    v4.create(db)
    db.execute("PRAGMA user_version = 4")


@migrations()
def m005_providers(db: Database) -> None:
    """Lead to version 5."""
    v5.create(db)
    db.execute("PRAGMA user_version = 5")
