"""A small store of real runs, recorded by `footage demo`: something to look at right after installing."""

from __future__ import annotations

from pathlib import Path

__all__ = ["sample_path"]


def sample_path() -> Path:
    """Return the sample store's path. Open it read-only."""
    return Path(__file__).with_name("sample.db")
