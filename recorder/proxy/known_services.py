"""
The services whose requests a recording proxy passes on: by which variable clients find each, and where it is.

A service's own address may need what the environment says (a region, a resource). One whose address is not known is
there where its variable is set; so is one whose clients must not be led elsewhere without a word from the user.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SERVICES", "Service", "service_addresses", "signed_sentence"]

_GAP = re.compile(r"\{(\w+)\}")
_BEARER = "AWS_BEARER_TOKEN_BEDROCK"
_AWS_HOST = re.compile(r"^https://[^/]+\.(?:amazonaws\.com|api\.aws)(?:/|$)", re.IGNORECASE)
_BEDROCK = "https://bedrock-runtime.{AWS_REGION}.amazonaws.com"
_VERTEX = "https://{CLOUD_ML_REGION}-aiplatform.googleapis.com/v1"
_SEVERAL = {
    "global": "https://aiplatform.googleapis.com/v1",
    "us": "https://aiplatform.us.rep.googleapis.com/v1",
    "eu": "https://aiplatform.eu.rep.googleapis.com/v1",
}
"""Where Vertex is for regions that are no single place."""
_SAME = {"AWS_REGION": "AWS_DEFAULT_REGION"}
"""Variables that stand in for others."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service."""

    variable: str
    """By which its clients find it."""
    own: str = ""
    """Its own address; `{NAME}` stands for what that variable says. "": it is there only where its variable is set."""
    key: str = ""
    """AWS signs requests with their address: without the key of this variable they cannot go by way of a proxy."""
    instead: str = ""
    """The variable that must not be set together with this one."""

    def address(self, environment: Mapping[str, str]) -> str:
        """Return where it is, "" where that is not known or it cannot be asked by way of a proxy."""
        given = environment.get(self.variable, "").strip()
        if given:
            return "" if self._is_signed(given, environment) else given
        if self.key and not environment.get(self.key):
            return ""
        if self.own == _VERTEX and (region := environment.get("CLOUD_ML_REGION", "")) in _SEVERAL:
            return _SEVERAL[region]
        found = {name: environment.get(name) or environment.get(_SAME.get(name, "")) for name in _GAP.findall(self.own)}
        return _GAP.sub(lambda gap: found[gap[1]] or "", self.own) if all(found.values()) else ""

    def _is_signed(self, address: str, environment: Mapping[str, str]) -> bool:
        return bool(self.key) and _AWS_HOST.match(address) is not None and not environment.get(self.key)


SERVICES = {
    "anthropic": Service("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
    "openai": Service("OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "gemini": Service("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com"),
    # LiteLLM and Agent-S look at these first, where they are set.
    "anthropic_base": Service("ANTHROPIC_API_BASE"),
    "openai_base": Service("OPENAI_API_BASE"),
    "openrouter": Service("OPENROUTER_API_BASE"),
    "gemini_base": Service("GEMINI_API_BASE"),
    "openrouter_endpoint": Service("OPEN_ROUTER_ENDPOINT_URL"),
    "gemini_endpoint": Service("GEMINI_ENDPOINT_URL"),
    "azure_openai": Service("AZURE_OPENAI_ENDPOINT"),
    "azure_base": Service("AZURE_API_BASE"),
    "cua": Service("CUA_BASE_URL"),
    # Claude in the clouds.
    "bedrock": Service("ANTHROPIC_BEDROCK_BASE_URL", _BEDROCK, key=_BEARER),
    "bedrock_runtime": Service("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", _BEDROCK, key=_BEARER),
    "bedrock_litellm": Service("AWS_BEDROCK_RUNTIME_ENDPOINT", _BEDROCK, key=_BEARER),
    "bedrock_mantle": Service(
        "ANTHROPIC_BEDROCK_MANTLE_BASE_URL", "https://bedrock-mantle.{AWS_REGION}.api.aws/anthropic", key=_BEARER
    ),
    "aws": Service(
        "ANTHROPIC_AWS_BASE_URL", "https://aws-external-anthropic.{AWS_REGION}.api.aws", key="ANTHROPIC_AWS_API_KEY"
    ),
    "vertex": Service("ANTHROPIC_VERTEX_BASE_URL", _VERTEX),
    "google_cloud": Service("ANTHROPIC_GOOGLE_CLOUD_BASE_URL"),
    "foundry": Service(
        "ANTHROPIC_FOUNDRY_BASE_URL",
        "https://{ANTHROPIC_FOUNDRY_RESOURCE}.services.ai.azure.com/anthropic",
        instead="ANTHROPIC_FOUNDRY_RESOURCE",
    ),
    "gemini_vertex": Service("GOOGLE_VERTEX_BASE_URL"),
}
"""Services by name. The names are part of a proxy's addresses: `/run/NAME/via/SERVICE`."""


def service_addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """Return where each service is that can be passed on to, by name: where its variable points, else its own."""
    found = {name: service.address(environment) for name, service in SERVICES.items()}
    return {name: address for name, address in found.items() if address}


def signed_sentence(environment: Mapping[str, str]) -> str:
    """
    Return what is to be said where an agent's requests to Bedrock will not pass the proxy; "" for nothing.

    Keys of AWS sign a request with its address: the service would refuse what was sent to the proxy's.
    """
    asks_bedrock = environment.get("CLAUDE_CODE_USE_BEDROCK", "").lower() in {"1", "true", "yes", "on"}
    named = [service for service in SERVICES.values() if service.key == _BEARER and environment.get(service.variable)]
    if any(service.address(environment) for service in named) or environment.get(_BEARER):
        return ""
    if not asks_bedrock and not named:
        return ""
    return (
        "Requests to Bedrock that are signed with keys of AWS do not pass the proxy and are not recorded. "
        f"Set {_BEARER} for this run, or attach the client: run.attach(client)."
    )
