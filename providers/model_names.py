"""Names of models that no provider serves."""

from __future__ import annotations

__all__ = ["STAND_IN"]

STAND_IN = "stand-in/"
"""What the names of the models begin with that `footage.agent.standin` serves on this machine."""
