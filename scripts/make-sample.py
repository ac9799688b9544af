"""
Record the sample store that ships with footage: run the demo, and keep what it recorded in one compact file.

    python scripts/make-sample.py
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from footage.cli.shared.demonstration import demonstrate
from footage.sample import sample_path
from footage.storage import open_store, verify_store


def main() -> int:
    """Write the sample anew; return 1 where the demo did not come out as expected."""
    target = sample_path()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.db"
        with open_store(path) as store:
            done = demonstrate(store, on_stage=lambda title, now: None if now else print(title))
            whole = verify_store(store).ok
        if not (done.as_expected and whole):
            print("The demo did not come out as expected; the sample stays as it was.", file=sys.stderr)
            return 1
        target.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))  # one file, no WAL: it may lie in a read-only folder
    target.chmod(0o644)
    print(f"{target.name}: {target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
