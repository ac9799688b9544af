"""Claude in the clouds: the paths by which Bedrock and Vertex carry the Messages API. They name the model."""

from __future__ import annotations

import re
from urllib.parse import unquote

from footage.trajectory import JSON

__all__ = ["asks_cloud", "with_path"]

_BEDROCK = re.compile(r"/model/(?P<model>[^/]+)/invoke(?P<stream>-with-response-stream)?$")
_VERTEX = re.compile(r"/publishers/anthropic/models/(?P<model>(?!count-tokens:)[^/:]+):(?P<stream>streamR|r)awPredict$")
_CLAUDE = re.compile(r"anthropic|claude|inference-profile", re.IGNORECASE)
"""What the model of Bedrock is called that carries Messages; profiles have names of their users' own."""


def _found(path: str) -> re.Match[str] | None:
    plain = path.partition("?")[0].rstrip("/")
    found = _BEDROCK.search(plain)
    if found is not None:
        return found if _CLAUDE.search(unquote(found["model"])) else None
    return _VERTEX.search(plain)


def asks_cloud(path: str) -> bool:
    """Tell whether a path of Bedrock or Vertex asks Claude for a message."""
    return _found(path) is not None


def with_path(body: JSON, path: str) -> JSON:
    """Return a request to a cloud with what its path says of it: the model, and whether the reply is to be streamed."""
    found = _found(path)
    if found is None:
        return body
    streamed = {"stream": True} if found["stream"] in {"-with-response-stream", "streamR"} else {}
    return {"model": unquote(found["model"]), **streamed, **body}
