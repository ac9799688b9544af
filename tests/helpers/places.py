"""Where things are that tests use."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
HELPERS = TESTS / "helpers"
AGENT_LOOPS = TESTS / "loops"
"""Agents that tests record."""
STORES = TESTS / "stores"
"""Stores of earlier versions."""
EXAMPLES = ROOT / "examples"
SHARED_DATA = ROOT.parent / "shared" / "data"
"""Recordings of other people's agents, where there are any."""
