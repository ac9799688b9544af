"""What two runs were answered and said though they did the same: results of steps, last words, outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from footage.analysis.requests.conditions import Condition, Forgiven, forgiven, told
from footage.analysis.requests.volatile_text import scrubbed
from footage.analysis.runs.sides import Side
from footage.analysis.runs.walk import StepPair
from footage.trajectory import Step, StepStatus

__all__ = ["answered_otherwise", "forgiven_answers"]

_DONE = frozenset({StepStatus.EXECUTED, StepStatus.FAILED, StepStatus.NOT_EXECUTED})


def answered_otherwise(a: Side, b: Side, pairs: Sequence[StepPair]) -> tuple[Condition, ...]:
    """
    Return what differs beside actions and screens, by name: `step 3` (how it went), `result of step 3`, `last words`,
    `outcome`.

    What only one run knows is left out, and so is what differs only in dates, times, ids and the like.
    """
    return tuple(_found(a, b, pairs))


def forgiven_answers(a: Side, b: Side, pairs: Sequence[StepPair]) -> tuple[Forgiven, ...]:
    """Return which results and last words differ only in what is another each time."""
    found: list[Forgiven] = []
    for index, one, two in _same_actions(a, b, pairs):
        found += forgiven(f"result of step {index}", one.result_text or "", two.result_text or "")
    return (*found, *forgiven("last words", _last_words(a), _last_words(b)))


def _found(a: Side, b: Side, pairs: Sequence[StepPair]) -> Iterator[Condition]:
    for index, one, two in _same_actions(a, b, pairs):
        if one.status != two.status and {one.status, two.status} <= _DONE:
            yield Condition(f"step {index}", _went(one), _went(two))
        elif one.result_text and two.result_text and scrubbed(one.result_text) != scrubbed(two.result_text):
            yield Condition(f"result of step {index}", told(one.result_text), told(two.result_text))
    words = _last_words(a), _last_words(b)
    if all(words) and scrubbed(words[0]) != scrubbed(words[1]):
        yield Condition("last words", *map(told, words))
    judged = _outcomes(a), _outcomes(b)
    if all(judged) and judged[0] != judged[1]:
        yield Condition("outcome", *judged)


def _same_actions(a: Side, b: Side, pairs: Sequence[StepPair]) -> Iterator[tuple[int, Step, Step]]:
    """Yield (index in a, step, step) where both runs did the very same: what else they did has other answers anyway."""
    for pair in pairs:
        if pair.a is not None and pair.b is not None and pair.action is not None and pair.action.exact:
            yield pair.a, a.steps[pair.a], b.steps[pair.b]


def _went(step: Step) -> str:
    return told(f"{step.status.value}: {step.error}" if step.error else step.status.value)


def _last_words(side: Side) -> str:
    """Return the text of the reply that asked for nothing more; "" where there is none."""
    turn = side.turn(len(side.steps))
    blocks = turn.content if turn is not None else ()
    return "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")


def _outcomes(side: Side) -> str:
    return ", ".join(sorted({outcome.value for outcome in side.run.outcomes}))
