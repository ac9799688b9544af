"""Which model the agent talks to: Claude, or the stand-in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from footage.errors import NoApiKey, UsageError
from footage.providers.model_names import STAND_IN

if TYPE_CHECKING:
    from anthropic import Anthropic

__all__ = ["DEFAULT_MODEL", "make_client"]

DEFAULT_MODEL = "claude-sonnet-5-5"
"""What `footage agent` asks when no model is named; one that can use a computer."""

_CHARACTERS = ("careful", "hasty")
_CREDENTIALS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


def make_client(model: str, *, think: float = 0.0) -> Anthropic:
    """
    Return a client for `model`.

    For `stand-in/careful` and `stand-in/hasty` a server is started on the loopback interface (once in a process, for
    each `think`, the seconds it waits before a reply). Any other model needs ANTHROPIC_API_KEY: raises NoApiKey.
    Raises UsageError for a stand-in that does not exist.
    """
    if model.startswith(STAND_IN):
        if model.partition(":")[0].removeprefix(STAND_IN) not in _CHARACTERS:
            known = ", ".join(STAND_IN + name for name in _CHARACTERS)
            raise UsageError(f"There is no stand-in {model!r}.", hint=f"There are: {known}.")
        from anthropic import Anthropic

        from footage.agent.standin import shared_server

        return Anthropic(base_url=shared_server(think).url, api_key="stand-in")
    if not any(os.environ.get(name) for name in _CREDENTIALS):
        raise NoApiKey(
            f"{model} needs an API key, and ANTHROPIC_API_KEY is not set.",
            hint="Set ANTHROPIC_API_KEY, or use the built-in stand-in: --model stand-in/careful",
        )
    from anthropic import Anthropic

    return Anthropic()
