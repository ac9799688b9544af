"""The services that a recorded command's requests go on to, and what its client finds in its environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footage.recorder.proxy.relay_process.upstream import Upstream

__all__ = ["services", "stand_in_key"]


def services(*, stand_in: bool = False) -> dict[str, Upstream]:
    """
    Return the services to pass requests on to: where their variables point, else their own addresses.

    With `stand_in` the Messages API is the stand-in's, served by this process.
    """
    from footage.recorder.proxy.known_services import service_addresses
    from footage.recorder.proxy.relay_process.upstream import Upstream

    found = {name: Upstream(address) for name, address in service_addresses(os.environ).items()}
    if stand_in:
        from footage.agent.standin import shared_server

        found["anthropic"] = Upstream(shared_server().url)
    return found


def stand_in_key() -> dict[str, str]:
    """Return what a client that is answered by the stand-in finds in its environment: a key, where it has none."""
    return {} if os.environ.get("ANTHROPIC_API_KEY") else {"ANTHROPIC_API_KEY": "stand-in"}
