"""Version 1: runs, conversations, turns, steps, frames, pictures, and what is said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.storage.schema.tables import instant, table

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["create"]


def create(db: Database) -> None:
    """Create every table of version 1."""
    _runs(db)
    _wire(db)
    _steps(db)
    _screens(db)
    _remarks(db)


def _runs(db: Database) -> None:
    # A run, its replays and its forks; what they share (pictures, documents) belongs to the family.
    table(db, "family", {"name": str}, required={"name"}, unique=("name",))
    table(
        db,
        "run",
        {
            "name": str,  # what people type: 12 characters, unique
            "family": int,
            "kind": str,
            "status": str,
            "task": str,
            "task_id": str,
            "model": str,
            "machine": str,  # JSON: the specification; NULL without a screen
            "parent": int,
            "parent_step": int,
            "source_format": str,
            "trusted": int,
            "guarantee": str,
            "verdict": str,
            "divergence": str,  # JSON
            "error": str,
            "steps": int,  # how many; kept here so that a list of runs is one query
            "turns": int,
            **instant("started"),
            **instant("ended"),
        },
        required={"name", "family", "kind", "status", "task", "task_id", "model", "steps", "turns", "trusted"},
        references={"family": "family"},
        unique=("name",),
        indexes=(("family",), ("kind",), ("status",), ("task_id",), ("parent",)),
    )
    # One row for each process that writes into a run. Its events are numbered without holes, so that a missing
    # one is seen; the heartbeat shows when a writer died.
    table(
        db,
        "writer",
        {"run": int, "number": int, "layer": str, "about": str, "next_sequence": int, **instant("heartbeat")},
        required={"run", "number", "next_sequence"},
        references={"run": "run"},
        unique=("run", "number"),
    )
    table(
        db,
        "event",
        {"run": int, "writer": int, "sequence": int, "kind": str, "subject": int, **instant("at")},
        required={"run", "writer", "sequence", "kind"},
        references={"run": "run"},
        unique=("run", "writer", "sequence"),
    )
    # What is too large for a database (record logs, snapshots) lies beside it, named by hash.
    table(
        db,
        "artefact",
        {"run": int, "kind": str, "sha256": str, "bytes": int, "about": str},
        required={"run", "kind", "sha256", "bytes"},
        references={"run": "run"},
        indexes=(("run",),),
    )


def _wire(db: Database) -> None:
    table(
        db,
        "conversation",
        {"run": int, "number": int, "label": str},
        required={"run", "number"},
        references={"run": "run"},
        unique=("run", "number"),
    )
    # JSON texts (messages, tools, system prompts), once in a family each.
    table(
        db,
        "document",
        {"family": int, "sha256": str, "body": bytes},
        required={"family", "sha256", "body"},
        references={"family": "family"},
        unique=("family", "sha256"),
    )
    table(
        db,
        "turn",
        {
            "run": int,
            "conversation": int,
            "number": int,
            "model": str,
            "status": str,
            "response_id": str,
            "content": str,  # JSON list of blocks
            "stop_reason": str,
            "usage": str,  # JSON
            "copied_from": int,
            **instant("started"),
            **instant("ended"),
        },
        required={"run", "conversation", "number", "model", "status"},
        references={"run": "run"},
        unique=("run", "number"),
    )
    # A request is its predecessor's messages, edited (see requests.py), and a document with everything else.
    table(
        db,
        "request",
        {
            "run": int,
            "turn": int,
            "predecessor": int,
            "edits": str,
            "rest": int,
            "sha256": str,  # of the hashes of its documents
            "messages": int,  # how many; NULL where its messages were no list
        },
        required={"run", "turn", "edits", "rest", "sha256"},
        references={"run": "run"},
        unique=("turn",),
        indexes=(("run",),),
    )
    table(
        db,
        "attempt",
        {
            "run": int,
            "turn": int,
            "number": int,
            "status": int,
            "error": str,
            **instant("started"),
            **instant("ended"),
        },
        required={"run", "turn", "number"},
        references={"run": "run"},
        unique=("turn", "number"),
        indexes=(("run",),),
    )


def _steps(db: Database) -> None:
    table(
        db,
        "step",
        {
            "run": int,
            "number": int,
            "turn": int,  # number of the turn; NULL for scripted and imported steps
            "call_id": str,
            "call_index": int,
            "namespace": str,
            "name": str,
            "arguments": str,  # JSON, points in screen pixels
            "raw": str,  # JSON: the input as it came
            "space": str,  # JSON: the space of the raw coordinates
            "x": int,
            "y": int,
            "tracked": int,  # 1 where the point is the tracked pointer
            "status": str,
            "result_text": str,
            "error": str,
            "delivered": str,  # JSON: input events
            "source_step": int,
            "verdict": str,
            "verdict_why": str,
            "verdict_regions": str,  # JSON
            "expected_frame": int,
            "actual_frame": int,
            **instant("intended"),
            **instant("started"),
            **instant("ended"),
        },
        required={"run", "number", "call_id", "call_index", "namespace", "name", "arguments", "status"},
        references={"run": "run"},
        unique=("run", "number"),
        indexes=(("run", "call_id", "call_index"),),
    )


def _screens(db: Database) -> None:
    # New tiles of one picture, side by side in one lossless image (see tiles.py).
    table(
        db,
        "atlas",
        {"family": int, "columns": int, "count": int, "image": bytes},
        required={"family", "columns", "count", "image"},
        references={"family": "family"},
        indexes=(("family",),),
    )
    table(
        db,
        "picture",
        {
            "family": int,
            "width": int,
            "height": int,
            "sha256": str,  # of (width, height, RGB rows)
            "tiles": bytes,  # which atlas and slot each tile is in; NULL where the original is kept
            "original": bytes,  # bytes that arrived lossy, or hold more than RGB pixels, kept as they came
            "original_sha256": str,
            "lossy": int,
        },
        required={"family", "width", "height", "sha256", "lossy"},
        references={"family": "family"},
        indexes=(("family", "sha256"),),
    )
    table(
        db,
        "frame",
        {
            "run": int,
            "picture": int,
            "display": str,
            "screen_width": int,
            "screen_height": int,
            "region": str,  # JSON [x, y, width, height]; NULL for the whole screen
            "source": str,
            "derived": int,
            **instant("captured"),
        },
        required={"run", "picture", "screen_width", "screen_height", "source", "derived"},
        references={"run": "run", "picture": "picture"},
        indexes=(("run",), ("picture",)),
    )
    table(
        db,
        "frame_role",
        {"frame": int, "step": int, "role": str},
        required={"frame", "step", "role"},
        references={"frame": "frame", "step": "step"},
        unique=("step", "role", "frame"),
        indexes=(("frame",),),
    )


def _remarks(db: Database) -> None:
    table(
        db,
        "outcome",
        {"run": int, "value": str, "source": str, "note": str, **instant("at")},
        required={"run", "value", "source"},
        references={"run": "run"},
        indexes=(("run",),),
    )
    table(
        db,
        "tag",
        {"run": int, "value": str},
        required={"run", "value"},
        references={"run": "run"},
        unique=("run", "value"),
        indexes=(("value",),),
    )
    table(
        db,
        "note",
        {"run": int, "step": int, "text": str, **instant("at")},
        required={"run", "text"},
        references={"run": "run"},
        indexes=(("run",),),
    )
    table(
        db,
        "gap",
        {"run": int, "step": int, "reason": str, "lost": int, **instant("at")},
        required={"run", "reason"},
        references={"run": "run"},
        indexes=(("run",),),
    )
    table(
        db,
        "finding",
        {
            "run": int,
            "step": int,
            "kind": str,
            "message": str,
            "confidence": float,
            "region": str,
            "evidence": str,
            "rule": str,
        },
        required={"run", "kind", "message", "confidence"},
        references={"run": "run"},
        indexes=(("run",), ("kind",)),
    )
