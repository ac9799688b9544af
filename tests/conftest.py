"""What tests share."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.storage import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a store that is empty."""
    with open_store(tmp_path / "runs.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def needs_qemu() -> None:
    """Skip where QEMU, or the Python side of it, is not installed."""
    if shutil.which("qemu-system-x86_64") is None or importlib.util.find_spec("qemu") is None:
        pytest.skip("qemu-system-x86_64 or the extra footage[qemu] is not installed")
