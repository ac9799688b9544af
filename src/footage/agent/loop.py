"""
The reference agent loop: screenshot, model, action, until the model is done.

Every result carries the screen once it is at rest after the action, so that the model can correct itself. Errors go
back to it as results. Everything is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from footage.errors import MachineError, ModelError, UsageError
from footage.machines.contract import Machine
from footage.providers.anthropic.computer_tools import TOOL_VERSIONS, TOOLSET, PointerTracker, actions_of, problem
from footage.providers.anthropic.scaling import encode_png, fitting_size, fitting_space
from footage.providers.common_form import objects
from footage.providers.images import image_block
from footage.recorder.recording import Recording
from footage.recorder.screen.watched_machine import WatchedMachine
from footage.trajectory import JSON, Action, Pixels, Space

if TYPE_CHECKING:
    from anthropic import Anthropic

__all__ = ["AgentEvent", "AgentResult", "run_agent"]

Reason = Literal["done", "max_steps", "max_tokens", "refused", "context_full", "stopped"]

MAX_TOKENS = 8192
"""Of one reply."""

_BETAS = {
    "computer_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
}
_ENDS: dict[str, Reason] = {
    "end_turn": "done",
    "stop_sequence": "done",
    "tool_use": "done",
    "max_tokens": "max_tokens",
    "refusal": "refused",
    "model_context_window_exceeded": "context_full",
}
_GOES_ON = frozenset({"pause_turn", "compaction"})
_SKIPPED = "Not executed: an earlier action in this turn failed."


@dataclass(frozen=True, slots=True)
class AgentEvent:
    """Something the loop tells whoever watches it."""

    kind: Literal["thinking", "text", "action", "error"]
    text: str = ""
    action: Action | None = None
    step: int = 0
    """How many actions were performed before."""


@dataclass(frozen=True, slots=True)
class AgentResult:
    """How a run of the agent ended."""

    reason: Reason
    text: str
    """What the model said last."""
    steps: int
    messages: tuple[JSON, ...]


def run_agent(
    task: str,
    machine: Machine,
    client: Anthropic,
    *,
    model: str,
    recording: Recording,
    max_steps: int = 50,
    system: str | None = None,
    tool_version: str = "computer_20251124",
    messages: Sequence[JSON] | None = None,
    on_event: Callable[[AgentEvent], None] | None = None,
    why_stopped: Callable[[], str] = lambda: "",
) -> AgentResult:
    """
    Let `model` work on `task` with a machine, and record it.

    `messages` continues an existing history (a fork); tool calls it leaves unanswered are carried out first.
    `tool_version` is one of the four computer tools. Stops after `max_steps` actions. Raises ModelError where the
    service answers with an error, UsageError for an unknown tool; what a machine cannot do is told to the model.
    Where `why_stopped` gives a reason, no action is begun any more, and no reply asked for.
    """
    if tool_version not in TOOL_VERSIONS:
        raise UsageError(f"There is no tool {tool_version!r}.", hint=f"One of: {', '.join(TOOL_VERSIONS)}.")
    watched = machine if isinstance(machine, WatchedMachine) else recording.watch(machine)
    history = list(messages) if messages is not None else [{"role": "user", "content": task}]
    loop = _Loop(
        watched, recording.attach(client), model, system, tool_version, history, max_steps, on_event, why_stopped
    )
    result = loop.run()
    recording.steps.abandon_all("Not executed: the agent had ended.")
    return result


class _Loop:
    """One run of the agent: its history, and what it may still do."""

    def __init__(
        self,
        machine: WatchedMachine,
        client: Anthropic,
        model: str,
        system: str | None,
        tool_version: str,
        history: list[JSON],
        max_steps: int,
        on_event: Callable[[AgentEvent], None] | None,
        why_stopped: Callable[[], str],
    ) -> None:
        screen = machine.specification.get("screen") or machine.screenshot().size
        self._machine = machine
        self._client = client
        self._space: Space = fitting_space(int(screen[0]), int(screen[1]))
        self._version = tool_version
        self._request: JSON = {"model": model, "max_tokens": MAX_TOKENS, "tools": [self._tool()]}
        if system is not None:
            self._request["system"] = system
        self._history = history
        self._left = max_steps
        self._done = 0
        self._pointer = PointerTracker()
        self._tell = on_event or (lambda _: None)
        self._why_stopped = why_stopped

    def run(self) -> AgentResult:
        if self._history and self._history[-1].get("role") == "assistant":
            self._perform_all(self._history[-1]["content"])
        text = ""
        while self._left > 0:
            if why := self._why_stopped():
                return self._result("stopped", why)
            content, stop_reason = self._ask()
            self._history.append({"role": "assistant", "content": content})
            text = "\n\n".join(block["text"] for block in content if block.get("type") == "text") or text
            if stop_reason in _GOES_ON:
                continue
            calls = [block for block in content if block.get("type") == "tool_use"]
            if not calls or stop_reason in {"max_tokens", "refusal"}:
                return self._result(_ENDS.get(stop_reason, "stopped"), text)
            self._perform_all(content)
        return self._result("max_steps", text)

    def _result(self, reason: Reason, text: str) -> AgentResult:
        return AgentResult(reason, text, self._done, tuple(self._history))

    # --- the model ---

    def _tool(self) -> JSON:
        if self._version == TOOLSET:
            return {"type": TOOLSET}
        tool: JSON = {"type": self._version, "name": "computer"}
        tool |= {"display_width_px": self._space.width, "display_height_px": self._space.height}
        return {**tool, "enable_zoom": True} if self._version == "computer_20251124" else tool

    def _ask(self) -> tuple[list[JSON], str]:
        """Send the history; return the reply's content blocks and why it stopped."""
        import anthropic

        request: Any = {**self._request, "messages": self._history}
        try:
            if self._version in _BETAS:
                beta = self._client.beta.messages.create(**request, betas=[_BETAS[self._version]])
                reply = beta.model_dump(mode="json", exclude_unset=True)
            else:
                reply = self._client.messages.create(**request).model_dump(mode="json", exclude_unset=True)
        except anthropic.APIStatusError as error:
            raise ModelError(f"The model's service answered {error.status_code}: {_said(error.body)}") from error
        except anthropic.APIConnectionError as error:
            raise ModelError(
                f"The model's service cannot be reached: {error}", hint="Is the network there? Is the base URL right?"
            ) from error
        content = objects(reply.get("content"))
        for block in content:
            if block.get("type") == "thinking":
                self._tell(AgentEvent("thinking", str(block.get("thinking")), step=self._done))
            elif block.get("type") == "text":
                self._tell(AgentEvent("text", str(block.get("text")), step=self._done))
        return content, str(reply.get("stop_reason") or "")

    # --- its actions ---

    def _perform_all(self, content: Any) -> None:
        """Carry out a reply's calls in their order, up to the first that fails; answer them all in one message."""
        results: list[JSON] = []
        failed = False
        for block in objects(content):
            if block.get("type") == "tool_use":
                result = _text_result(_SKIPPED, failed=True) if failed else self._perform(block)
                failed = failed or bool(result.get("is_error"))
                echo = {"toolset_name": block["toolset_name"]} if block.get("toolset_name") else {}
                results.append({"type": "tool_result", "tool_use_id": block["id"], **echo, **result})
        if results:
            self._history.append({"role": "user", "content": results})

    def _perform(self, block: JSON) -> JSON:
        """Carry out one call; return the result's `content` and, if it failed, `is_error`."""
        text, picture = "", None
        toolset = self._version == TOOLSET
        for action in actions_of(block, space=self._space, toolset=toolset, pointer=self._pointer):
            wrong = problem(action) if action.is_computer else f"There is no tool named {block.get('name')!r} here."
            if not wrong and self._left <= 0:
                wrong = "Not executed: the limit of actions is reached."
            wrong = wrong or self._why_stopped()
            if wrong:
                self._tell(AgentEvent("error", wrong, action, self._done))
                return _text_result(wrong, failed=True)
            self._tell(AgentEvent("action", action=action, step=self._done))
            self._left, self._done = self._left - 1, self._done + 1
            try:
                performed = self._machine.perform(action, str(block.get("id") or ""))
            except MachineError as error:
                self._tell(AgentEvent("error", str(error), action, self._done))
                return _text_result(f"{action.name} failed: {error}", failed=True)
            text, picture = performed.text or f"Done: {action.name}.", performed.picture
        return {"content": [{"type": "text", "text": text}, image_block(self._png(picture))]}

    def _png(self, picture: Pixels | None) -> bytes:
        """Return the picture that answers a call: a zoom's own, else the screen at rest."""
        if picture is None:
            shot = self._machine.rested or self._machine.screenshot()
            picture = shot.pixels
        return encode_png(picture, fitting_size(picture.shape[1], picture.shape[0]))


def _text_result(text: str, *, failed: bool) -> JSON:
    # The API takes nothing but text in a result that is an error.
    return {"content": [{"type": "text", "text": text}], **({"is_error": True} if failed else {})}


def _said(body: object) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("message")) if isinstance(error, dict) else str(body)
