"""Claude in the clouds by Anthropic's own clients: `footage record` sees what is done, and the tape answers again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from clouds import answer
from outside import FOOTAGE
from service import Service, text

CLIENTS = {
    "bedrock": ("ANTHROPIC_BEDROCK_BASE_URL", "", "AnthropicBedrock(api_key='k', aws_region='r', max_retries=0)"),
    "vertex": (
        "ANTHROPIC_VERTEX_BASE_URL",
        "/v1",
        "AnthropicVertex(access_token='t', project_id='p', region='r', max_retries=0)",
    ),
}
TOOLS = [{"type": "computer_20250124", "name": "computer", "display_width_px": 1280, "display_height_px": 800}]
AGENT = """
    import anthropic, sys
    asked = dict(model="anthropic.claude-x", max_tokens=99, tools={tools}, messages=[dict(role="user", content="Go")])
    client = anthropic.{client}
    if sys.argv[1] == "stream":  # the bytes as they come: botocore would be needed to read those of Bedrock
        with client.beta.messages.with_streaming_response.create(**asked, stream=True) as reply:
            said = b"".join(reply.iter_bytes())
    else:
        said = client.beta.messages.create(**asked).to_json()
    print(len(said))
"""


@pytest.mark.parametrize("kind", ["whole", "stream"])
@pytest.mark.parametrize("name", ["bedrock", "vertex"])
def test_an_agent_of_a_cloud_is_recorded_and_replayed(tmp_path: Path, name: str, kind: str) -> None:
    variable, path, client = CLIENTS[name]
    agent = [sys.executable, "-c", textwrap.dedent(AGENT.format(tools=TOOLS, client=client)), kind]
    with Service([text("unused")], other=answer) as service:
        environment = os.environ | {"FOOTAGE_STORE": str(tmp_path / "runs.db"), variable: service.url + path}

        def footage(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([FOOTAGE, *words], env=environment, capture_output=True, text=True, check=False)

        done = footage("record", "--", *agent)
    assert done.returncode == 0, done.stderr
    assert variable in done.stderr.splitlines()[0]
    found = json.loads(footage("show", "@1", "--json").stdout)
    assert [(step["action"]["name"], step["action"]["x"], step["action"]["y"]) for step in found["steps"]] == [
        ("left_click", 10, 20)
    ]
    assert found["run"]["model"] in {"anthropic.claude-x", "claude-x"}

    replayed = footage("replay", "@1", "--json", "--", *agent)
    report = json.loads(replayed.stdout[replayed.stdout.index("{") :])
    assert (report["verdict"], report["divergence"]) == ("reproduced", None), replayed.stderr
