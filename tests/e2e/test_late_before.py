"""An agent that acts at once, by X and by VNC; `benchmarks/late_before.py` tries all clients, as often as is wished."""

from __future__ import annotations

import subprocess
import sys

import pytest

from places import ROOT

TRIAL = ROOT / "benchmarks" / "late_before.py"


@pytest.mark.desktop
@pytest.mark.parametrize("client", ["raw", "vnc"])
def test_no_frame_before_a_call_shows_what_the_call_did_and_none_is_missing_unsaid(client: str) -> None:
    command = [sys.executable, str(TRIAL), "--client", client, "--calls", "4", "--delay", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[1].split()[:2] in ([client, "4"], [client, "not"])
