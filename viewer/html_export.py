"""
A run in one HTML file that opens anywhere, without a network: the viewer's own flipbook, with its pictures inside.

The page may run the one script and use the one style that it came with, by their hashes, and load nothing at all.
Without scripts each step is a page that its address shows. Nothing recorded is HTML in it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from footage.errors import UsageError
from footage.storage import Store
from footage.storage.file.scratch import scratch_beside
from footage.trajectory import JSON, Frame
from footage.viewer.app import create_app
from footage.viewer.pages.enclosing import define, picture
from footage.viewer.pages.flipbook import Book, StepView

__all__ = ["Page", "write_page"]

_STATIC = Path(__file__).parent / "static"
_STYLES = ("base.css", "stage.css", "flipbook.css", "export.css")
_SCRIPTS = (
    "morph.js",
    "page.js",
    "drafts.js",
    "remarks.js",
    "filmstrip.js",
    "keys.js",
    "player.js",
    "stage.js",
    "enclosed.js",
    "flipbook.js",
)


@dataclass(frozen=True, slots=True)
class Page:
    """What was written."""

    path: Path
    run: str
    bytes: int
    steps: int
    pictures: int

    def as_json(self) -> JSON:
        """Return {"path", "to", "runs", "bytes", "steps", "pictures"}."""
        counts = {"bytes": self.bytes, "steps": self.steps, "pictures": self.pictures}
        return {"path": str(self.path), "to": "html", "runs": [self.run], **counts}


def write_page(
    store: Store,
    run: str,
    path: Path,
    *,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Page:
    """
    Write a run as one HTML file, put in its place all at once.

    `on_progress` is called with (done, total) pictures. Raises RunNotFound, UsageError (the file exists).
    """
    found = store.run(run)
    if path.exists() and (not overwrite or not path.is_file() or path.samefile(store.path)):
        raise UsageError(f"{path} exists already.", hint="Choose another name, or --force to replace the file.")
    book = Book(store, found)
    with scratch_beside(path) as scratch:
        made = scratch / "page"
        with made.open("w", encoding="utf-8") as file:
            pictures = _write(store, book, file.write, on_progress or (lambda _done, _total: None))
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    return Page(path, found.id, path.stat().st_size, len(book.steps), pictures)


def _write(store: Store, book: Book, write: Callable[[str], object], on_progress: Callable[[int, int], None]) -> int:
    """Write the page piece by piece; return how many pictures are in it."""
    frames = _frames(book)
    total = len({frame.picture for frame in frames})
    style, script = _style(frames), _script()

    def definitions() -> Iterator[Markup]:
        for done, definition in enumerate(define(store, frames), 1):
            yield definition
            on_progress(done, total)

    app = create_app(store, token=None)
    with app.app_context():
        # Of this application alone, which serves nobody.
        app.jinja_env.globals.update(
            form_check=None, enclosed=True, enclosed_picture=picture, book_url=lambda _run: "#"
        )
        template = app.jinja_env.get_template("export.html")
        pieces = template.generate(
            run=book.run,
            book=book,
            commands=[],
            first=book.view(0) if book.steps else None,
            views=_views(book),
            definitions=definitions(),
            policy=_policy(style, script),
            style=style,
            script=script,
        )
        for piece in pieces:
            write(piece)
    return total


def _views(book: Book) -> Iterator[StepView | None]:
    yield from (book.view(step.index) for step in book.steps)
    if not book.steps:
        yield None


def _frames(book: Book) -> list[Frame]:
    """Return every frame that the page shows, in the order of the steps."""
    return [shot.frame for step in book.steps for shot in book.view(step.index).shots]


def _style(frames: list[Frame]) -> Markup:
    sizes = sorted({(frame.width, frame.height) for frame in frames})
    rules = [f".size-{width}x{height} {{ --width: {width}; --height: {height}; }}" for width, height in sizes]
    sheets = [(_STATIC / name).read_text("utf-8") for name in _STYLES]
    return Markup("\n".join([*sheets, *rules]))  # noqa: S704 - files of this package, and numbers


def _script() -> Markup:
    """Return the modules of the flipbook as one: without imports, in the order in which they need each other."""
    modules = [(_STATIC / name).read_text("utf-8") for name in _SCRIPTS]
    joined = re.sub(r"^import .*;\n", "", "\n".join(modules), flags=re.MULTILINE)
    return Markup(re.sub(r"^export ", "", joined, flags=re.MULTILINE))  # noqa: S704 - files of this package


def _policy(style: str, script: str) -> str:
    """Return the Content Security Policy of a page with this style and this script."""
    allowed = [
        "default-src 'none'",
        f"script-src '{_hash(script)}'",
        f"style-src '{_hash(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return "; ".join(allowed)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
