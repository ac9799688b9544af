"""Vercel's AI SDK under Node, as it is published: recorded through the proxy, and answered by the tape."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from model_services import model_services
from outside import FOOTAGE
from places import AGENT_LOOPS, ROOT
from recording import png
from service import Service, click, text

PACKAGES = ROOT / ".venv/clients/node/node_modules"
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (PACKAGES / "ai").is_dir(), reason="needs Node and Vercel's AI SDK"
)
REPLIES = [text("I click."), click("a", 600, 400)], [click("b", 30, 40)], [text("Done.")]


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """Return an agent in a folder in which Node finds the SDK."""
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    return Path(shutil.copy(AGENT_LOOPS / "vercel_agent.mjs", tmp_path))


def footage(store: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    own = {"FOOTAGE_STORE": str(store), "PICTURE": base64.b64encode(png(9, (1280, 800))).decode()}
    whole = os.environ | own | environment
    return subprocess.run([FOOTAGE, *words], env=whole, capture_output=True, text=True, check=False)


def steps_of(
    store: Path, environment: dict[str, str], command: list[str]
) -> list[tuple[str, tuple[int, int], list[str]]]:
    """Record a command, replay it on its tape, and return what its steps are."""
    done = footage(store, environment, "record", "--", *command)
    assert done.returncode == 0, done.stderr
    found = json.loads(footage(store, environment, "show", "@1", "--json").stdout)
    replayed = json.loads(footage(store, environment, "replay", "@1", "--json", "--", *command).stdout)
    assert (replayed["verdict"], {turn["grade"] for turn in replayed["turns"]}) == ("reproduced", {"identical"})
    assert {turn["conversation"] for turn in found["turns"]} == {0}
    return [
        (step["action"]["name"], (step["action"]["x"], step["action"]["y"]), sorted(f["role"] for f in step["frames"]))
        for step in found["steps"]
    ]


@pytest.mark.parametrize("mode", [[], ["stream"]], ids=["whole", "stream"])
def test_an_agent_that_asks_claude_is_recorded_though_its_sdk_has_the_version_in_its_address(
    tmp_path: Path, agent: Path, mode: list[str]
) -> None:
    with Service(*REPLIES) as service:
        command = ["node", str(agent), "anthropic", *mode]
        steps = steps_of(tmp_path / "runs.db", {"ANTHROPIC_BASE_URL": service.url}, command)
        assert set(service.paths) == {"/v1/messages"}
    assert steps == [("left_click", (600, 400), ["observed"]), ("left_click", (30, 40), ["observed"])]


def test_where_the_variable_had_the_version_requests_go_where_they_went_before(tmp_path: Path, agent: Path) -> None:
    with Service(*REPLIES) as service:
        own = {"ANTHROPIC_BASE_URL": f"{service.url}/v1"}
        assert len(steps_of(tmp_path / "runs.db", own, ["node", str(agent), "anthropic"])) == 2
        assert set(service.paths) == {"/v1/messages"}


@pytest.mark.parametrize("mode", [[], ["stream"]], ids=["whole", "stream"])
def test_a_screenshot_that_is_spelled_out_in_a_text_is_a_frame(tmp_path: Path, agent: Path, mode: list[str]) -> None:
    with model_services() as address:
        command = ["node", str(agent), "chat", *mode]
        steps = steps_of(tmp_path / "runs.db", {"OPENAI_BASE_URL": f"{address}/v1"}, command)
    assert steps == [("left_click", (600, 400), ["observed"])]
