"""Whether a provider has what its contract names, and what the relay process asks of it at each request is safe."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from footage.plugins import CheckResult, Plugin, attempt

__all__ = ["MEMBERS", "check_provider"]

MEMBERS = (
    *("recognises", "may_complete", "read_request", "stream_reader", "calls", "results"),
    *("picture_slots", "write_reply", "volatile_fields"),
)
"""What a provider has: the first two are all that the relay process loads."""
_HEAVY = {"anthropic", "cv2", "flask", "numpy", "PIL", "pydantic", "rich", "sqlite3", "sqlite_utils", "Xlib"}
_LONG = "/" + "x" * 65536
_REQUESTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    *(("GET", "/", {}), ("", "", {}), ("POST", "*", {"": ""}), ("POST", "/v1/\0\xff?%%%=&#", {"content-type": "\0"})),
    *(("BREW", _LONG, {}), ("POST", "//../..", {"x": "y" * 65536}), ("post", "http://[::1", {})),
)
"""Requests that ask no model anything: method, path with its query, headers in small letters."""
_BYTES = (b"", b"\0", b"{", b"null", b"event: \n\n", b"data: {\n\n", b"\xff" * 65536)


def check_provider(plugin: Plugin) -> Iterator[CheckResult]:
    """Yield what is seen of a provider."""
    provider = plugin.load()
    contract = attempt("contract", lambda: _contract(provider))
    yield contract
    if contract.ok:
        yield attempt("strangers", lambda: _strangers(provider))
        yield attempt("light", lambda: _light(plugin))


def _contract(provider: Any) -> str:
    missing = [name for name in MEMBERS if not hasattr(provider, name)]
    assert not missing, f"it lacks {', '.join(missing)}"
    return f"it has {', '.join(MEMBERS)}"


def _strangers(provider: Any) -> str:
    """Ask of requests and bytes that are nobody's: a relay passes them on, whatever they are."""
    for method, path, headers in _REQUESTS:
        try:
            answer = provider.recognises(method, path, headers)
        except Exception as error:
            raise AssertionError(f"recognises raised {type(error).__name__} for {method} {path[:40]!r}") from error
        assert answer is False, f"recognises returned {answer!r} for {method} {path[:40]!r}"
    for data in _BYTES:
        try:
            answer = provider.may_complete(data)
        except Exception as error:
            raise AssertionError(f"may_complete raised {type(error).__name__} for {data[:40]!r}") from error
        assert isinstance(answer, bool), f"may_complete returned {answer!r} for {data[:40]!r}, and no bool"
    return f"{len(_REQUESTS)} requests and {len(_BYTES)} pieces that are nobody's: none recognised, nothing raised"


def _light(plugin: Plugin) -> str:
    """Load it in a process of its own: the relay process must stay small."""
    script = (
        "import importlib, json, sys; importlib.import_module(sys.argv[1]);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    module = plugin.value.partition(":")[0]
    environment_path = f"import sys; sys.path[:] = {sys.path!r}; "
    command = [sys.executable, "-c", environment_path + script, module]
    loaded = set(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    heavy = sorted(_HEAVY & loaded)
    assert not heavy, f"loading it loads {', '.join(heavy)}: import these where they are used"
    return f"loading it loads nothing heavy ({len(loaded)} modules in all)"
