"""
Whose doing a divergence is.

The rules, in their order, are those of docs/diff.md: what the screens show decides between the world and how an action
was carried out; what was sent to the model decides between the model and the harness.
"""

from __future__ import annotations

from footage.analysis.phrases import against
from footage.analysis.requests.blame import RequestDifference, compare_requests, differ_in_the_moment
from footage.analysis.runs.delivery import essence
from footage.analysis.runs.run_screens import Screens
from footage.analysis.runs.same_action import ActionDifference, ActionVerdict, compare_actions
from footage.analysis.runs.sides import Side
from footage.analysis.screens.comparison_of_screens import ANOTHER_PAGE, IDENTICAL, ScreenDifference
from footage.analysis.screens.targets import each_its_own
from footage.providers.registry import asked_in
from footage.storage import Store
from footage.trajectory import JSON, Cause, Divergence, Region, RunKind, RunStatus, Step, StepStatus, Turn

LOCAL = 0.05
"""A smaller share of the screen than this may be the effect of clicks a few pixels apart."""

_STOPPED = {
    RunStatus.RECORDING: "is still being recorded",
    RunStatus.INTERRUPTED: "was interrupted",
    RunStatus.ERRORED: "ended with an error",
}
_DONE = {StepStatus.EXECUTED, StepStatus.UNKNOWN, StepStatus.INTENDED}


class Judge:
    """Names the cause of a divergence between two runs."""

    def __init__(self, store: Store, a: Side, b: Side, screens: Screens) -> None:
        self._store = store
        self._a = a
        self._b = b
        self._screens = screens

    # --- the screens part ---

    def of_screens(
        self, i: int, j: int, last: tuple[int, int] | None, difference: ScreenDifference, *, later: bool = False
    ) -> Divergence:
        """
        Return the cause of a material difference of the screens before steps i and j (or at the end of the runs).

        `last` are the steps that acted before, with equal screens before them and alike actions. What they did with
        one of them going astray is named by them; a world that changed is named by the step that found it so. `later`:
        it is no first difference, and `last` None says that the screens before them were not equal either.
        """
        if last is not None:
            found = self._of_last_steps(*last, difference)
            if found is not None:
                return found
        at_end = last is not None and (i >= len(self._a.steps) or j >= len(self._b.steps))
        a_step, b_step = last if last is not None and at_end else self._existing(i, j)
        if last is None and not later:
            kind, why = "start", f"the runs start from different screens: {difference.why}"
        else:
            kind = "size" if difference.resized else "page" if difference.share >= ANOTHER_PAGE else "content"
            why = difference.why
        return Divergence(a_step, b_step, Cause.ENVIRONMENT, kind, why, difference.regions)

    def _of_last_steps(self, p: int, q: int, difference: ScreenDifference) -> Divergence | None:
        """Return the cause where it lies in how steps p and q were chosen or carried out, else None."""
        a, b = self._a.steps[p], self._b.steps[q]
        action = compare_actions(a.action, b.action)
        after = self._screens.after(p, q)
        if after is not None and not after.is_material:
            return None  # the steps had the same effect; what differs came later
        if action.kind is ActionVerdict.NEAR or (not action.exact and self._each_its_own(p, q, difference)):
            return self.of_actions(p, q, action)
        kind, why = _carried_out_otherwise(a, b) if action.exact else ("", "")
        if not kind:
            why = self._one_had_no_effect(p, q)
            if why and not action.exact:
                return self.of_actions(p, q, ActionDifference(action.kind, f"{action.why}; {why}"))
            kind = "no effect" if why else ""
        return Divergence(p, q, Cause.EXECUTION, kind, why, difference.regions) if kind else None

    def _each_its_own(self, p: int, q: int, difference: ScreenDifference) -> bool:
        """Tell whether a small difference all around the steps' points is what each of them alone made."""
        sides = (self._a, p), (self._b, q)
        return (
            difference.share < LOCAL
            and all(
                side.steps[index].action.point is not None
                and self._screens.acted_there(side, index, difference, entirely=True)
                for side, index in sides
            )
            and each_its_own(self._screens, self._a, p, self._b, q, difference)
        )

    def _one_had_no_effect(self, p: int, q: int) -> str:
        """Say which of two steps changed its screen, if one of them did not and the other did where it acted."""
        effects = self._screens.effect(self._a, p), self._screens.effect(self._b, q)
        if effects[0] is None or effects[1] is None or effects[0].is_material == effects[1].is_material:
            return ""
        side, index, effect = (self._a, p, effects[0]) if effects[0].is_material else (self._b, q, effects[1])
        if not self._screens.acted_there(side, index, effect):
            return ""
        if side is self._b and effect.share >= ANOTHER_PAGE and side.came_back(index):
            return ""  # nothing was to be expected of it, and a page came back by itself
        name = "a" if side is self._a else "b"
        return f"{side.steps[index].action.title} took effect in run {name} only"

    # --- the actions part ---

    def of_actions(self, i: int, j: int, action: ActionDifference, *, tolerant: bool = False) -> Divergence:
        """
        Return the cause of two different actions on equal screens, from the requests that asked for them.

        `tolerant`: the screens differed before, in what explains nothing; pictures in the requests are passed over.
        """
        regions = tuple(
            Region(point[0] - 12, point[1] - 12, 24, 24)
            for side, index in ((self._a, i), (self._b, j))
            if index < len(side.steps) and (point := side.steps[index].action.point) is not None
        )
        given = next((name for side, index, name in ((self._a, i, "a"), (self._b, j, "b")) if _given(side, index)), "")
        if given:
            why = f"run {given} was forked here, with an action given by hand"
            return Divergence(*self._existing(i, j), Cause.HARNESS, "given", f"{action.why}; {why}", regions)
        cause, kind, why = self._of_turns(self._a.turn(i), self._b.turn(j), tolerant=tolerant)
        return Divergence(*self._existing(i, j), cause, kind, f"{action.why}; {why}", regions)

    def _existing(self, i: int, j: int) -> tuple[int | None, int | None]:
        """Return the indices of two steps; None for one past the end."""
        return i if i < len(self._a.steps) else None, j if j < len(self._b.steps) else None

    def _of_turns(self, a: Turn | None, b: Turn | None, *, tolerant: bool) -> tuple[Cause, str, str]:
        requests = [
            asked_in(turn, self._store.request(turn.id)) or None if turn is not None else None for turn in (a, b)
        ]
        if a is None or b is None or requests[0] is None or requests[1] is None:
            which = "neither run" if requests == [None, None] else "not both runs"
            why = f"{which} recorded the request, so that a change of the harness cannot be ruled out"
            return Cause.MODEL, "unknown", why
        pictures = _alike if tolerant else self._screens.compare_pictures
        found = compare_requests(requests[0], requests[1], pictures)
        if found is None or found.cause is Cause.MODEL:
            kept = self._kept(self._a, a, requests[0]), self._kept(self._b, b, requests[1])
            if _pruned_otherwise(*kept):
                shown = [f"{held} of {earlier}" for held, earlier in kept]
                return Cause.HARNESS, "history", f"its messages hold {' against '.join(shown)} earlier replies"
            dated = differ_in_the_moment(requests[0], requests[1])
            return self._of_replies(a, b, found, tolerant=tolerant, dated=dated)
        return found.cause, found.kind, f"its request differs in {found.path}: {found.why}"

    @staticmethod
    def _kept(side: Side, turn: Turn, request: JSON) -> tuple[int, int]:
        """Return how many of the model's earlier replies a request holds, and how many there are."""
        earlier = [
            other
            for other in side.turns.values()
            if other.conversation == turn.conversation and other.number < turn.number and other.status == "completed"
        ]
        messages = request.get("messages") or []
        held = sum(isinstance(message, dict) and message.get("role") == "assistant" for message in messages)
        return min(held, len(earlier)), len(earlier)

    def _of_replies(
        self, a: Turn, b: Turn, found: RequestDifference | None, *, tolerant: bool, dated: bool
    ) -> tuple[Cause, str, str]:
        models = [turn.model or side.run.model for turn, side in ((a, self._a), (b, self._b))]
        but = [*(["what was tolerated"] if tolerant else []), *(["dates, times or ids"] if dated else [])]
        equal = f"a request that is equal but for {' and '.join(but)}" if but else "an equal request"
        request = f"a request that differs only in its own words ({found.path})" if found else equal
        if models[0] == models[1]:
            return Cause.MODEL, "sampling", f"the same model ({models[0]}) on {request}"
        return Cause.MODEL, "changed", f"{against(models[0], models[1])} on {request}"

    # --- one run has a step and the other has none ---

    def of_end(self, i: int, j: int, *, tolerant: bool = False) -> Divergence:
        """Return the cause where one run has ended on an equal screen and the other goes on; one index is past it."""
        ended, name, at = (self._a, "a", i) if i >= len(self._a.steps) else (self._b, "b", j)
        other, onward = (self._b, j) if ended is self._a else (self._a, i)
        title = other.steps[onward].action.title
        went_on = f"run {'b' if ended is self._a else 'a'} went on with {title}"
        stopped = _STOPPED.get(
            ended.run.status, "" if ended.turn(at) or not ended.turns else "was stopped by its harness"
        )
        if stopped:
            why = f"run {name} {stopped} after {at} steps; {went_on}"
            return Divergence(*self._existing(i, j), Cause.HARNESS, "stopped", why)
        why = f"run {name} ended after {at} steps; {went_on}"
        return self.of_actions(i, j, ActionDifference(ActionVerdict.DIFFERENT, why), tolerant=tolerant)


