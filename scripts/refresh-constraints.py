"""
Make constraints-dev.txt anew: one version of each tool for developers, and of what only these tools need.

    .venv/bin/python scripts/refresh-constraints.py

It asks pip what it would install for the groups `dev` and `docs` of pyproject.toml, and leaves out what footage needs
itself: users get any version of that which fits, and so do the tests. `scripts/make-environment` holds to the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints-dev.txt"
HEAD = """\
# One version of each tool for developers (the groups dev and docs of pyproject.toml), and of what only they need.
# scripts/make-environment holds to it; scripts/refresh-constraints.py makes it anew.
"""


def resolved(*wanted: str) -> dict[str, str]:
    """Return {name: version} of all that pip would install for these arguments."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    done = subprocess.run([*command, *wanted], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found = [each["metadata"] for each in json.loads(done.stdout)["install"]]
    return {each["name"].lower().replace("_", "-"): each["version"] for each in found}


def main() -> None:
    """Write the file, and say what changed."""
    own = resolved(".[desktop,qemu,vnc]")
    tools = resolved(".[desktop,qemu,vnc]", "--group", "dev", "--group", "docs")
    lines = [f"{name}=={version}\n" for name, version in sorted(tools.items()) if name not in own]
    before = set(CONSTRAINTS.read_text("utf-8").splitlines(keepends=True)) if CONSTRAINTS.exists() else set()
    CONSTRAINTS.write_text(HEAD + "".join(lines), "utf-8")
    print(f"{len(lines)} tools, {len(set(lines) - before)} lines changed")


if __name__ == "__main__":
    main()
