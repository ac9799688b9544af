"""The JSON documents of `footage runs` and `footage show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from footage.cli.shared.printing.text import iso
from footage.storage import Store
from footage.storage.findings import findings_of
from footage.storage.search.places import Place
from footage.trajectory import JSON, Finding, Gap, Instant, Run, Step, Turn

__all__ = ["finding_json", "run_json", "runs_json", "show_json"]


def runs_json(
    runs: Sequence[Run],
    following: str | None,
    places: Mapping[str, Sequence[Place]],
    numbers: Mapping[str, int],
) -> JSON:
    """
    Return {"runs": […], "next"}; `following` is the run to go on from (`--before`), None at the end.

    "at" is what `@1`, `@2` … call a run, by its `numbers`; None for replays and forks. `places`, by run, say where a
    text was found: each such run has "found_in": [{"what", "number"}].
    """
    found = {run: [{"what": what, "number": number} for what, number in held] for run, held in places.items()}
    called = {run: f"@{number}" for run, number in numbers.items()}
    listed = [
        run_json(run) | {"at": called.get(run.id)} | ({"found_in": found[run.id]} if run.id in found else {})
        for run in runs
    ]
    return {"runs": listed, "next": following}


def run_json(run: Run) -> JSON:
    """Return a run as one object of `runs`; times in ISO 8601, UTC."""
    return {
        "id": run.id,
        "family": run.family,
        "kind": run.kind,
        "task": run.task,
        "task_id": run.task_id,
        "model": run.model,
        "status": run.status,
        "error": run.error,
        "steps": run.steps,
        "turns": run.turns,
        "started_at": iso(run.started),
        "ended_at": iso(run.ended),
        "outcomes": [{"value": o.value, "source": o.source, "note": o.note} for o in run.outcomes],
        "tags": list(run.tags),
        "parent": {"run": run.parent.run, "step": run.parent.step} if run.parent else None,
        "replayable": run.replayable,
        "verdict": run.verdict,
        "guarantee": run.guarantee,
        "source_format": run.source_format,
    }


def show_json(store: Store, run: Run) -> JSON:
    """Return {"run", "turns", "steps", "gaps", "notes", "findings"} of one run."""
    return {
        "run": run_json(run) | {"machine": run.machine},
        "turns": [_turn(turn) for turn in store.turns(run.id)],
        "steps": [_step(step) for step in store.steps(run.id)],
        "gaps": [_gap(gap) for gap in store.gaps(run.id)],
        "notes": [{"text": note.text, "step": note.step} for note in store.notes(run.id)],
        "findings": [finding_json(finding) for finding in findings_of(store, run.id)],
    }


def finding_json(finding: Finding) -> JSON:
    """Return {"step", "kind", "message", "confidence", "region", "evidence", "rule"}; evidence: ids of frames."""
    return {
        "step": finding.step,
        "kind": finding.kind,
        "message": finding.message,
        "confidence": finding.confidence,
        "region": finding.region.as_list() if finding.region else None,
        "evidence": list(finding.evidence),
        "rule": finding.rule,
    }


def _turn(turn: Turn) -> JSON:
    attempts = [{"number": a.number, "status": a.status, "error": a.error} for a in turn.attempts]
    return {
        "number": turn.number,
        "conversation": turn.conversation,
        "model": turn.model,
        "provider": turn.provider or "anthropic",
        "status": turn.status,
        "text": turn.text,
        "thinking": turn.thinking,
        "stop_reason": turn.stop_reason,
        "usage": turn.usage,
        "attempts": attempts,
        "started_at": iso(turn.started),
        "duration_ms": _milliseconds(turn.started, turn.ended),
    }


def _step(step: Step) -> JSON:
    frames = [
        {
            "id": frame.id,
            "role": role,
            "size": [frame.width, frame.height],
            "region": frame.region.as_list() if frame.region else None,
            "derived": frame.derived,
            "source": frame.source,
        }
        for role, held in step.frames.items()
        for frame in held
    ]
    return {
        "index": step.index,
        "turn": step.turn,
        "status": step.status,
        "action": _action(step),
        "delivered": None if step.delivered is None else [list(event) for event in step.delivered],
        "result": {"text": step.result_text, "error": step.error},
        "verdict": step.verdict.verdict if step.verdict else None,
        "why": step.verdict.why if step.verdict else "",
        "source_step": step.source_step,
        "frames": frames,
        "started_at": iso(step.started),
        "duration_ms": step.duration_ms,
    }


def _action(step: Step) -> JSON:
    action = step.action
    x, y = action.point or (None, None)
    return {
        "name": action.name,
        "namespace": action.namespace,
        "x": x,
        "y": y,
        "tracked": action.tracked is not None,
        "outside": step.outside,
        "text": action.arguments.get("text"),
        "arguments": action.arguments,
    }


def _gap(gap: Gap) -> JSON:
    return {"step": gap.step, "reason": gap.reason, "lost": gap.lost, "at": iso(gap.at)}


def _milliseconds(start: Instant, end: Instant | None) -> float | None:
    return (end.monotonic_ns - start.monotonic_ns) / 1e6 if end else None
