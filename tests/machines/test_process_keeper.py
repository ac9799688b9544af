"""Keepers of a machine's programs: what one that is stopped at once leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from footage import stopping
from footage.machines.shared import process_keeper as under_test
from footage.machines.shared.process_keeper import Keeper


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return where all that a keeper makes on a disk lies."""
    monkeypatch.setattr(under_test, "_memory_folder", lambda: str(tmp_path))
    return tmp_path


def test_a_keeper_whose_supervisor_cannot_be_started_leaves_no_folder(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", stopped)
    with pytest.raises(KeyboardInterrupt):
        Keeper(within=folders)
    assert list(folders.iterdir()) == []


def test_a_stop_while_a_keeper_begins_waits_until_it_can_be_undone(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, begun = tempfile.mkdtemp, list[int]()

    def make_and_stop(*given: Any, **more: Any) -> str:
        made: str = make(*given, **more)
        signal.raise_signal(signal.SIGTERM)
        return made

    class Begun(subprocess.Popen[bytes]):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            begun.append(self.pid)

    monkeypatch.setattr(tempfile, "mkdtemp", make_and_stop)
    monkeypatch.setattr(subprocess, "Popen", Begun)
    with stopping.Stops() as stops, pytest.raises(stopping.Stopped), stops.raising():
        Keeper(within=folders)
    assert list(folders.iterdir()) == []
    (pid,) = begun
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
