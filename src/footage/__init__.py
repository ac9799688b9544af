"""
A flight recorder and time-travel debugger for computer-use agents.

    import footage

    with footage.record(task="Add two numbers") as run:
        client = run.attach(anthropic.Anthropic())
        machine = run.watch(machine)
        ...
"""

import sys

TYPE_CHECKING = False  # type checkers know it; nothing is imported here before the command sees to signals
if TYPE_CHECKING:
    from typing import Any

    from footage.errors import FootageError
    from footage.recorder.recording import Recording, record
    from footage.storage import Store, open_store
    from footage.trajectory import Action, Machine

__all__ = ["Action", "FootageError", "Machine", "Recording", "Store", "__version__", "open_store", "record"]

_HOMES = {
    "Action": "footage.trajectory",
    "FootageError": "footage.errors",
    "Machine": "footage.trajectory",
    "Recording": "footage.recorder.recording",
    "Store": "footage.storage",
    "open_store": "footage.storage",
    "record": "footage.recorder.recording",
}


def __getattr__(name: str) -> "Any":
    """Load a public name where it is first used, so that `import footage` stays cheap."""
    import importlib

    if name == "__version__":
        from importlib.metadata import version

        return version("footage")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'footage' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


class _OldNames:
    """Asks `footage.moved` for modules of 0.1, and only where one may be meant: it is loaded by no command's start."""

    _ROOMS = ("footage.analysis.", "footage.recorder.", "footage.replay.", "footage.storage.", "footage.viewer.")

    @classmethod
    def find_spec(cls, fullname: str, _path: "Any" = None, _target: "Any" = None) -> "Any":
        if not fullname.startswith(cls._ROOMS):
            return None
        from footage.moved import find

        return find(fullname)


sys.meta_path.insert(0, _OldNames)  # first, so that no module is loaded twice under two names
