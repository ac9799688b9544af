"""
How the layers of one recording find each other: through the environment of a recorded command.

`FOOTAGE_RUN` and `FOOTAGE_STORE` name the run, `FOOTAGE_PROXY` the proxy that records its requests; `FOOTAGE_SECRETS`
holds the names of the variables whose values are kept out, with commas between them.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["PROXY", "RUN", "SECRETS", "STORE", "is_proxied", "run_to_join"]

RUN = "FOOTAGE_RUN"
STORE = "FOOTAGE_STORE"
PROXY = "FOOTAGE_PROXY"
SECRETS = "FOOTAGE_SECRETS"


def run_to_join(store: Path) -> str:
    """Return the id of the run that this process is recorded in, if `store` is where; "" if there is none."""
    run, named = os.environ.get(RUN, ""), os.environ.get(STORE, "")
    return run if run and named and os.path.realpath(named) == os.path.realpath(store) else ""


def is_proxied(client: object) -> bool:
    """Tell whether a client's requests pass the proxy of the run that this process is recorded in."""
    proxy = os.environ.get(PROXY, "")
    google = getattr(getattr(client, "_api_client", None), "_http_options", None)
    return bool(proxy) and str(getattr(google or client, "base_url", "")).startswith(f"{proxy}/")
