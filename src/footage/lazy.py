"""Names of a package that are loaded where they are first used, so that the package itself costs next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["loading"]


def loading(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package: `homes` says in which module each of its names is."""

    def load(name: str) -> Any:
        import importlib

        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load
