"""
Replaying a redacted run: what was typed has to be given anew, and what was painted over stays so.

The new run holds neither: its actions have the same marks, and its screens are painted over in the same places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from footage.machines.contract import Machine
from footage.recorder.kept_out import REMOVED
from footage.storage.redaction.painting import paint
from footage.trajectory import Action, Performed, Region, Screenshot, Step

__all__ = ["Veiled", "filled", "hidden", "marks_of"]

_MARK = re.compile(rf"\[redacted \d+\]|{re.escape(REMOVED)}")


def marks_of(steps: Iterable[Step]) -> list[str]:
    """
    Return the marks in what steps typed, in their order: each stands for one secret.

    A redacted run has one mark for each; what was kept out already when it was recorded has one for all.
    """
    found = (mark for step in steps for mark in _marks(step))
    return list(dict.fromkeys(found))


def filled(step: Step, secrets: Mapping[str, str]) -> Action | None:
    """Return a step's action with the secrets in the places of their marks; None where one is not given."""
    if not _marks(step):
        return step.action
    if not all(mark in secrets for mark in marks_of([step])):
        return None
    arguments = {name: _swapped(value, secrets) for name, value in step.action.arguments.items()}
    return replace(step.action, arguments=arguments)


def hidden(step: Step, performed: Performed, error: str, secrets: Mapping[str, str]) -> tuple[Performed, str]:
    """Return what came of an action without the secrets in it, and without the keys that were pressed."""
    if not (step.redacted or _marks(step)):
        return performed, error
    marks = {secret: mark for mark, secret in secrets.items() if secret}
    return replace(performed, text=_swapped(performed.text, marks), delivered=()), _swapped(error, marks)


@dataclass(frozen=True, slots=True)
class Veiled:
    """A machine whose screen is painted over in some regions."""

    machine: Machine
    regions: Sequence[Region]

    def screenshot(self) -> Screenshot:
        """Return the screen, painted over."""
        shot = self.machine.screenshot()
        return replace(shot, pixels=paint(shot.pixels, self.regions)) if self.regions else shot


def _marks(step: Step) -> list[str]:
    found = _MARK.findall(_texts(step.action.arguments))
    return [mark for mark in found if step.redacted or mark == REMOVED]


def _texts(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return " ".join(_texts(item) for item in value.values())
    return " ".join(_texts(item) for item in value) if isinstance(value, list | tuple) else ""


def _swapped(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for old, new in texts.items():
            value = value.replace(old, new)
    return value
