"""Keeping the latest few of what is costly to read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

__all__ = ["Kept"]

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """
    The values asked for last, up to `most`. Safe to use from any thread.

    Whoever asks for a value that is being made waits for it, and takes it. Nobody waits for the making of another one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Future[Value]] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value known as `key`, made now if it is not kept. What `make` raises is not kept."""
        with self._turn:
            found = self._values.get(key)
            mine = found is None
            if found is None:
                found = self._values[key] = Future()
                if len(self._values) > self._most:
                    self._values.popitem(last=False)
            self._values.move_to_end(key)
        if mine:
            self._make(key, found, make)
        return found.result()

    def _make(self, key: Hashable, value: Future[Value], make: Callable[[], Value]) -> None:
        try:
            value.set_result(make())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told too
            with self._turn:
                if self._values.get(key) is value:
                    del self._values[key]
            value.set_exception(error)
