"""The command line as a process, and what stands in its environment."""

from __future__ import annotations

import os
import sys

from places import HELPERS
from service import Service

FOOTAGE = [sys.executable, "-c", "import sys; from footage.cli import main; sys.exit(main())"]
PATHS = os.pathsep.join(filter(None, [str(HELPERS), os.environ.get("PYTHONPATH")]))


def environment(service: Service, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOOTAGE")}
    return inherited | {"ANTHROPIC_BASE_URL": service.url, "PYTHONPATH": PATHS} | more
