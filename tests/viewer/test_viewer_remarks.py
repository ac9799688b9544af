"""Remarks from the pages: notes, outcomes, tags; and that nobody else's page can send one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from footage.storage import Store, open_store
from footage.viewer import create_app
from viewer_samples import record_story

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

HERE = "http://127.0.0.1:8765"
TOKEN = "a-token-of-the-test"
OWN = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def client(store: Store) -> FlaskClient:
    record_story(store)
    return create_app(store, token=None).test_client()


def check_of(client: FlaskClient) -> str:
    run = client.application.extensions["footage"].store.run("@1")
    found = re.search(r'name="check" value="(\w+)"', client.get(f"/runs/{run.id}", base_url=HERE).text)
    assert found
    return found[1]


def send(client: FlaskClient, path: str, *, headers: dict[str, str] | None = None, **form: str) -> TestResponse:
    if "check" not in form:
        form["check"] = check_of(client)
    return client.post(path, base_url=HERE, data=form, headers=OWN if headers is None else headers)


def test_a_note_stands_at_its_step_or_at_the_run(client: FlaskClient, store: Store) -> None:
    answer = send(client, "/runs/@1/notes", text="Slow <b>here</b>", about="step", step="2")
    assert (answer.status_code, answer.location) == (303, f"/runs/{store.run('@1').id}/steps/2")
    assert send(client, "/runs/@1/notes", text="All in all fine", about="run", step="2").status_code == 303
    assert [(note.text, note.step) for note in store.notes("@1")] == [
        ("Slow <b>here</b>", 2),
        ("All in all fine", None),
    ]
    page = client.get(answer.location, base_url=HERE).text
    assert "Slow &lt;b&gt;here&lt;/b&gt;" in page


def test_an_outcome_is_a_persons(client: FlaskClient, store: Store) -> None:
    assert send(client, "/runs/@1/outcomes", value="failure", note="The sum is wrong.").status_code == 303
    assert send(client, "/runs/@1/outcomes", value="0.5").status_code == 303
    added = store.run("@1").outcomes[-2:]
    assert [(o.value, o.source, o.note) for o in added] == [
        ("failure", "human", "The sum is wrong."),
        ("0.5", "human", ""),
    ]


def test_tags_are_put_on_and_taken_off(client: FlaskClient, store: Store) -> None:
    before = set(store.run("@1").tags)
    assert send(client, "/runs/@1/tags", add=" nightly, flaky ,, ").status_code == 303
    assert set(store.run("@1").tags) == before | {"nightly", "flaky"}
    assert send(client, "/runs/@1/tags", remove="flaky").status_code == 303
    assert set(store.run("@1").tags) == before | {"nightly"}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/runs/@1/notes", {"text": "  "}),
        ("/runs/@1/notes", {"text": "x", "about": "step", "step": "99"}),
        ("/runs/@1/outcomes", {"value": "nan"}),
        ("/runs/@1/outcomes", {"value": "<b>"}),
        ("/runs/none/notes", {"text": "x"}),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    client: FlaskClient, store: Store, path: str, form: dict[str, str]
) -> None:
    before = store.notes("@1"), store.run("@1")
    assert send(client, path, headers=None, **form).status_code == 404
    assert (store.notes("@1"), store.run("@1")) == before


@pytest.mark.parametrize("path", ["/runs/@1/notes", "/runs/@1/outcomes", "/runs/@1/tags"])
@pytest.mark.parametrize(
    ("headers", "check", "status"),
    [
        ({}, None, 403),
        ({"Origin": "http://evil.com"}, None, 403),
        ({"Origin": "null"}, None, 403),
        ({"Origin": HERE, "Sec-Fetch-Site": "cross-site"}, None, 403),
        ({"Sec-Fetch-Site": "none"}, None, 403),
        (OWN, "", 403),
        (OWN, "0" * 64, 403),
        (OWN, "\u00e9", 403),
        ({**OWN, "Content-Type": "text/plain"}, None, 415),
        ({**OWN, "Host": "evil.com:8765"}, None, 400),
    ],
    ids=str,
)
def test_another_page_cannot_remark(
    client: FlaskClient, store: Store, path: str, headers: dict[str, str], check: str | None, status: int
) -> None:
    before = store.notes("@1"), store.run("@1")
    form = {"text": "x", "value": "success", "add": "x"} | ({} if check is None else {"check": check})
    if "Content-Type" in headers:
        answer = client.post(path, base_url=HERE, data=f"check={check_of(client)}&text=x", headers=headers)
    else:
        answer = send(client, path, headers=headers, **form)
    assert answer.status_code == status
    assert (store.notes("@1"), store.run("@1")) == before


def test_too_long_a_remark_is_refused(client: FlaskClient, store: Store) -> None:
    assert send(client, "/runs/@1/notes", text="x" * 70_000).status_code == 413
    assert store.notes("@1") == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_remarks_are_only_posted(client: FlaskClient, method: str) -> None:
    answer = client.open("/runs/@1/notes", method=method, base_url=HERE, headers=OWN, data={"text": "x"})
    assert answer.status_code == 405


def test_without_the_token_nobody_remarks(store: Store) -> None:
    record_story(store)
    friend = create_app(store, token=TOKEN).test_client()
    assert friend.get(f"/?token={TOKEN}", base_url=HERE).status_code == 303
    check = check_of(friend)
    stranger = friend.application.test_client()
    assert send(stranger, "/runs/@1/notes", text="x", check=check).status_code == 403
    assert send(friend, "/runs/@1/notes", text="x", check=check).status_code == 303


@pytest.fixture
def shown_only(tmp_path: Path) -> Iterator[FlaskClient]:
    with open_store(tmp_path / "runs.db") as store:
        record_story(store)
    with open_store(tmp_path / "runs.db", readonly=True) as store:
        yield create_app(store, token=None).test_client()


def test_a_store_that_is_only_read_has_no_forms(shown_only: FlaskClient) -> None:
    page = shown_only.get("/runs/@1", base_url=HERE, follow_redirects=True).text
    assert "Remarks" not in page
    assert 'method="post"' not in page
    assert shown_only.post("/runs/@1/notes", base_url=HERE, data={"text": "x"}, headers=OWN).status_code == 405
