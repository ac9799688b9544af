"""The exporter `html`: a run as a page that plays without footage. The page's makers are loaded when it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.storage import Store
    from footage.viewer.html_export import Page

__all__ = ["ENDING", "LINE", "NAME", "export"]

NAME = "html"
ENDING = ".html"
LINE = "one run as a flipbook that plays in any browser, without a network and without footage"


def export(
    store: Store, runs: Sequence[str], path: Path, *, overwrite: bool, on_progress: Callable[[int, int], None]
) -> Page:
    """Write one run as one HTML file."""
    from footage.viewer.html_export import write_page

    return write_page(store, runs[0], path, overwrite=overwrite, on_progress=on_progress)
