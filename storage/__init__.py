"""
The store: one SQLite file of runs, lossless and checked.

Knows no agent, no machine and no page. `open_store` opens one; `Store` reads; `Store.begin_run` returns a `RunWriter`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from footage.storage.store import Store, open_store
    from footage.storage.upkeep.verify import VerifyReport, verify_store
    from footage.storage.writer import RunWriter

__all__ = ["RunWriter", "Store", "VerifyReport", "open_store", "verify_store"]

_HOMES = {
    "RunWriter": "footage.storage.writer",
    "Store": "footage.storage.store",
    "VerifyReport": "footage.storage.upkeep.verify",
    "open_store": "footage.storage.store",
    "verify_store": "footage.storage.upkeep.verify",
}


def __getattr__(name: str) -> Any:
    """Load a name where it is first used: who only asks where the store is needs no pictures."""
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'footage.storage' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
