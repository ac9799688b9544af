"""
The viewer: pages that show the runs of a store on this machine, to whoever was given the address.

`serve` runs it; `create_app` is the Flask application alone. Nothing recorded is ever rendered as HTML. Flask is loaded
where one of them is first used: the exporter `html` is asked what it is without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from footage.viewer.app import create_app
    from footage.viewer.serving import make_viewer, serve

__all__ = ["create_app", "make_viewer", "serve"]

_HOMES = {
    "create_app": "footage.viewer.app",
    "make_viewer": "footage.viewer.serving",
    "serve": "footage.viewer.serving",
}


def __getattr__(name: str) -> Any:
    """Load a name where it is first used."""
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'footage.viewer' has no attribute {name!r}")
