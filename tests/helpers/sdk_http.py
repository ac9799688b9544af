"""The HTTP library that the installed SDK stands on: httpx2 since anthropic 1.0, httpx before."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import anthropic

if TYPE_CHECKING:
    import httpx2 as http
else:
    http = importlib.import_module(anthropic.DefaultHttpxClient.__mro__[-2].__module__.partition(".")[0])

__all__ = ["http"]
