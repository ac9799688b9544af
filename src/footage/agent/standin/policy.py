"""
What the stand-in says and does next: a pure function of the request.

It keeps nothing between requests. How far it is, it reads from its own earlier calls in the history, so that a history
in which somebody repaired a call is simply gone on with.
"""

from __future__ import annotations

from dataclasses import dataclass

from footage.agent.standin.goals import Character, Goal, Move, goal_of
from footage.agent.standin.request_reading import History, PastCall
from footage.agent.standin.sight import SURE, Found, Sight, open_picture
from footage.errors import BadPicture
from footage.trajectory import Action

__all__ = ["Decision", "decide"]

RESTART = "I start again"
"""How it begins what it says when it clears the calculator; read again from the history."""
AGAIN = "I choose again"
"""The same for a row that was not the right one: the choice before it is to be made once more."""
ROW_OFFSET, ROW = (150, 0), 23
"""It clicks beside a row's label; rows are so many pixels high."""
TARGET_OFFSET = (16, 13)
"""It clicks beside a key's label, to the lower right, so that the pointer does not hide the label."""
EDITOR_OFFSET = (0, 120)
"""The editor's text begins below its menu."""
_MOST_LOOKS, _MOST_WAITS = 3, 20
_MOST_RESTARTS = 2

_KNOWN = (
    "I am a scripted stand-in, no language model, and I know three tasks only: working out a sum with the calculator"
    " (“Work out 12 × 34 with the calculator, then write the answer in the notes and save them”), writing a word"
    " in the notes (“Write hello in the notes”), and Debian's installer (“Go through the installer's first pages:"
    " English, United Kingdom”)."
)


@dataclass(frozen=True, slots=True)
class Decision:
    """One reply: what it thinks, what it says, and what it does; no action ends the task."""

    thinking: str
    text: str
    action: Action | None = None
    """Points are pixels of the screenshot."""


def decide(history: History, character: Character) -> Decision:
    """Return the reply to a request."""
    goal = goal_of(history.task)
    if goal is None:
        return Decision("This is none of the tasks I know.", _KNOWN)
    if not history.version:
        return Decision("There is no computer tool in the request.", "I need a computer tool for this.")
    if history.screen is None:
        if history.looks >= _MOST_LOOKS:
            return Decision("No picture came, however often I asked.", "I am shown no screen, so I stop here.")
        return Decision("I have no picture of the screen yet.", "I take a look at the screen.", Action("screenshot"))
    try:
        sight = Sight(open_picture(history.screen))
    except BadPicture:
        return Decision("The screenshot cannot be opened.", "The screenshot is no picture, so I stop here.")
    return _Turn(history, character, goal, sight).next()


