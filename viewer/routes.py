"""The addresses: one for every list, run, step, picture and comparison. None of them changes the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for

from footage.errors import StoreCorrupt, UsageError
from footage.storage import Store
from footage.trajectory import Run, RunStatus
from footage.viewer.comparing.making import Comparisons, Making
from footage.viewer.kept import Kept
from footage.viewer.pages.command_lines import diff_command, recording_commands, run_commands
from footage.viewer.pages.flipbook import Book
from footage.viewer.pages.listing import SPANS, list_runs
from footage.viewer.pages.page_pictures import as_png, thumbnail_url

__all__ = ["Viewer", "pages"]

pages = Blueprint("pages", __name__)

PATIENCE = 0.4
"""Seconds that a comparison may take before a page says that it is being made."""

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Viewer:
    """What the pages are about: a store, and the machine that shown commands name."""

    store: Store
    machine: str | None
    books: Kept[Book] = field(default_factory=lambda: Kept(4))
    comparisons: Comparisons = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "comparisons", Comparisons(self.store))

    def book(self, run: Run) -> Book:
        """Return a run with its steps and turns; one that has ended is read once."""
        if run.status is RunStatus.RECORDING:
            return Book(self.store, run)
        return self.books.get(_state(run), lambda: Book(self.store, run))

    def close(self) -> None:
        """Stop what is still being made."""
        self.comparisons.close()


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
def diff(a: str, b: str) -> str | Response | tuple[str, int]:
    """
    Show two runs side by side, from where they part; with `part=row` only what changes from row to row.

    While they are being compared, a page that says how far it is (status 202); `part=progress` asks for that alone and
    begins nothing.
    """
    viewer = _viewer()
    one, two = viewer.store.run(a), viewer.store.run(b)
    if (one.id, two.id) != (a, b):
        return _found(f"/diff/{one.id}/{two.id}")
    part, wanted = request.args.get("part"), request.args.get("row", "")
    if part == "progress":
        return render_template("_progress.html", making=viewer.comparisons.find(a, b))
    making = viewer.comparisons.ask(one, two)
    if not making.ended.wait(PATIENCE):
        return _being_made(making, one, two, wanted)
    if making.comparison is None:
        viewer.comparisons.forget(making)  # whoever asks again may be luckier
    comparison = making.result()
    view = comparison.view(int(wanted) if wanted.isdecimal() else comparison.first)
    template = "_row.html" if part == "row" else "diff.html"
    return render_template(template, comparison=comparison, view=view, command=diff_command(viewer.store, a, b))


def _being_made(making: Making, a: Run, b: Run, row: str) -> tuple[str, int]:
    here = f"/diff/{a.id}/{b.id}"
    there = f"{here}?row={row}" if row.isdecimal() else here
    return render_template("making.html", making=making, runs=(a, b), here=here, there=there), 202


@pages.post("/diff/<a>/<b>/stop")
def stop_comparing(a: str, b: str) -> Response:
    """Stop making a comparison, for everybody who waits for it."""
    making = _viewer().comparisons.find(a, b)
    if making is not None and not making.ended.is_set():
        _viewer().comparisons.forget(making)
    return _found("/", code=303)


@pages.get("/favicon.ico")
def favicon() -> Response:
    """Send the icon, for browsers that ask without having read a page."""
    return Response((_STATIC / "favicon.svg").read_bytes(), mimetype="image/svg+xml")


def _found(path: str, code: int = 302) -> Response:
    answer = redirect(path, code=code)
    assert isinstance(answer, Response)
    return answer
