"""
The store: one SQLite file of runs, lossless and checked.

Knows no agent, no machine and no page. `open_store` opens one; `Store` reads; `Store.begin_run` returns a `RunWriter`.
"""

from footage.storage.store import Store, open_store
from footage.storage.upkeep.verify import VerifyReport, verify_store
from footage.storage.writing import RunWriter

__all__ = ["RunWriter", "Store", "VerifyReport", "open_store", "verify_store"]
