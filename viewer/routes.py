"""The addresses: one for every list, run, step, picture and comparison. All of them only read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for

from footage.errors import StoreCorrupt, UsageError
from footage.storage import Store
from footage.trajectory import Run, RunStatus
from footage.viewer.commands import diff_command, recording_commands, run_commands
from footage.viewer.comparison import Comparison
from footage.viewer.flipbook import Book
from footage.viewer.kept import Kept
from footage.viewer.listing import SPANS, list_runs
from footage.viewer.pictures import as_png, thumbnail_url

__all__ = ["Viewer", "pages"]

pages = Blueprint("pages", __name__)

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Viewer:
    """What the pages are about: a store, and the machine that shown commands name."""

    store: Store
    machine: str | None
    books: Kept[Book] = field(default_factory=lambda: Kept(4))
    comparisons: Kept[Comparison] = field(default_factory=lambda: Kept(8))

    def book(self, run: Run) -> Book:
        """Return a run with its steps and turns; one that has ended is read once."""
        if run.status is RunStatus.RECORDING:
            return Book(self.store, run)
        return self.books.get(_state(run), lambda: Book(self.store, run))

    def comparison(self, a: Run, b: Run) -> Comparison:
        """Return the comparison of two runs; of two that have ended, it is made once."""
        if RunStatus.RECORDING in {a.status, b.status}:
            return Comparison(self.store, a.id, b.id)
        return self.comparisons.get((_state(a), _state(b)), lambda: Comparison(self.store, a.id, b.id))


def _state(run: Run) -> tuple[object, ...]:
    """Return what tells two readings of a run apart."""
    return run.id, run.status, run.steps, run.turns


def _viewer() -> Viewer:
    viewer = current_app.extensions["footage"]
    assert isinstance(viewer, Viewer)
    return viewer


@pages.get("/")
def runs() -> str:
    """List the runs, newest first."""
    store = _viewer().store
    return render_template(
        "runs.html",
        listing=list_runs(store, request.args),
        spans=SPANS,
        commands=recording_commands(store),
    )


@pages.get("/runs/<reference>")
@pages.get("/runs/<reference>/steps/<int:index>")
def flipbook(reference: str, index: int = 0) -> str | Response:
    """Show a step of a run (the first, where none is named); with `part=step` only what changes from step to step."""
    viewer = _viewer()
    run = viewer.store.run(reference)
    if run.id != reference:
        path = f"/runs/{run.id}/steps/{index}" if "/steps/" in request.path else f"/runs/{run.id}"
        return _found(path)
    book = viewer.book(run)
    view = book.view(index, request.args.get("show", "")) if book.steps or "/steps/" in request.path else None
    commands = run_commands(viewer.store, run, step=view.step.index if view else None, machine=viewer.machine)
    template = "_step.html" if request.args.get("part") == "step" else "flipbook.html"
    return render_template(template, book=book, run=run, view=view, commands=commands)


@pages.get("/runs/<reference>/thumb.jpg")
def run_thumbnail(reference: str) -> Response:
    """Show the last screen of a run: a redirect to its thumbnail."""
    store = _viewer().store
    frames = store.frames(reference)
    return _found(thumbnail_url(frames[-1]) if frames else url_for("static", filename="no-screen.svg"))


@pages.get("/pictures/<int:picture>.png")
def picture(picture: int) -> Response:
    """Send a picture's pixels, checked by their hash."""
    return _picture(picture, thumbnail=False)


@pages.get("/pictures/<int:picture>/thumb.jpg")
def thumbnail(picture: int) -> Response:
    """Send a picture, small."""
    return _picture(picture, thumbnail=True)


def _picture(picture: int, *, thumbnail: bool) -> Response:
    """Send pixels, for ever where the address names their hash (`v`); for a damaged picture, a sign that says so."""
    try:
        store = _viewer().store
        body = store.thumbnail(picture) if thumbnail else as_png(store.pixels(picture))
    except StoreCorrupt:
        return Response((_STATIC / "damaged.svg").read_bytes(), status=500, mimetype="image/svg+xml")
    response = Response(body, mimetype="image/jpeg" if thumbnail else "image/png")
    if "v" in request.args:
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


@pages.get("/diff")
def pick() -> Response:
    """Go to the comparison of the two runs that were ticked in the list, the older one on the left."""
    picked = request.args.getlist("run")
    if len(picked) != 2:
        raise UsageError(
            f"A comparison takes two runs; {len(picked) or 'none'} picked.", hint="Tick two runs in the list."
        )
    a, b = sorted((_viewer().store.run(reference) for reference in picked), key=lambda run: run.started.wall_ns)
    return _found(f"/diff/{a.id}/{b.id}")


@pages.get("/diff/<a>/<b>")
def diff(a: str, b: str) -> str | Response:
    """Show two runs side by side, from where they part; with `part=row` only what changes from row to row."""
    viewer = _viewer()
    one, two = viewer.store.run(a), viewer.store.run(b)
    if (one.id, two.id) != (a, b):
        return _found(f"/diff/{one.id}/{two.id}")
    comparison = viewer.comparison(one, two)
    wanted = request.args.get("row", "")
    view = comparison.view(int(wanted) if wanted.isdecimal() else comparison.first)
    template = "_row.html" if request.args.get("part") == "row" else "diff.html"
    return render_template(template, comparison=comparison, view=view, command=diff_command(viewer.store, a, b))


@pages.get("/favicon.ico")
def favicon() -> Response:
    """Send the icon, for browsers that ask without having read a page."""
    return Response((_STATIC / "favicon.svg").read_bytes(), mimetype="image/svg+xml")


def _found(path: str) -> Response:
    answer = redirect(path)
    assert isinstance(answer, Response)
    return answer