def _alike(_a: JSON, _b: JSON) -> ScreenDifference:
    return IDENTICAL


def _given(side: Side, index: int) -> bool:
    """Tell whether a step is the one a fork was made at, its action given by whoever made it and by no model."""
    run = side.run
    at = run.parent.step if run.kind is RunKind.FORK and run.parent else None
    return index == at and index < len(side.steps) and side.steps[index].turn is None


def _pruned_otherwise(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Tell whether no one rule (keep everything, keep the last so many) explains what both requests hold."""
    (fewer, of_fewer), (more, _) = sorted((a, b))
    return fewer < of_fewer and fewer < more


def _carried_out_otherwise(a: Step, b: Step) -> tuple[str, str]:
    """Return how the machines were told, or obeyed, otherwise: kind and why; empty where they did alike."""
    if (a.status in _DONE) != (b.status in _DONE):
        return "failed", f"{a.action.title} was {against(a.status.value, b.status.value)}"
    if a.delivered is None or b.delivered is None or essence(a.delivered) == essence(b.delivered):
        return "", ""
    pairs = zip(a.delivered, b.delivered, strict=False)
    at = next((n for n, (x, y) in enumerate(pairs) if x != y), min(len(a.delivered), len(b.delivered)))
    shown = [list(events[at]) if at < len(events) else "nothing" for events in (a.delivered, b.delivered)]
    counts = f"{len(a.delivered)} input events against {len(b.delivered)}"
    return "input", f"{a.action.title} was delivered otherwise: {counts}, event {at} is {against(*shown)}"
