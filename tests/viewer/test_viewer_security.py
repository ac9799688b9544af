"""Who is let in, and what every answer carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from footage.storage import open_store
from footage.viewer import create_app
from viewer_samples import record_story

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

TOKEN = "a-token-of-the-test"
HERE = "http://127.0.0.1:8765"
COOKIE = "footage-8765"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    path: Path = tmp_path_factory.mktemp("viewer") / "runs.db"
    with open_store(path) as store:
        record_story(store)
        yield create_app(store, token=TOKEN)


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """A client that has no token."""
    return app.test_client()


@pytest.fixture
def friend(app: Flask) -> FlaskClient:
    """A client that has opened the printed address."""
    client = app.test_client()
    assert ask(client, f"/?token={TOKEN}").status_code == 303
    return client


def ask(client: FlaskClient, path: str = "/", *, method: str = "GET", **headers: str) -> TestResponse:
    """A request to the viewer at `HERE`; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.open(path, method=method, base_url=HERE, headers=named, buffered=True)


ROUTES = ["/", "/runs/@1", "/runs/@1/steps/1", "/runs/@1/thumb.jpg", "/pictures/1.png", "/pictures/1/thumb.jpg",
          "/diff", "/diff/@1/@1", "/static/base.css", "/static/flipbook.js", "/favicon.ico", "/nowhere"]  # fmt: skip

HOSTS = ["evil.com", "evil.com:8765", "127.0.0.1.evil.com:8765", "localhost.:8765", "127.0.0.1", "localhost",
         "127.0.0.1:80", "127.0.0.1:87650", "0.0.0.0:8765", "127.1:8765", "2130706433:8765", "0x7f000001:8765",
         "user@127.0.0.1:8765", "127.0.0.1:8765@evil.com", "127.0.0.1:8765,evil.com", "127.0.0.1:8765 evil.com",
         "[::]:8765", "[::1]", "::1:8765", "[::ffff:127.0.0.1]:8765", "localhost:8765.evil.com", "", " "]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("host", HOSTS)
def test_another_host_name_is_not_answered(friend: FlaskClient, route: str, host: str) -> None:
    answer = ask(friend, route, Host=host)
    assert answer.status_code == 400
    assert "not the viewer's own" in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765", "LOCALHOST:8765"])
def test_loopback_names_with_the_port_are_answered(stranger: FlaskClient, host: str) -> None:
    assert ask(stranger, f"/static/base.css?token={TOKEN}", Host=host).status_code == 303


def test_a_forwarded_host_counts_for_nothing(friend: FlaskClient) -> None:
    assert ask(friend, Host="evil.com", X_Forwarded_Host="127.0.0.1:8765").status_code == 400
    assert ask(friend, X_Forwarded_Host="evil.com").status_code == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.com"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:8765"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://localhost:8765"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "nonsense"},
    ],
    ids=str,
)
def test_requests_from_other_pages_are_refused(friend: FlaskClient, route: str, headers: dict[str, str]) -> None:
    assert ask(friend, route, **headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": HERE}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}, {}], ids=str
)
def test_requests_from_its_own_pages_are_answered(friend: FlaskClient, headers: dict[str, str]) -> None:
    assert ask(friend, "/", **headers).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
def test_nothing_but_reading_is_served(friend: FlaskClient, route: str, method: str) -> None:
    assert ask(friend, route, method=method).status_code == 405
    assert ask(friend, route, method=method, X_HTTP_Method_Override="GET").status_code == 405


@pytest.mark.parametrize("route", ROUTES)
def test_without_the_token_nothing_is_shown(stranger: FlaskClient, route: str) -> None:
    answer = ask(stranger, route)
    assert answer.status_code == 403
    assert answer.mimetype == "text/plain"
    assert "token" in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize("wrong", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\u00e9", "\x00"])
def test_a_wrong_token_is_refused(stranger: FlaskClient, wrong: str) -> None:
    assert stranger.get("/", base_url=HERE, query_string={"token": wrong}).status_code == 403
    stranger.set_cookie(COOKIE, wrong, domain="127.0.0.1")
    assert ask(stranger).status_code == 403


def test_the_cookie_of_another_port_opens_nothing(stranger: FlaskClient) -> None:
    stranger.set_cookie("footage-1234", TOKEN, domain="127.0.0.1")
    assert ask(stranger).status_code == 403


def test_a_wrong_token_in_the_address_is_refused_even_with_the_cookie(friend: FlaskClient) -> None:
    assert ask(friend, "/?token=wrong").status_code == 403


def test_the_token_moves_from_the_address_into_a_cookie(stranger: FlaskClient) -> None:
    answer = ask(stranger, f"/runs/@1/steps/2?show=after&token={TOKEN}&kind=a%26b")
    assert answer.status_code == 303
    assert answer.location == "/runs/%401/steps/2?show=after&kind=a%26b"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}={TOKEN};")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert ask(stranger, "/").status_code == 200


@pytest.mark.parametrize("path", ["//evil.com/", "///evil.com", "/\\evil.com", "//evil.com/..", "/\\/evil.com"])
def test_the_redirect_stays_on_this_server(stranger: FlaskClient, path: str) -> None:
    answer = stranger.get(f"/?token={TOKEN}", base_url=HERE, environ_overrides={"PATH_INFO": path})
    assert answer.status_code == 303
    assert answer.location.startswith("/evil.com")


@pytest.mark.parametrize("route", [*ROUTES, "/runs/@1/steps/99", "/pictures/999.png", "/?before=none"])
def test_every_answer_carries_the_headers(friend: FlaskClient, stranger: FlaskClient, route: str) -> None:
    for answer in (ask(friend, route), ask(stranger, route), ask(friend, route, Host="evil.com")):
        policy = {part.split()[0]: part.split()[1:] for part in answer.headers["Content-Security-Policy"].split(";")}
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["img-src"] == ["'self'"]
        assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
        assert policy["require-trusted-types-for"] == ["'script'"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "private" in answer.headers["Cache-Control"] or "no-cache" in answer.headers["Cache-Control"]
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_files_outside_static_are_not_served(friend: FlaskClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"):
        assert ask(friend, path).status_code in {404, 308}
