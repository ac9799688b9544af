"""
Fork: everything up to a step again, then another way, live.

The steps before are re-executed anchored, as in a replay; if they do not lead to the recorded screens, the fork stops
there, since what followed would prove nothing. From the step on, another action, another system prompt or another model
goes on in the reference loop, with the very history the model had at that step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Unpack

from footage.agent.loop import AgentResult, run_agent
from footage.errors import BadAction
from footage.machines.contract import Machine
from footage.providers.anthropic.computer_tools import problem
from footage.recorder.kept_out import secrets_of_environment
from footage.recorder.recording import Recording
from footage.replay.engine import OnStep, ReplayReport, begin_again, check_replayable, play_steps, verdicts_json
from footage.replay.exact.log_keeping import keeping
from footage.replay.fork_history import continuation
from footage.replay.fork_options import ForkChange, ForkKeywords, ForkOptions, with_keywords
from footage.replay.steps import StepPlayer, why_stopped
from footage.storage import RunWriter, Store
from footage.trajectory import JSON, Action, Divergence, Run, RunKind, Step, StepVerdict, Turn

if TYPE_CHECKING:
    import anthropic

__all__ = ["ForkReport", "copy_turns", "fork_run", "play_before"]

DEFAULT_TOOL = "computer_20251124"  # for a history whose requests declare no computer tool (message threads)


@dataclass(slots=True)
class ForkReport:
    """What a fork came to."""

    source: str
    run: str
    at: int
    """The step of the source from which on it goes another way."""
    model: str
    replayed: list[StepVerdict] = field(default_factory=list)
    """Verdicts of the steps before it."""
    divergence: Divergence | None = None
    """Why it never came to the step; None where it did."""
    result: AgentResult | None = None
    """How the live part ended; None where it was not reached."""
    dropped_thinking: int = 0
    """Thinking blocks left out of the replaced reply: they are bound to the conversation they were made in."""

    @property
    def forked(self) -> bool:
        """Whether the live part was reached."""
        return self.result is not None

    def as_json(self) -> JSON:
        """Return the document of `footage fork --json`."""
        divergence = self.divergence.as_json() if self.divergence else None
        result = self.result
        head = {"format": 1, "run": self.run, "source": self.source, "at": self.at, "model": self.model}
        ended = {"reason": result.reason, "text": result.text} if result else None
        rest = {"dropped_thinking": self.dropped_thinking, "divergence": divergence}
        return {**head, "forked": self.forked, "ended": ended, **rest, "steps": verdicts_json(self.replayed)}


def fork_run(
    store: Store,
    reference: str,
    at: int,
    machine: Machine,
    client: anthropic.Anthropic,
    change: ForkChange | None = None,
    options: ForkOptions | None = None,
    **by_name: Unpack[ForkKeywords],
) -> ForkReport:
    """
    Fork a run at step `at` on a freshly started machine; the result is a run of kind `fork` in the same family.

    `change` says what is done otherwise there, `options` how; a field of either may be given by its name instead.
    Steps that lie behind a machine already (`options.restored`) are copied. What a machine recorded of itself is kept
    with the fork (see `keeping`), which ends the machine.

    Raises RunNotFound, UsageError (the run cannot be forked there), MachineError, ModelError.
    """
    change, options = with_keywords(change or ForkChange(), options or ForkOptions(), by_name)
    action, secrets = change.action, options.secrets
    source = store.run(reference)
    check_replayable(source)
    step, turns = store.step(source.id, at), store.turns(source.id)
    if action is not None and (wrong := _off_screen(action, machine) or problem(action)):
        raise BadAction(wrong)
    onward = continuation(store, turns, step, action)
    chosen = change.model or source.model
    writer = begin_again(store, source, RunKind.FORK, machine, model=chosen, at=at)
    report = ForkReport(source.id, writer.run_id, at, chosen, dropped_thinking=onward.dropped_thinking)
    kept_out = secrets_of_environment()
    for secret in (secrets or {}).values():
        kept_out.add(secret)
    with Recording(writer, machine=machine.specification, model=chosen, secrets=kept_out) as recording:
        with keeping(store, recording, machine, on_progress=options.on_progress):
            copies = copy_turns(store, source, turns, step, writer)
            player = StepPlayer(store, source, writer, machine, timeout=options.timeout, turns=copies, secrets=secrets)
            before = play_before(player, at, options.restored, ReplayReport(source.id, writer.run_id), options.on_step)
            report.replayed, report.divergence = before.steps, before.divergence
            if before.reached:
                conversation = next((turn.conversation for turn in turns if turn.number == step.turn), 0)
                recording.wire.adopt(conversation, onward.messages)
                report.result = run_agent(
                    source.task,
                    recording.watch(machine),
                    client,
                    model=chosen,
                    recording=recording,
                    max_steps=options.max_steps,
                    system=onward.system if change.system is None else change.system,
                    tool_version=onward.version or DEFAULT_TOOL,
                    messages=onward.messages,
                    on_event=options.on_event,
                    why_stopped=partial(why_stopped, store.path),
                )
            options.at_end()
        recording.flush()
        writer.end(verdict=before.verdict, divergence=report.divergence)
    return report


def _off_screen(action: Action, machine: Machine) -> str:
    """Say which point of an action lies outside the machine's screen; "" if none does."""
    width, height = machine.specification["screen"]
    for name in ("coordinate", "start_coordinate"):
        point = action.arguments.get(name)
        if point is not None and not (0 <= point[0] < width and 0 <= point[1] < height):
            return f"`{name}` {list(point)} is outside the screen of {width} x {height} pixels."
    return ""


def play_before(
    player: StepPlayer, at: int, restored: int, report: ReplayReport, on_step: OnStep | None
) -> ReplayReport:
    """
    Play the steps before step `at`, the first `restored` of them as copies, and wait for its screen before.

    Fills the report, and returns it.
    """
    for number in range(restored):
        report.steps.append(player.copy(number))
        if on_step:
            on_step(number, len(player.steps), report.steps[-1])
    play_steps(player, range(restored, at), report, on_step)
    if report.reached:
        report.divergence = player.arrive(at)
    return report


def copy_turns(store: Store, source: Run, turns: Sequence[Turn], step: Step, writer: RunWriter) -> dict[int, int]:
    """
    Copy the turns whose replies the replayed part carries out; return {number in the source: number in the fork}.

    Texts and pictures are shared within the family, so that a copy costs a few rows.
    """
    for conversation in store.conversations(source.id):
        writer.conversation(conversation.label)
    copies: dict[int, int] = {}
    wanted = {other.turn for other in store.steps(source.id)[: step.index]}
    for turn in turns:
        if turn.number not in wanted:
            continue
        request = store.request(turn.id)
        number = writer.begin_turn(
            conversation=turn.conversation,
            model=turn.model,
            started=turn.started,
            request=request,
            copied_from=turn.id,
            provider=turn.provider,
        )
        writer.end_turn(
            number,
            content=turn.content,
            ended=turn.ended or turn.started,
            stop_reason=turn.stop_reason,
            usage=turn.usage,
            response_id=turn.response_id,
            status=turn.status,
        )
        copies[turn.number] = number
    return copies
