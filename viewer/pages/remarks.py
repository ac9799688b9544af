"""
The addresses that change something: what people say of a run. Nothing recorded can be changed through them.

Only POST, only from this viewer's own pages (see `Guard`); each leads back to the page it was sent from.
"""

from __future__ import annotations

import math

from flask import Blueprint, Response, current_app, redirect, request

from footage.errors import UsageError
from footage.storage import Store
from footage.trajectory import OutcomeSource

__all__ = ["remarks"]

remarks = Blueprint("remarks", __name__)


def _store() -> Store:
    store: Store = current_app.extensions["footage"].store
    return store


def _back(run: str) -> Response:
    """Return to the step that the form stands at, or to the run."""
    step = request.form.get("step", "")
    answer = redirect(f"/runs/{run}/steps/{step}" if step.isdecimal() else f"/runs/{run}", code=303)
    assert isinstance(answer, Response)
    return answer


@remarks.post("/runs/<reference>/notes")
def add_note(reference: str) -> Response:
    """Add a note, about the step where `about` is `step`, else about the whole run."""
    run = _store().run(reference)
    step = request.form.get("step", "")
    about = int(step) if request.form.get("about") == "step" and step.isdecimal() else None
    _store().add_note(run.id, request.form.get("text", "").strip(), step=about)
    return _back(run.id)


@remarks.post("/runs/<reference>/outcomes")
def add_outcome(reference: str) -> Response:
    """Add a person's opinion on whether the task succeeded."""
    run = _store().run(reference)
    value = request.form.get("value", "").strip()
    if value not in {"success", "failure"} and not _is_number(value):
        raise UsageError(f"{value!r} is neither success, failure nor a number.")
    _store().add_outcome(run.id, value, OutcomeSource.HUMAN, request.form.get("note", "").strip())
    return _back(run.id)


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


@remarks.post("/runs/<reference>/tags")
def change_tags(reference: str) -> Response:
    """Put the tags in `add` on the run (separated by commas), and take the one in `remove` off."""
    run = _store().run(reference)
    for tag in filter(None, map(str.strip, request.form.get("add", "").split(","))):
        _store().add_tag(run.id, tag)
    if "remove" in request.form:
        _store().remove_tag(run.id, request.form["remove"])
    return _back(run.id)
