"""Reading a conversation of the Messages API, message by message, into the turns and steps of a draft."""

from __future__ import annotations

from typing import Any

from footage.interchange.importers.common.blocks_of_recordings import blocks_of, text_of
from footage.interchange.importers.common.calls import CallBook, PictureOf
from footage.interchange.importers.draft import DraftNote, DraftRun, DraftTurn
from footage.providers.tasks import task_of_texts
from footage.trajectory import JSON, RunStatus, StepStatus

__all__ = ["ConversationReader"]


class ConversationReader:
    """
    Takes in replies and the messages between them.

    What the user asks before the first reply is the task; what the user says later becomes a note on the step that
    follows it, since a turn holds what the model said.
    """

    def __init__(self, run: DraftRun, picture: PictureOf | None = None) -> None:
        self.run = run
        self.calls = CallBook(run, picture)
        self._of_reply: dict[str, int] = {}
        self._said: list[str] = []
        self._opening: list[str] = []
        self._asked: dict[int, int | None] = {}

    def reply(
        self,
        content: Any,
        *,
        model: str = "",
        identity: str = "",
        conversation: int = 0,
        at: int | None = None,
        request: JSON | None = None,
        stop_reason: str = "",
        usage: Any = None,
    ) -> None:
        """Take in a reply of the model, or the next part of one that is known by its `identity`."""
        blocks = blocks_of(content)
        number = self._of_reply.get(identity) if identity else None
        if number is None:
            number = len(self.run.turns)
            asked = self._asked.get(conversation)  # the model was asked once it had been told what it asked for
            self.run.turns.append(DraftTurn([], model, conversation, request, identity, started=asked or at))
            if identity:
                self._of_reply[identity] = number
        turn = self.run.turns[number]
        turn.content += blocks
        turn.ended = at if at is not None else turn.ended
        turn.stop_reason = stop_reason or turn.stop_reason
        if isinstance(usage, dict):
            turn.usage = usage
        before = len(self.run.steps)
        self.calls.add_reply(number, blocks, at=at)
        if len(self.run.steps) > before:
            self._note(before)
        for block in blocks:  # the service's own tools answer within the reply
            self.calls.take(block, at=at)

    def user(self, content: Any, *, at: int | None = None, conversation: int = 0) -> None:
        """Take in a message of the user: results of calls, and words."""
        self._asked[conversation] = at
        blocks = blocks_of(content)
        for block in blocks:
            if str(block.get("type") or "").endswith("tool_result"):
                self.calls.take(block, at=at)
        texts = [text_of(block) for block in blocks]
        if not self.run.turns:
            self._opening += texts
            self.run.task = task_of_texts(self._opening)
        elif said := task_of_texts(texts):
            self._said.append(said)

    def _note(self, step: int | None) -> None:
        self.run.notes += [DraftNote(f"the user said: {said}", step) for said in self._said]
        self._said = []

    def end(self) -> None:
        """Say how far the conversation went: one whose last call has no result, or no reply to it, was interrupted."""
        self._note(None)
        last = self.run.turns[-1] if self.run.turns else None
        asked = {step.turn for step in self.run.steps}
        waits = last is None or len(self.run.turns) - 1 in asked
        unknown = any(step.status is StepStatus.UNKNOWN for step in self.run.steps[-1:])
        if self.run.status is RunStatus.COMPLETED and (waits or unknown):
            self.run.status = RunStatus.INTERRUPTED
