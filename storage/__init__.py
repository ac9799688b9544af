"""
The store: one SQLite file of runs, lossless and checked.

Knows no agent, no machine and no page. `open_store` opens one; `Store` reads; `Store.begin_run` returns a `RunWriter`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.lazy import loading

if TYPE_CHECKING:
    from footage.storage.store import Store, open_store
    from footage.storage.upkeep.verify import VerifyReport, verify_store
    from footage.storage.writer import RunWriter

__all__ = ["RunWriter", "Store", "VerifyReport", "open_store", "verify_store"]

_HOMES = {  # who only asks where the store is needs no pictures
    "RunWriter": "footage.storage.writer",
    "Store": "footage.storage.store",
    "VerifyReport": "footage.storage.upkeep.verify",
    "open_store": "footage.storage.store",
    "verify_store": "footage.storage.upkeep.verify",
}


__getattr__ = loading(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
