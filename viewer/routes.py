"""The addresses: one for every list, run, step, picture and comparison. All of them only read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for

from footage.errors import StoreCorrupt, UsageError
from footage.storage import Store
from footage.trajectory import RunKind, RunStatus
from footage.viewer.commands import diff_command, recording_commands, run_commands
from footage.viewer.comparison import Comparisons
from footage.viewer.flipbook import Book
from footage.viewer.listing import list_runs
from footage.viewer.pictures import as_png, as_thumbnail, thumbnail_url

__all__ = ["Viewer", "pages"]

pages = Blueprint("pages", __name__)

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Viewer:
    """What the pages are about: a store, and the machine that shown commands name."""

    store: Store
    machine: str | None
    comparisons: Comparisons = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "comparisons", Comparisons(self.store))


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
        commands=recording_commands(store),
        kinds=list(RunKind),
        statuses=list(RunStatus),
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
    book = Book(viewer.store, run)
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
        pixels = _viewer().store.pixels(picture)
    except StoreCorrupt:
        return Response((_STATIC / "damaged.svg").read_bytes(), status=500, mimetype="image/svg+xml")
    body = as_thumbnail(pixels) if thumbnail else as_png(pixels)
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
    one, two = viewer.store.run(a).id, viewer.store.run(b).id
    if (one, two) != (a, b):
        return _found(f"/diff/{one}/{two}")
    comparison = viewer.comparisons.get(one, two)
    wanted = request.args.get("row", "")
    view = comparison.view(int(wanted) if wanted.isdecimal() else comparison.first)
    template = "_row.html" if request.args.get("part") == "row" else "diff.html"
    return render_template(template, comparison=comparison, view=view, command=diff_command(viewer.store, one, two))


@pages.get("/favicon.ico")
def favicon() -> Response:
    """Send the icon, for browsers that ask without having read a page."""
    return Response((_STATIC / "favicon.svg").read_bytes(), mimetype="image/svg+xml")


def _found(path: str) -> Response:
    answer = redirect(path)
    assert isinstance(answer, Response)
    return answer
