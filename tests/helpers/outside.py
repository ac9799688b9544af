"""Packages as others bring them: beside footage, found by what is written of them where packages are installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOOTAGE = Path(sys.executable).with_name("footage")


@dataclass(frozen=True, slots=True)
class Outside:
    """A folder with installed packages, and the command line with that folder in its path."""

    packages: Path

    def bring(self, package: str, group: str, name: str, source: str) -> None:
        """Install a package of one module, `package` with underscores, as a plug-in."""
        module = package.replace("-", "_")
        about = self.packages / f"{module}-0.3.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.3\n")
        (about / "entry_points.txt").write_text(f"[footage.{group}]\n{name} = {module}\n")
        (self.packages / f"{module}.py").write_text(source)

    def run(self, *words: str | Path, code: int = 0) -> str:
        """Run `footage` with these words; return what it printed."""
        environment = {**os.environ, "PYTHONPATH": str(self.packages), "HOME": str(self.packages)}
        environment.pop("FOOTAGE_STORE", None)
        done = subprocess.run([FOOTAGE, *words], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def document(self, *words: str | Path, code: int = 0) -> dict[str, Any]:
        """Run `footage` with these words and --json; return the document."""
        found: dict[str, Any] = json.loads(self.run(*words, "--json", code=code))
        return found
