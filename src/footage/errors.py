"""
Everything footage raises on purpose, as one tree.

    FootageError
      UsageError               a wrong argument, name or file
        RunNotFound            no run, or more than one, fits what was asked for
        BadPicture             bytes that are no picture, or one too large to open
        BadAction              an action that cannot be understood
        BadImport              a file that cannot, or must not, be imported
      StoreError               something about the store
        NotAStore              the file is no store of footage
        StoreTooNew            written by a newer footage
        StoreCorrupt           a stored value fails its check
        StoreFull              no room left to write
      CannotDo                 this system lacks what it takes
        NoDisplay              no X server could be started or reached
        MissingProgram         a needed program is not installed
        NoApiKey               the model's service was asked for, but no key is set
        PluginBroken           an installed plug-in cannot be loaded
      MachineError             a machine did not do what it was told
        UnsupportedAction      the machine has no such action
      ModelError               the model's service answered with an error

Each carries one sentence, and a hint that says what to do. `code` is the machine-readable name used by
`--json`, `exit_code` what the command line ends with (2: usage or input, 3: it could not be done).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "BadAction",
    "BadImport",
    "BadPicture",
    "CannotDo",
    "FootageError",
    "MachineError",
    "MissingProgram",
    "ModelError",
    "NoApiKey",
    "NoDisplay",
    "NotAStore",
    "PluginBroken",
    "RunNotFound",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreTooNew",
    "UnsupportedAction",
    "UsageError",
]


class FootageError(Exception):
    """Base of all errors that footage raises on purpose."""

    code: ClassVar[str] = "error"
    """What it is called in JSON documents."""
    exit_code: ClassVar[int] = 3
    """What the command line ends with: 2 for usage and input, 3 where it could not be done."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What happened: one sentence."""
        self.hint = hint
        """What to do; may be empty."""

    def told(self) -> dict[str, str]:
        """Return {"kind", "message", "hint"}: what another process raises it again from, by `from_told`."""
        return {"kind": type(self).__name__, "message": self.message, "hint": self.hint}

    @staticmethod
    def from_told(said: Mapping[str, Any]) -> FootageError:
        """Return the error that another process told of."""
        kind = globals().get(str(said["kind"]))
        known = kind if isinstance(kind, type) and issubclass(kind, FootageError) else FootageError
        return known(said["message"], hint=said["hint"])


class UsageError(FootageError):
    """A wrong argument, name or file."""

    code = "usage"
    exit_code = 2


class RunNotFound(UsageError):
    """No run, or more than one, fits what was asked for."""

    code = "run_not_found"


class BadPicture(UsageError):
    """Bytes that are no picture, or one too large to open."""

    code = "bad_picture"


class BadAction(UsageError):
    """An action that cannot be understood."""

    code = "bad_action"


class BadImport(UsageError):
    """A file that cannot, or must not, be imported; the message says why."""

    code = "bad_import"


class StoreError(FootageError):
    """Something about the store."""

    code = "store"


class NotAStore(StoreError):
    """The file is no store of footage."""

    code = "not_a_store"
    exit_code = 2


class StoreTooNew(StoreError):
    """The file was written by a newer footage."""

    code = "store_too_new"
    exit_code = 2


class StoreCorrupt(StoreError):
    """A stored value fails its check."""

    code = "store_corrupt"


class StoreFull(StoreError):
    """No room left to write."""

    code = "store_full"


class CannotDo(FootageError):
    """This system lacks what it takes."""

    code = "cannot_do"


class NoDisplay(CannotDo):
    """No X server could be started or reached."""

    code = "no_display"


class MissingProgram(CannotDo):
    """A needed program is not installed."""

    code = "missing_program"


class NoApiKey(CannotDo):
    """The model's service was asked for, but no key is set."""

    code = "no_api_key"


class PluginBroken(CannotDo):
    """An installed plug-in cannot be loaded; the message says of which package, and why."""

    code = "plugin"


class MachineError(FootageError):
    """A machine did not do what it was told."""

    code = "machine"


class UnsupportedAction(MachineError):
    """The machine has no such action."""

    code = "unsupported_action"


class ModelError(FootageError):
    """The model's service answered with an error."""

    code = "model"
