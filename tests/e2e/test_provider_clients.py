"""Real clients of other providers: `footage record` sees what their agents do, and the tape answers them again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from footage.trajectory import WEBSOCKET_REFUSED
from model_services import model_services
from outside import FOOTAGE

AGENT = Path(__file__).parent.parent / "loops" / "provider_clients.py"
CLICKED = ("left_click", (600, 400))
EXPECTED = {
    "responses": [("screenshot", None, ["observed"]), (*CLICKED, []), ("type", None, ["observed"])],
    "gemini": [("left_click", (640, 400), ["before", "observed"]), ("key", None, ["observed"])],
    "chat": [(*CLICKED, ["observed"])],
}


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with model_services() as address:
        yield address


def footage(store: Path, service: str, *words: str) -> subprocess.CompletedProcess[str]:
    own = {"FOOTAGE_STORE": str(store), "OPENAI_BASE_URL": f"{service}/v1", "GOOGLE_GEMINI_BASE_URL": service}
    return subprocess.run([FOOTAGE, *words], env=os.environ | own, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", sorted(EXPECTED))
def test_an_agent_of_another_provider_is_recorded_and_replayed(
    tmp_path: Path, service: str, client: str, stream: bool
) -> None:
    store = tmp_path / "runs.db"
    agent = [sys.executable, str(AGENT), client, *(["stream"] if stream else [])]
    done = footage(store, service, "record", "--", *agent)
    assert done.returncode == 0, done.stderr
    assert "not read" not in done.stderr
    found = json.loads(footage(store, service, "show", "@1", "--json").stdout)
    assert found["run"]["task"] == "Click it"
    steps = [
        (step["action"]["name"], step["action"]["x"] and (step["action"]["x"], step["action"]["y"]), _roles(step))
        for step in found["steps"]
    ]
    assert steps == EXPECTED[client]
    assert {step["status"] for step in found["steps"]} == {"executed"}
    assert {turn["conversation"] for turn in found["turns"]} == {0}

    replayed = footage(store, service, "replay", "@1", "--json", "--", *agent)
    report = json.loads(replayed.stdout)
    assert (report["verdict"], report["divergence"]) == ("reproduced", None), replayed.stderr
    assert {turn["grade"] for turn in report["turns"]} == {"identical"}


def _roles(step: dict[str, list[dict[str, str]]]) -> list[str]:
    return sorted(frame["role"] for frame in step["frames"])


def test_what_no_provider_reads_is_kept_and_said(tmp_path: Path, service: str) -> None:
    store = tmp_path / "runs.db"
    code = "import os, urllib.request as r;r.urlopen(r.Request(os.environ['OPENAI_BASE_URL'] + '/foo', b'{}')).read()"
    done = footage(store, service, "record", "--", sys.executable, "-c", code)
    assert "1 exchange with openai was kept as it came. Footage does not read such exchanges" in done.stderr


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "ANTHROPIC_BASE_URL"])
def test_a_websocket_is_refused_with_what_to_switch_off(tmp_path: Path, service: str, variable: str) -> None:
    code = f"""
        import os
        from websockets.exceptions import InvalidStatus
        from websockets.sync.client import connect
        try:
            connect(os.environ["{variable}"].replace("http:", "ws:") + "/live")
        except InvalidStatus as refused:
            print(refused.response.status_code, refused.response.body.decode())
    """
    store = tmp_path / "runs.db"
    done = footage(store, service, "record", "--", sys.executable, "-c", textwrap.dedent(code))
    assert done.stdout.strip() == f"501 {WEBSOCKET_REFUSED}"
    assert f"/live and refused: {WEBSOCKET_REFUSED}" in done.stderr
    assert "does not read" not in done.stderr
    assert f"refused: {WEBSOCKET_REFUSED}" in " ".join(footage(store, service, "show", "@1").stdout.split())
