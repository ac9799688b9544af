"""Clients without middleware, which stand on httpx; the SDK itself is stood in for by what of it is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from footage.errors import UsageError
from footage.trajectory import StepStatus
from recording import Tape, result, said, user
from service import Service, asked, click, text

CLICKS = ([text("I click."), click("a", 10, 20)], [text("Done.")])


class OldClient:
    """As much of a client of anthropic 0.76 as recording takes."""

    def __init__(self, http_client: Any) -> None:
        self._client = http_client
        self.api_key = "none"

    def copy(self, *, http_client: Any) -> OldClient:
        return OldClient(http_client)

    def ask(self, url: str, **body: Any) -> Any:
        with self._client.stream("POST", f"{url}/v1/messages", json=body) as response:
            return b"".join(response.iter_bytes())


@pytest.mark.parametrize("stream", [False, True])
def test_an_old_client_is_recorded_by_its_transport(tmp_path: Path, stream: bool) -> None:
    httpx = pytest.importorskip("httpx", reason="only clients before anthropic 1.0 bring httpx")
    tape = Tape(tmp_path)
    with Service(*CLICKS) as service, httpx.Client() as inner:
        client = tape.run.attach(OldClient(inner))
        assert tape.run.attach(client) is client
        first = client.ask(service.url, **asked(user("Add"), stream=stream))
        assert (b"message_stop" in first) == stream
        results = user([result("a", text("Clicked."))])
        last = client.ask(service.url, **asked(user("Add"), said(*CLICKS[0]), results))
        assert json.loads(last)["stop_reason"] == "end_turn"
        assert inner._transport is not client._client._transport
    seen = tape.read()
    assert [(step.call_id, step.status) for step in seen.steps] == [("a", StepStatus.EXECUTED)]
    assert [(turn.text, turn.status) for turn in seen.turns] == [("I click.", "completed"), ("Done.", "completed")]


def test_what_is_no_client_is_refused(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    with pytest.raises(UsageError, match="OldClient cannot be attached"):
        tape.run.attach(OldClient(object()))
    tape.read()
