"""Claude Code, as it is published, with an MCP server's computer: recorded through the proxy, answered by the tape."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from footage.trajectory import JSON
from outside import FOOTAGE
from places import AGENT_LOOPS, ROOT
from recording import png
from service import Service, text

CLAUDE = ROOT / ".venv/clients/node/node_modules/.bin/claude"
pytestmark = pytest.mark.skipif(
    not CLAUDE.exists(), reason="needs Claude Code, which scripts/make-environment installs"
)


def call(number: str, **given: object) -> JSON:
    return {"type": "tool_use", "id": number, "name": "mcp__desk__computer", "input": given}


REPLIES = (
    [text("I look."), call("a", action="screenshot")],
    [call("b", action="left_click", coordinate=[600, 400])],
    [text("Done.")],
)


def test_claude_code_with_a_computer_is_recorded_and_replayed(tmp_path: Path) -> None:
    servers = {"desk": {"command": sys.executable, "args": [str(AGENT_LOOPS / "desk_mcp.py")]}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": servers}), "utf-8")
    words = ["-p", "Click the button", "--mcp-config", str(tmp_path / "mcp.json")]
    command = [str(CLAUDE), *words, "--allowedTools", "mcp__desk__computer"]
    with Service(*REPLIES) as service:
        environment = os.environ | {
            "ANTHROPIC_API_KEY": "none",
            "ANTHROPIC_BASE_URL": service.url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "FOOTAGE_STORE": str(tmp_path / "runs.db"),
            "HOME": str(tmp_path),
            "PICTURE": base64.b64encode(png(9, (1280, 800))).decode(),
        }

        def footage(*given: str) -> str:
            done = subprocess.run(
                [FOOTAGE, *given],
                env=environment,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert footage("record", "--", *command).strip() == "Done."
        found = json.loads(footage("show", "@1", "--json"))
        replayed = json.loads(footage("replay", "@1", "--json", "--", *command))
    assert found["run"]["task"] == "Click the button"
    steps = [
        (step["action"]["name"], (step["action"]["x"], step["action"]["y"]), step["status"], len(step["frames"]))
        for step in found["steps"]
    ]
    assert steps == [("screenshot", (None, None), "executed", 1), ("left_click", (600, 400), "executed", 1)]
    assert {turn["conversation"] for turn in found["turns"]} == {0}
    assert (replayed["verdict"], {turn["grade"] for turn in replayed["turns"]}) == ("reproduced", {"identical"})
