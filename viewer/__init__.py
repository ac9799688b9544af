"""
The viewer: pages that show the runs of a store on this machine, to whoever was given the address.

`serve` runs it; `create_app` is the Flask application alone. Nothing recorded is ever rendered as HTML.
"""

from footage.viewer.app import create_app
from footage.viewer.serving import make_viewer, serve

__all__ = ["create_app", "make_viewer", "serve"]
