"""
Keeping keys off the disk: what must not be stored is replaced by a mark before it reaches the store.

Three kinds are known: values that somebody named (or that stand in the environment, or in the headers of a request,
under the name of a secret), texts that look like a provider's key, and headers and query fields by their names. What
is passed on to the model and to the agent is never changed, only what is recorded of it.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from footage.recorder.environment import SECRETS
from footage.secrets import Replacer
from footage.trajectory import JSON

__all__ = ["REMOVED", "SHORTEST_NAMED", "Secrets", "secrets_of_environment"]

REMOVED = "[secret removed]"
"""What stands in the place of a secret."""

SHORTEST_NAMED = 4
"""Characters of the shortest value that can be kept out: shorter ones are parts of ordinary words."""
_SHORTEST_NUMBER = 1000
"""Of as many digits as the shortest value that can be named."""
_SHORTEST_FOUND = 8
"""Shorter values from the environment are no keys: scrubbing them would only spoil the recording."""

_NAME = re.compile(
    r"(?:^|[-_.])(?:api)?(?:key|token|secret|passw(?:or)?d|pass|passphrase|credentials?|cookie)s?$", re.IGNORECASE
)
_HEADER = re.compile(r"auth|key|token|secret|cookie|passw|credential|signature|session", re.IGNORECASE)
_QUERY = re.compile(
    r"((?:^|[?&;])[^=&;?#\s]*(?:key|token|secret|passw|auth|credential|signature|sig)[^=&;?#\s]*=)[^&;#\s]+",
    re.IGNORECASE,
)

_KEYS = (
    ("://", r"[^/\s:@]+:[^/\s@]+(?=@)"),  # user:password in an address
    ("", r"sk-[A-Za-z0-9_-]{16,}"),  # Anthropic, OpenAI and many who follow them
    ("", r"AIza[0-9A-Za-z_-]{30,}"),
    *(("", rf"{kind}[0-9A-Z]{{16}}") for kind in ("AKIA", "ASIA")),
    ("", r"gh[pousr]_[0-9A-Za-z]{30,}"),
    ("", r"github_pat_[0-9A-Za-z_]{30,}"),
    ("", r"glpat-[0-9A-Za-z_-]{16,}"),
    ("", r"xox[abprs]-[0-9A-Za-z-]{10,}"),
    *(("", rf"{kind}_(?:live|test)_[0-9A-Za-z]{{16,}}") for kind in ("sk", "rk", "pk")),
    ("", r"hf_[0-9A-Za-z]{30,}"),
    ("", r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}"),  # a JSON web token
    ("", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    *((kind, r"[A-Za-z0-9._~+/=-]{12,}") for kind in ("Bearer ", "bearer ")),
    *((kind, r"[A-Za-z0-9+/=]{12,}") for kind in ("Basic ", "basic ")),
)
"""What stands before something that looks like a key, and what it looks like; each begins with letters of its own."""
_EACH_KEY = tuple(re.compile(f"({before}){looks}", re.DOTALL) for before, looks in _KEYS)
_ANY_KEY = re.compile("|".join(f"(?<={before}){looks}" if before else looks for before, looks in _KEYS), re.DOTALL)
_SHORT = 100
"""Characters up to which one search for any is quicker than one for each; those pass over a long text much faster."""
_REMEMBERED = 1000
"""Characters of the longest text that is remembered as searched, and how many are."""
_MEMORY = 20_000
_KEPT_HEADERS = frozenset(
    {"accept", "anthropic-beta", "anthropic-version", "content-encoding", "content-length", "content-type", "date"}
    | {"openai-processing-ms", "openai-version", "request-id", "retry-after", "server", "user-agent", "x-request-id"}
    | {"x-should-retry", "x-stainless-retry-count", "x-stainless-lang", "x-stainless-package-version"}
)


class Secrets:
    """What is to be kept out of one recording. Thread-safe."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, str] = {}
        self._replacer = Replacer({})
        self._harmless: set[str] = set()
        """Texts that were searched: requests repeat what was said before, again and again."""
        for value in values:
            self.add(value)

    def add(self, value: str, *, named: bool = True) -> None:
        """
        Keep a value out of the recording from now on, however it is escaped.

        A value that was not named by anybody (`named=False`: it was found under the name of a secret) counts only
        where it cannot be an ordinary word: eight characters with letters and digits, or sixteen.
        """
        value = value.strip()
        if not (len(value) >= SHORTEST_NAMED if named else _is_key(value)):
            return
        with self._lock:
            if value in self._values:
                return
            self._values[value] = REMOVED
            self._replacer = Replacer(self._values)
            self._harmless = set()

    def learn(self, headers: Mapping[str, str], path: str = "") -> None:
        """Take note of the keys in a request's headers and in the query of its path."""
        for name, value in headers.items():
            if _HEADER.search(name):
                for part in _parts(value):
                    self.add(part, named=False)
        for found in _QUERY.finditer(path):
            self.add(found[0][len(found[1]) :], named=False)

    def clean(self, text: str) -> str:
        """Return a text without its secrets; the very same object if it has none."""
        # Before the replacer: what is found with an older one goes into a set that is not used.
        harmless = self._harmless
        if text in harmless:
            return text
        cleaned = self._search(text)
        if cleaned != text:
            return cleaned
        if len(text) <= _REMEMBERED:
            if len(harmless) >= _MEMORY:
                harmless.clear()
            harmless.add(text)
        return text

    def _search(self, text: str) -> str:
        text = self._replacer.text(text)
        if len(text) <= _SHORT:
            return _ANY_KEY.sub(REMOVED, text)
        for key in _EACH_KEY:
            text = key.sub(rf"\1{REMOVED}", text)
        return text

    def clean_json(self, value: Any) -> Any:
        """Return a JSON value without secrets, keys and numbers included; the very same object if it has none."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, int | float) and abs(value) >= _SHORTEST_NUMBER:
            return value if self.clean(repr(value)) == repr(value) else REMOVED
        if isinstance(value, list):
            items = [self.clean_json(item) for item in value]
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        if isinstance(value, dict):
            if value.get("type") == "base64" and isinstance(value.get("data"), str):
                return value  # a picture or a document: no text
            pairs = {self.clean_json(key): self.clean_json(item) for key, item in value.items()}
            return pairs if any(pairs.get(key) is not item for key, item in value.items()) else value
        return value

    def clean_body(self, body: bytes) -> bytes:
        """Return the body of a request or a response without secrets; JSON stays JSON."""
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            text = self._replacer.data(body).decode("utf-8", "surrogateescape")
            return self.clean(text).encode("utf-8", "surrogateescape")
        cleaned = self.clean_json(parsed)
        return body if cleaned is parsed else json.dumps(cleaned, ensure_ascii=False).encode("utf-8", "surrogatepass")

    def clean_headers(self, headers: Iterable[tuple[str, str]]) -> JSON:
        """Return headers as they may be stored: the value of one that is not known to be harmless is removed."""
        kept: JSON = {}
        for name, value in headers:
            known = name.lower() in _KEPT_HEADERS
            kept[self.clean(name)] = self.clean(value) if known else REMOVED
        return kept

    def clean_path(self, path: str) -> str:
        """Return a path with its query, without the keys in it."""
        return self.clean(_QUERY.sub(rf"\1{REMOVED}", path))


def secrets_of_environment(environment: Mapping[str, str] | None = None) -> Secrets:
    """
    Return the values of all variables that are named like secrets: `…_KEY`, `…_TOKEN`, `…_PASSWORD` ….

    And of those that `FOOTAGE_SECRETS` names.
    """
    found = Secrets()
    variables = os.environ if environment is None else environment
    for name in variables.get(SECRETS, "").split(","):
        found.add(variables.get(name, ""))
    for name, value in variables.items():
        if _NAME.search(name):
            found.add(value, named=False)
    for line in variables.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines():
        name, _, value = line.partition(":")
        found.learn({name: value})
    return found


def _is_key(value: str) -> bool:
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return len(value) >= (_SHORTEST_FOUND if mixed else 2 * _SHORTEST_FOUND)


def _parts(header: str) -> list[str]:
    """Return what may be secret in a header's value: all of it, and each value in it ("Bearer x", "a=x; b=y")."""
    pieces = [piece.partition("=")[2] or piece for piece in re.split(r"[;,]\s*|\s+", header)]
    return [header, *pieces]
