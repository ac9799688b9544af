"""Pictures by file id: known where their upload passed the recording proxy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from footage.providers.uploads import Uploads
from footage.trajectory import FrameRole, Instant, RawExchange
from recording import png, result, said, user
from service import Answer, Service, asked, click, text
from taped import FIRST, Taped

HEAD = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
TYPE = "multipart/form-data; boundary=B"


def form(picture: bytes) -> bytes:
    purpose = b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n'
    return purpose + HEAD + picture + b"\r\n--B--\r\n"


def uploaded(content_type: str, body: bytes, reply: bytes) -> RawExchange:
    headers = {"Content-Type": content_type}
    return RawExchange("POST", "/v1/files", 200, Instant.now(), request_headers=headers, request=body, response=reply)


def by_id(name: str) -> dict[str, object]:
    return {"type": "image", "source": {"type": "file", "file_id": name}}


def test_a_screenshot_by_file_id_is_what_the_model_observed(tmp_path: Path) -> None:
    def other(_method: str, _path: str, _body: bytes) -> Answer:
        return 200, {"content-type": "application/json"}, json.dumps({"id": "file_1", "type": "file"}).encode()

    with Service([click("a", 1, 2)], [text("Done.")], other=other) as service:
        tape = Taped(tmp_path, service)
        with tape.client() as client:
            client.messages.create(**asked(FIRST))
            client.beta.files.upload(file=("a.png", png(77), "image/png"))
            answered = [FIRST, said(click("a", 1, 2)), user([result("a", by_id("file_1"))])]
            client.messages.create(**asked(*answered))
        seen = tape.read()
    assert seen.shade(0, FrameRole.OBSERVED) == [77]
    assert seen.requests[1] is not None
    assert seen.requests[1]["messages"] == answered


def test_the_newest_pictures_are_kept() -> None:
    first, second = png(1), png(2)
    uploads = Uploads(limit=max(len(first), len(second)) + 1)
    uploads.learn(uploaded(TYPE, form(first), b'{"id": "one"}'))
    assert uploads.image_bytes(by_id("one")) == first
    uploads.learn(uploaded(TYPE, form(second), b'{"id": "two"}'))
    assert (uploads.image_bytes(by_id("one")), uploads.image_bytes(by_id("two"))) == (None, second)


@pytest.mark.parametrize(
    ("content_type", "request_body", "reply"),
    [
        ("application/json", b"{}", b'{"id": "x"}'),
        (TYPE, b"no parts", b'{"id": "x"}'),
        (TYPE, form(b"no picture"), b'{"id": "x"}'),
        (TYPE, form(png(1)), b"no json"),
        (TYPE, form(png(1)), b"[1]"),
        (TYPE, form(png(1)), b'{"id": 5}'),
        (TYPE, HEAD + png(1), b'{"id": "x"}'),
        ("multipart/form-data", form(png(1)), b'{"id": "x"}'),
    ],
)
def test_what_is_no_upload_of_a_picture_changes_nothing(content_type: str, request_body: bytes, reply: bytes) -> None:
    uploads = Uploads()
    uploads.learn(uploaded(content_type, request_body, reply))
    assert uploads.image_bytes(by_id("x")) is None
