"""The Flask application: its guard, its error pages, what templates can use. The pages themselves are in routes.py."""

from __future__ import annotations

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import FileWrapper

from footage.errors import FootageError, UsageError
from footage.storage import Store
from footage.viewer.access import HEADERS, Guard, Refused
from footage.viewer.pages import wording as formats
from footage.viewer.pages.page_pictures import picture_url, thumbnail_url
from footage.viewer.pages.page_text import clip, one_line, plain, pretty_json, visible
from footage.viewer.pages.remarks import remarks
from footage.viewer.routes import Viewer, pages

__all__ = ["create_app"]


def create_app(store: Store, *, token: str | None, machine: str | None = None) -> Flask:
    """
    Return the viewer of one store.

    `token` None asks for none (tests only: anyone on this machine can then read the pages). `machine` is named in the
    commands that the pages show.
    """
    app = Flask("footage.viewer")
    app.jinja_options = {**app.jinja_options, "finalize": plain, "trim_blocks": True, "lstrip_blocks": True}
    app.extensions["footage"] = Viewer(store, machine)
    guard = Guard(token)
    writable = not store.database.readonly
    app.before_request(lambda: guard.check(request, takes_forms=_takes_forms(writable=writable)))
    app.after_request(_with_headers)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(FootageError, _failed)
    app.register_error_handler(HTTPException, _not_served)
    app.register_blueprint(pages)
    app.register_blueprint(remarks)
    app.jinja_env.filters.update(
        visible=visible, one_line=one_line, pretty_json=pretty_json, when=formats.when, span=formats.span
    )
    app.jinja_env.globals.update(
        clip=clip,
        enclosed=False,
        book_url=lambda run: f"/runs/{run.id}",
        picture_url=picture_url,
        thumbnail_url=thumbnail_url,
        form_check=guard.form_check if writable else "",
        stop_check=guard.form_check,
        action_line=formats.action_line,
        token_rows=formats.token_rows,
        elapsed_ms=formats.elapsed_ms,
        run_duration_ms=formats.run_duration_ms,
    )
    return app


def _takes_forms(*, writable: bool) -> bool:
    """Tell whether something can be sent to the address: remarks where they can be stored, or that nobody waits."""
    return (writable and request.blueprint == remarks.name) or request.endpoint == "pages.stop_comparing"


def _with_headers(response: Response) -> Response:
    _close_file(response)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _close_file(response: Response) -> None:
    """Read the static file that an answer sends, and close it: where it is not sent after all, nobody else would."""
    if response.direct_passthrough:
        file = response.response
        response.direct_passthrough = False
        response.set_data(b"" if response.status_code == 304 else response.get_data())
        if isinstance(file, FileWrapper):
            file.close()


def _refused(error: Refused) -> Response:
    """Say why in plain text: a page would ask for a style sheet, and be refused again."""
    return Response(f"{error.message} {error.hint}".strip() + "\n", status=error.status, mimetype="text/plain")


def _failed(error: FootageError) -> tuple[str, int]:
    status = 404 if isinstance(error, UsageError) else 500
    return render_template("error.html", status=status, message=error.message, hint=error.hint), status


def _not_served(error: HTTPException) -> tuple[str, int]:
    status = error.code or 500
    message = "There is no such page." if status == 404 else (error.description or error.name)
    return render_template("error.html", status=status, message=message, hint=""), status
