"""Calling the command line from tests."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footage.cli import main
from footage.sample import sample_path

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@dataclass(frozen=True, slots=True)
class Said:
    """What a command ended with and printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document; nothing else may stand on standard output, and nothing on standard error."""
        found: dict[str, Any] = json.loads(self.out)
        assert found["format"] == 1
        assert not self.err
        return found


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Said:
    """Call `footage` with these words, in this process."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    return Said(code, *capsys.readouterr())


def sample_in(folder: Path) -> Path:
    """Return a copy of the sample store that can be written to: three runs of one task, a replay and a fork."""
    copied = folder / "sample.db"
    shutil.copyfile(sample_path(), copied)
    return copied
