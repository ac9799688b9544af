"""
What the stand-in can do: three small scripts.

    Work out 12 × 34 with the calculator, then write the answer in the notes and save them.
    Write "hello" in the notes.
    Go through the installer's first pages: English, United Kingdom.

A goal is a list of moves; which one comes next is told by how many were made. It is no language model, and it does not
try to look like one: it knows these tasks, finds things by their picture, and reads the calculator's display.
"""

from __future__ import annotations

import operator
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["PAGES", "SUM", "Character", "Goal", "Move", "Sample", "goal_of"]

_CALCULATION = re.compile(r"(\d{1,6})\s*([×x*+])\s*(\d{1,6})")
_WRITING = re.compile(
    r"\b(?:write|type)\s+(?:\"([^\"]+)\"|“([^”]+)”|(\S+))\s+(?:in|into)\s+the\s+(?:notes|editor)", re.IGNORECASE
)
_OPERATORS = {"×": "times", "x": "times", "*": "times", "+": "plus"}
_SIGNS = {"times": "×", "plus": "+"}
_MATHS = {"times": operator.mul, "plus": operator.add}

_NEIGHBOURS = {"1": "2", "2": "13", "3": "2", "4": "5", "5": "46", "6": "5", "7": "8", "8": "79", "9": "8", "0": "1"}
"""The digits on the keys beside each digit's key."""


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to do."""

    kind: Literal["press", "focus", "write", "save", "choose", "go_on", "look"]
    what: str = ""
    """
    The key's name; the text to write, `{display}` standing for what the calculator shows; the row to choose; what
    must be there for a look.
    """
    shows: str | None = None
    """
    What the calculator's display shows before this move, or which row is chosen, if all went well; None where that does
    not matter.
    """

    @property
    def beside(self) -> Sequence[str]:
        """What is hit in its place by somebody who slips: another key's name, or the row above or below."""
        if self.kind == "choose":
            return ("above", "below")
        return _NEIGHBOURS.get(self.what, "") if self.kind == "press" else ""


@dataclass(frozen=True, slots=True)
class Goal:
    """A task it knows."""

    moves: tuple[Move, ...]
    done: str
    """What it says at the end, `{display}` standing for what the calculator shows, `{row}` for the row it wants."""
    row: str = ""
    """The row that is chosen at the end, if all went well."""
    patience: float = 0.0
    """Seconds that it waits for what is not there yet; without, it looks again at once."""


# The keyboard that it offers follows from the country, so that a slip shows on the last page.
_PAGES = Goal(
    (
        Move("go_on", shows="row-english"),
        Move("choose", "row-united-kingdom"),
        Move("go_on", shows="row-united-kingdom"),
        Move("look", "heading-keyboard"),
    ),
    "The installer has come to the keyboard, and offers {row}. I am done.",
    row="row-british-english",
    patience=3.0,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A task for demos and tests."""

    task: str
    expected: str
    """What stands in the notes, or is chosen on the last page, if it was done right."""


SUM = Sample("Work out 12 × 34 with the calculator, then write the answer in the notes and save them.", "12 × 34 = 408")
PAGES = Sample("Go through the installer's first pages: English, United Kingdom.", "British English")


@dataclass(frozen=True, slots=True)
class Character:
    """
    How it works.

    `careful` compares the display with what it should show before each move, and starts again if it is wrong. `hasty`
    never checks, and slips on exactly one digit key or row: `seed` decides on which, and to which side.
    """

    name: Literal["careful", "hasty"]
    seed: int = 0

    @classmethod
    def of_model(cls, model: str) -> Character | None:
        """Return who a model name means, `stand-in/careful` or `stand-in/hasty:SEED`; None for any other."""
        found = re.fullmatch(r"stand-in/(careful|hasty)(?::(\d{1,9}))?", model)
        if found is None:
            return None
        return cls("careful" if found[1] == "careful" else "hasty", int(found[2] or 0))

    @property
    def model(self) -> str:
        """The name it answers by: `stand-in/careful`, `stand-in/hasty`, `stand-in/hasty:SEED`."""
        return f"stand-in/{self.name}" + (f":{self.seed}" if self.seed else "")

    @property
    def checks(self) -> bool:
        """Whether it looks at what it has done."""
        return self.name == "careful"

    def slip(self, goal: Goal) -> tuple[int, str] | None:
        """Return (number of the move it slips on, what it hits instead); None where it does not slip."""
        slippery = [i for i, move in enumerate(goal.moves) if move.beside]
        if self.name != "hasty" or not slippery:
            return None
        chance = random.Random(self.seed)  # noqa: S311 - a slip needs no secrecy, but must be the same every time
        at = chance.choice(slippery)
        return at, chance.choice(goal.moves[at].beside)


def goal_of(task: str) -> Goal | None:
    """Return the goal that a task's text means, or None."""
    calculation = _CALCULATION.search(task)
    if calculation and re.search(r"calculator", task, re.IGNORECASE):
        return _calculate(calculation[1], _OPERATORS[calculation[2]], calculation[3], task)
    writing = _WRITING.search(task)
    if writing:
        text = next(group for group in writing.groups() if group)
        return Goal((*_note(text, task), Move("look")), f"I have written “{text}” in the notes.")
    if re.search(r"\binstaller", task, re.IGNORECASE):
        return _PAGES
    return None


def _calculate(first: str, sign: str, second: str, task: str) -> Goal:
    first, second = str(int(first)), str(int(second))
    moves: list[Move] = []
    shown = "0"
    for number, then in ((first, sign), (second, "equals")):
        for i, digit in enumerate(number):
            moves.append(Move("press", digit, shown))
            shown = number[: i + 1]
        moves.append(Move("press", then, shown))
    result = str(_MATHS[sign](int(first), int(second)))
    question = f"{first} {_SIGNS[sign]} {second}"
    if re.search(r"notes|editor", task, re.IGNORECASE):
        # What goes into the notes is what the display shows, right or wrong; the sum is for checking only.
        moves += [Move("focus", shows=result), *_note(f"{question} = {{display}} — żółć ✓", task)[1:]]
    moves.append(Move("look"))
    return Goal(tuple(moves), f"The calculator says {question} = {{display}}. I am done.")


def _note(text: str, task: str) -> list[Move]:
    save = [Move("save")] if re.search(r"\bsave", task, re.IGNORECASE) else []
    return [Move("focus"), Move("write", text), *save]
