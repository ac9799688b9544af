"""
Between the recorder and a store that may fail: a failing store never breaks the agent.

By default a failure is logged once, what is lost is counted, and the gap is marked in the run as soon as the store
writes again. A strict guard raises instead.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from footage.recorder.kept_out import Secrets
from footage.storage import RunWriter

__all__ = ["Guard"]

_log = logging.getLogger("footage")
_T = TypeVar("_T")


class Guard:
    """Carries out what writes into a run. Thread-safe."""

    def __init__(
        self, writer: RunWriter | None, *, strict: bool = False, secrets: Secrets | None = None, shared: bool = False
    ) -> None:
        self.writer = writer
        self.strict = strict
        self.secrets = secrets if secrets is not None else Secrets()
        """What is kept out of everything that is written."""
        self.shared = shared
        """Whether other layers, in other processes, write into the same run."""
        self._lock = threading.Lock()
        self._warned = False
        self._lost = 0
        self._reason = ""
        self.lost_in_all = 0
        """How many events are lost, whether a gap in the run speaks of them or not."""
        self.why = ""
        """Why the first of them is lost."""

    @property
    def lost(self) -> int:
        """How many events are lost that no gap in the run speaks of yet."""
        return self._lost

    def write(self, what: str, call: Callable[[RunWriter], _T]) -> _T | None:
        """
        Return what `call` returns, or None where it failed; `what` names the loss ("a step").

        What was lost before is marked first. Raises if strict: what is lost then is marked as well, if the store ever
        writes again.
        """
        if self.writer is None:
            return None
        try:
            self._mark_gap(self.writer)
            return call(self.writer)
        except Exception as error:
            self._note(what, error)
            if self.strict:
                raise
            return None

    def write_all(self, what: str, calls: Sequence[Callable[[RunWriter], _T]]) -> list[_T | None]:
        """Do as `write` for each call, all in one transaction; where that fails, each for itself."""
        if self.writer is not None and len(calls) > 1:
            try:
                self._mark_gap(self.writer)
                with self.writer.together():
                    return [call(self.writer) for call in calls]
            except Exception as error:  # noqa: BLE001 - each call tells of its own failure below
                _log.debug("not stored at once: %s", self.secrets.clean(str(error)))
        return [self.write(what, call) for call in calls]

    def attempt(self, what: str, call: Callable[[], _T]) -> _T | None:
        """Do the same for the recorder's own work on hostile input (parsing, decoding), which writes by `write`."""
        try:
            return call()
        except Exception as error:
            if self.strict:
                raise
            self._note(what, error)
            return None

    def mark(self) -> None:
        """Mark what was lost. Raises what the store raises; nothing more is lost by it."""
        if self.writer is not None:
            self._mark_gap(self.writer)

    def flush(self) -> None:
        """Mark what was lost, if the store writes again. Raises if strict."""
        try:
            self.mark()
        except Exception as error:
            if self.strict:
                raise
            _log.debug("no gap could be marked: %s", self.secrets.clean(str(error)))

    def _note(self, what: str, error: Exception) -> None:
        with self._lock:
            self._lost += 1
            self.lost_in_all += 1
            said = self.secrets.clean(str(error))
            self.why = self.why or said
            self._reason = self._reason or f"{what} could not be recorded: {type(error).__name__}: {said}"
            first, self._warned = not self._warned, True
        if first and not self.strict:
            _log.warning("%s could not be recorded (%s); the agent goes on, the run will show a gap.", what, said)
        _log.debug("not recorded: %s (%s)", what, said)

    def _mark_gap(self, writer: RunWriter) -> None:
        if not self._lost:
            return
        with self._lock:
            lost, reason, self._lost, self._reason = self._lost, self._reason, 0, ""
        try:
            if lost:
                writer.gap(reason, lost=lost)
        except Exception:
            with self._lock:
                self._lost, self._reason = self._lost + lost, reason
            raise
