"""What tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.storage import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a store that is empty."""
    with open_store(tmp_path / "runs.db") as opened:
        yield opened
