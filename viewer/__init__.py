"""
The viewer: pages that show the runs of a store on this machine, to whoever was given the address.

`serve` runs it; `create_app` is the Flask application alone. Nothing recorded is ever rendered as HTML. Flask is loaded
where one of them is first used: the exporter `html` is asked what it is without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.lazy import loading

if TYPE_CHECKING:
    from footage.viewer.app import create_app
    from footage.viewer.serving import make_viewer, serve

__all__ = ["create_app", "make_viewer", "serve"]

_HOMES = {
    "create_app": "footage.viewer.app",
    "make_viewer": "footage.viewer.serving",
    "serve": "footage.viewer.serving",
}


__getattr__ = loading(__name__, _HOMES)
