"""Clients that agents still have: what is promised of attached clients holds, with the real SDK of their time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from places import HELPERS, TESTS

SDKS = Path(sys.prefix) / "sdk"
"""Made by `scripts/make-environment`."""
TRIED = {
    "0.76.0": ["recorder/test_attach.py", "agent/test_agent.py"],
    "0.125.0": ["recorder/test_attach.py", "recorder/test_attach_clouds.py", "recorder/test_recorder_faults.py"],
}


def with_sdk(version: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run Python with another SDK in the place of the installed one."""
    if not (SDKS / version).is_dir():
        pytest.skip(f"anthropic {version} is not there: run scripts/make-environment")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FOOTAGE"))}
    paths = os.pathsep.join([str(SDKS / version), str(HELPERS)])
    command = [sys.executable, *argv]
    return subprocess.run(command, env=kept | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", TRIED)
def test_the_tests_of_attached_clients_pass(tmp_path: Path, version: str) -> None:
    options = ["-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "tests")]
    done = with_sdk(version, "-m", "pytest", *options, *(str(TESTS / name) for name in TRIED[version]))
    assert done.returncode == 0, done.stdout
    said = with_sdk(version, "-c", "import anthropic; print(anthropic.__version__)")
    assert said.stdout == f"{version}\n"


CLOUD = """
import anthropic, footage

with footage.record() as run:
    run.attach(anthropic.AnthropicVertex(access_token="t", project_id="p", region="r"))
"""


def test_an_old_client_of_a_cloud_is_refused_since_nothing_of_it_would_be_seen(tmp_path: Path) -> None:
    script = CLOUD.replace("record()", f"record(store={str(tmp_path / 'footage.db')!r})")
    done = with_sdk("0.76.0", "-c", script)
    assert "This AnthropicVertex is too old to be attached" in done.stderr