class _Turn:
    """One look at the screen, and the move that follows from it."""

    def __init__(self, history: History, character: Character, goal: Goal, sight: Sight) -> None:
        self._character = character
        self._goal = goal
        self._sight = sight
        self._looks = history.looks
        done = [call for call in history.calls if not call.failed and not call.action.looks_only]
        restarts = [i for i, call in enumerate(done) if call.text.startswith(RESTART)]
        again = [call for call in done if call.text.startswith(AGAIN)]
        self._restarts = len(restarts) + len(again)
        self._done: list[PastCall] = [
            call for call in (done[restarts[-1] + 1 :] if restarts else done) if call not in again
        ]
        self._number = sight.number()

    def next(self) -> Decision:
        at = len(self._done)
        if at >= len(self._goal.moves):
            return self._end()
        move = self._goal.moves[at]
        if move.kind in {"choose", "go_on"}:
            return self._page(move, at)
        if self._character.checks and move.shows is not None and self._number != move.shows:
            return self._again(move.shows)
        if move.kind == "press":
            return self._press(move, at)
        if move.kind == "focus":
            return self._focus()
        if move.kind == "write":
            return self._write(move.what)
        if move.kind == "save":
            return Decision("The text is written; Ctrl+S saves it.", "I save the notes.", _key("ctrl+s"))
        return self._look(at)

    def _press(self, move: Move, at: int) -> Decision:
        found = self._sight.find(f"key-{move.what}")
        if not found.sure:
            return self._missing(found)
        x, y = found.x + TARGET_OFFSET[0], found.y + TARGET_OFFSET[1]
        slip = self._character.slip(self._goal)
        if slip and slip[0] == at:
            beside = self._sight.find(f"key-{slip[1]}")
            x, y = (beside.x + TARGET_OFFSET[0], beside.y + TARGET_OFFSET[1]) if beside.sure else (x, y)
        return Decision(self._seen(found), f"I press {_spoken(move.what)}.", _click(x, y))

    def _focus(self) -> Decision:
        found = self._sight.find("editor-menu")
        if not found.sure:
            return self._missing(found)
        point = found.x + EDITOR_OFFSET[0], found.y + EDITOR_OFFSET[1]
        return Decision(self._seen(found), "I click into the notes.", _click(*point))

    def _write(self, text: str) -> Decision:
        if "{display}" in text and not self._number:
            return self._stop("The calculator's display shows no number that I can read")
        text = text.replace("{display}", self._number)
        return Decision(self._reading(), f"I write “{text}”.", Action("type", {"text": text}))

    def _page(self, move: Move, at: int) -> Decision:
        """Choose a row of the installer's, or go on to the next page."""
        if move.kind == "choose":
            return self._choose(move.what, "", at)
        if self._character.checks and move.shows is not None and not self._is_chosen(move.shows):
            return self._choose(move.shows, AGAIN)
        found = self._sight.find("button-continue")
        if not found.sure:
            return self._missing(found)
        return Decision(self._seen(found), "I go on to the next page.", _click(found.x, found.y))

    def _choose(self, row: str, again: str, at: int = -1) -> Decision:
        found = max(self._sight.find(row), self._sight.find(row, chosen=True), key=lambda one: one.score)
        if not found.sure:
            return self._missing(found)
        if again and self._restarts >= _MOST_RESTARTS:
            return self._stop(f"{_spoken(row)} is not chosen, however often I choose it")
        x, y = found.x + ROW_OFFSET[0], found.y + ROW_OFFSET[1]
        slip = self._character.slip(self._goal)
        if slip and slip[0] == at:
            y += ROW if slip[1] == "below" else -ROW
        said = f"{again}: {_spoken(row)}." if again else f"I choose {_spoken(row)}."
        return Decision(self._seen(found), said, _click(x, y))

    def _is_chosen(self, row: str) -> bool:
        return self._sight.find(row, chosen=True).sure

    def _look(self, at: int) -> Decision:
        if (what := self._goal.moves[at].what) and not (found := self._sight.find(what)).sure:
            return self._missing(found)
        if self._looks and at == len(self._goal.moves) - 1:
            return self._end()
        return Decision("Everything is done; one last look.", "I take a last look.", Action("screenshot"))

    def _end(self) -> Decision:
        row = self._goal.row
        offered = _spoken(row) if row and self._is_chosen(row) else "something else than I wanted"
        said = self._goal.done.replace("{row}", offered).replace("{display}", self._number or "something unreadable")
        return Decision(self._reading(), said)

    def _again(self, wanted: str) -> Decision:
        """Clear a display that is wrong, and start from the first key, unless that was tried often enough."""
        shown = f"The display should show {wanted}, but shows {self._number or 'no number that I can read'}"
        if self._restarts >= _MOST_RESTARTS:
            return self._stop(shown)
        found = self._sight.find("key-clear")
        if not found.sure:
            return self._missing(found)
        point = found.x + TARGET_OFFSET[0], found.y + TARGET_OFFSET[1]
        return Decision(f"{shown}. {self._seen(found)}", f"{RESTART}: I press AC.", _click(*point))

    def _missing(self, found: Found) -> Decision:
        """Look again for what is not on the screen, then give up."""
        said = f"I cannot find {_spoken(found.name)} (best match {found.score:.2f}, I want {SURE})"
        patience = self._goal.patience
        if self._looks >= (_MOST_WAITS if patience else _MOST_LOOKS):
            return self._stop(said)
        if patience:
            return Decision(f"{said}.", f"{said}. I wait for it.", Action("wait", {"duration": patience}))
        return Decision(f"{said}.", f"{said}. I look again.", Action("screenshot"))

    @staticmethod
    def _stop(why: str) -> Decision:
        return Decision(f"{why}.", f"{why}, so I stop here.")

    def _reading(self) -> str:
        if self._goal.row:
            return "I see a page of the installer."
        return f"The calculator shows {self._number}." if self._number else "I read no number on the calculator."

    def _seen(self, found: Found) -> str:
        return f"{self._reading()} I see {_spoken(found.name)} at ({found.x}, {found.y}), match {found.score:.3f}."


def _spoken(name: str) -> str:
    kind, _, rest = name.partition("-")
    if kind == "row":
        return rest.replace("-", " ").title()
    words = {"times": "×", "plus": "+", "equals": "=", "clear": "AC", "editor-menu": "the editor"}
    words |= {"button-continue": "the button Continue", "heading-keyboard": "the page of the keyboard"}
    plain = name.removeprefix("key-")
    return words.get(plain, plain)


def _click(x: int, y: int) -> Action:
    return Action("left_click", {"coordinate": [x, y]})


def _key(keys: str) -> Action:
    return Action("key", {"text": keys})
