"""
Who may read the pages: the person at this machine who was given the address, and nobody else.

Every request passes `Guard`: the method only reads, or the address is one that takes forms; the Host is this server's
own loopback name with its port (a rebound DNS name is not); Origin and Sec-Fetch-Site, where a browser sends them, name
this server itself; and the token is right. The token stands once in the printed address; it moves into a cookie and the
address is loaded again without it. A form has to come from one of this viewer's own forms, and carry the forms' own
token. Every response, errors included, carries `HEADERS`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from flask import Request, Response, redirect

from footage.errors import FootageError

__all__ = ["HEADERS", "Guard", "Refused", "new_token"]

COOKIE_SECONDS = 30 * 24 * 3600
FORM_BYTES = 64 << 10

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
}


class Refused(FootageError):
    """A request that the viewer does not answer. `status` is the HTTP status."""

    code = "refused"

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


def new_token() -> str:
    """Return 256 random bits, safe in an address."""
    return secrets.token_urlsafe(32)


class Guard:
    """Checks requests. With `token` None no token is asked for; every other check stays."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self.form_check = hmac.new((token or new_token()).encode(), b"form", "sha256").hexdigest()
        """What every form of this viewer carries: another page cannot know it."""

    def check(self, request: Request, *, takes_forms: bool = False) -> Response | None:
        """
        Return None to go on, or a redirect that carries the token's cookie.

        Raises Refused (400 wrong Host, 403 wrong Origin or token, 405 a method that could change something, 413 too
        much, 415 no form). `takes_forms`: the address is one of those that something can be sent to.
        """
        reads = request.method in {"GET", "HEAD"}
        if not reads and not (takes_forms and request.method == "POST"):
            raise Refused(405, "The viewer only shows; it takes no such request.")
        host = self._host(request)
        self._origin(request, host)
        answer = self._authentication(request)
        if not reads:
            self._form(request)
        return answer if reads else None

    def _form(self, request: Request) -> None:
        """Refuse a form of another page: browsers say where a POST comes from, and only own pages know `form_check`."""
        if request.headers.get("Origin") is None and request.headers.get("Sec-Fetch-Site") != "same-origin":
            raise Refused(403, "The viewer takes forms from its own pages only.")
        if request.content_length is None or request.content_length > FORM_BYTES:
            raise Refused(413, f"A form has at most {FORM_BYTES:,} bytes.")
        if request.mimetype != "application/x-www-form-urlencoded":
            raise Refused(415, "The viewer takes forms only.")
        if not hmac.compare_digest(request.form.get("check", "").encode("utf-8", "replace"), self.form_check.encode()):
            raise Refused(403, "This form is not from this viewer.", hint="Load the page again, then send it again.")

    @staticmethod
    def _host(request: Request) -> str:
        """Host must be a loopback name with the port this server listens on (80 may go unsaid)."""
        host = request.environ.get("HTTP_HOST", "")
        port = str(request.environ.get("SERVER_PORT", ""))
        names = ["127.0.0.1", "localhost", "[::1]"]
        allowed = {f"{name}:{port}" for name in names} | (set(names) if port == "80" else set())
        if host.lower() not in allowed:
            raise Refused(400, "This address is not the viewer's own.", hint="Open the address that footage printed.")
        return str(host)

    @staticmethod
    def _origin(request: Request, host: str) -> None:
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if (origin is not None and origin != f"http://{host}") or site not in {"same-origin", "none"}:
            hint = "Open the address that footage printed, by hand."
            raise Refused(403, "The viewer does not answer requests that come from another page.", hint=hint)

    def _authentication(self, request: Request) -> Response | None:
        if self._token is None:
            return None
        name = f"footage-{request.environ.get('SERVER_PORT', '')}"
        given = request.args.get("token")
        known = given if given is not None else request.cookies.get(name, "")
        if not hmac.compare_digest(known.encode("utf-8", "replace"), self._token.encode()):
            hint = "Open the whole address that footage printed; it holds the token."
            raise Refused(403, "The viewer's token is missing or wrong.", hint=hint)
        if given is None:
            return None
        rest = [(key, value) for key, value in request.args.items(multi=True) if key != "token"]
        path = "/" + quote(request.path.lstrip("/\\"))  # one slash: `//name` would lead to another host
        answer = redirect(path + (f"?{urlencode(rest)}" if rest else ""), code=303)
        assert isinstance(answer, Response)
        answer.set_cookie(name, self._token, max_age=COOKIE_SECONDS, httponly=True, samesite="Strict", path="/")
        return answer
