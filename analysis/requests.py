"""
Comparing two requests to a model, to tell what of a difference is the harness's doing.

Left out are the model's name, ids of tool calls (told apart by their order), cache marks, metadata, how the reply is
delivered, signatures, and pictures that differ in nothing that matters. What is left belongs to the harness (prompt,
tools, parameters, scaling, pruned history), to the model (its own earlier replies) or to the world (what tools said
and showed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footage.analysis.wording import against
from footage.trajectory import JSON, Cause

if TYPE_CHECKING:
    from footage.analysis.screens import ScreenDifference

    ComparePictures = Callable[[JSON, JSON], ScreenDifference]

_UNCOUNTED = frozenset({"model", "metadata", "stream", "service_tier", "messages", "system", "tools"})
_SCALING = frozenset({"display_width_px", "display_height_px", "enable_zoom"})
_CAUSES = {"reply": Cause.MODEL, "result": Cause.ENVIRONMENT, "picture": Cause.ENVIRONMENT}


@dataclass(frozen=True, slots=True)
class RequestDifference:
    """The first difference of two requests that counts."""

    path: str
    """`system`, `tools[0].description`, `messages[4].content[1].text`."""
    kind: str
    """Harness: `prompt`, `tools`, `parameters`, `scaling`, `history`; model: `reply`; world: `result`, `picture`."""
    why: str
    """A phrase for people: both values from where they part."""

    @property
    def cause(self) -> Cause:
        """Whose doing it is."""
        return _CAUSES.get(self.kind, Cause.HARNESS)


def compare_requests(a: JSON, b: JSON, compare_pictures: ComparePictures | None = None) -> RequestDifference | None:
    """
    Return the first difference that is the harness's, else the first of any cause, else None.

    `a` and `b` are bodies of the Messages API as `Store.request` returns them. `compare_pictures` compares two image
    sources that are not byte for byte the same picture; without it they differ.
    """
    differences = list(_compare(_plain(a), _plain(b), compare_pictures))
    by_harness = (difference for difference in differences if difference.cause is Cause.HARNESS)
    return next(by_harness, differences[0] if differences else None)


# --- what is left out -----------------------------------------------------------------------------


def _plain(request: JSON) -> JSON:
    """Return a request in one spelling: texts as blocks, calls named by their order, without what does not count."""
    calls: dict[str, str] = {}

    def visit(value: Any) -> Any:
        if isinstance(value, list):
            return [visit(item) for item in value]
        if not isinstance(value, dict):
            return value
        kind = str(value.get("type", ""))
        dropped = {"cache_control", "signature"} if kind == "thinking" else {"cache_control"}
        plain = {key: visit(item) for key, item in value.items() if item is not None and key not in dropped}
        if "tool_use" in kind or kind.endswith("tool_result"):
            for key in plain.keys() & {"id", "tool_use_id"}:
                plain[key] = calls.setdefault(str(plain[key]), f"call {len(calls)}")
        if isinstance(plain.get("content"), str) and ("role" in plain or kind.endswith("tool_result")):
            plain["content"] = [{"type": "text", "text": plain["content"]}]
        return plain

    plain: JSON = visit(request)
    return plain


# --- walking --------------------------------------------------------------------------------------


def _compare(a: JSON, b: JSON, pictures: ComparePictures | None) -> Iterator[RequestDifference]:
    if _texts(a.get("system")) != _texts(b.get("system")):
        why = against("\n".join(_texts(a.get("system"))), "\n".join(_texts(b.get("system"))))
        yield RequestDifference("system", "prompt", why)
    for path, one, two in _leaves(a.get("tools", []), b.get("tools", []), "tools"):
        yield RequestDifference(path, "scaling" if path.rpartition(".")[2] in _SCALING else "tools", against(one, two))
    for key in sorted((a.keys() | b.keys()) - _UNCOUNTED):
        for path, one, two in _leaves(a.get(key), b.get(key), key):
            yield RequestDifference(path, "parameters", against(one, two))
    yield from _compare_messages(_objects(a.get("messages")), _objects(b.get("messages")), pictures)


def _texts(system: Any) -> list[str]:
    return [system] if isinstance(system, str) else [str(block.get("text", "")) for block in _objects(system)]


def _objects(value: Any) -> list[JSON]:
    """Return the objects of what should be a list of them; an imported request may be anything."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _leaves(a: Any, b: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the places where two JSON values part, as (path, one value, other value)."""
    if (
        isinstance(a, dict)
        and isinstance(b, dict)
        and a.get("type") == b.get("type")
        and a.get("name") == b.get("name")
    ):
        for key in dict.fromkeys([*a, *b]):
            yield from _leaves(a.get(key), b.get(key), f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list):
        for index in range(max(len(a), len(b))):
            one, two = (side[index] if index < len(side) else None for side in (a, b))
            yield from _leaves(one, two, f"{path}[{index}]")
    elif a != b:
        yield path, _name(a), _name(b)


def _name(value: Any) -> Any:
    """Return a short stand-in for a tool or a block; other values as they are."""
    if isinstance(value, Mapping):
        return " ".join(str(value[key]) for key in ("type", "name") if value.get(key)) or value
    return "nothing" if value is None else value


def _compare_messages(a: list[JSON], b: list[JSON], pictures: ComparePictures | None) -> Iterator[RequestDifference]:
    for index, (one, two) in enumerate(zip(a, b, strict=False)):
        path = f"messages[{index}]"
        if one.get("role") != two.get("role"):
            yield RequestDifference(path, "history", against(one.get("role"), two.get("role")))
            return
        if one.get("role") == "assistant":
            yield from (
                RequestDifference(where, "reply", against(x, y))
                for where, x, y in _leaves(one.get("content"), two.get("content"), f"{path}.content")
            )
            if _shape(one) != _shape(two):
                return  # the model went another way: what follows answers to other calls
        else:
            yield from _compare_blocks(one, two, f"{path}.content", pictures)
    if len(a) != len(b):
        why = f"{len(a)} messages against {len(b)}"
        yield RequestDifference(f"messages[{min(len(a), len(b))}]", "history", why)


def _shape(message: JSON) -> list[str]:
    return [str(b.get("name", "")) for b in _objects(message.get("content")) if "tool_use" in str(b.get("type"))]


def _compare_blocks(
    holder_a: JSON, holder_b: JSON, path: str, pictures: ComparePictures | None, kind: str = "prompt"
) -> Iterator[RequestDifference]:
    """Compare the content of what the harness wrote (`kind` prompt), or of what a tool answered (`kind` result)."""
    a, b = _objects(holder_a.get("content")), _objects(holder_b.get("content"))
    types = [[block.get("type") for block in blocks] for blocks in (a, b)]
    if types[0] != types[1]:
        first = next((i for i, (x, y) in enumerate(zip(*types, strict=False)) if x != y), min(len(a), len(b)))
        shown = [kinds[first] if first < len(kinds) else "nothing" for kinds in types]
        yield RequestDifference(f"{path}[{first}]", "history", against(*map(str, shown)))
        return
    for index, (one, two) in enumerate(zip(a, b, strict=True)):
        where = f"{path}[{index}]"
        if one.get("type") == "image":
            yield from _compare_images(one.get("source") or {}, two.get("source") or {}, where, pictures)
        elif str(one.get("type")).endswith("tool_result"):
            if bool(one.get("is_error")) != bool(two.get("is_error")):
                yield RequestDifference(f"{where}.is_error", "result", "one call failed, the other did not")
            else:
                yield from _compare_blocks(one, two, f"{where}.content", pictures, kind="result")
        else:
            yield from (RequestDifference(at, kind, against(x, y)) for at, x, y in _leaves(one, two, where))


def _compare_images(a: JSON, b: JSON, path: str, pictures: ComparePictures | None) -> Iterator[RequestDifference]:
    if a == b or (a.get("sha256") is not None and a.get("sha256") == b.get("sha256")):
        return
    if pictures is None or not a.get("type") == b.get("type") == "footage":
        yield RequestDifference(f"{path}.source", "picture", "another picture")
        return
    difference = pictures(a, b)
    if difference.is_material:
        yield RequestDifference(f"{path}.source", "scaling" if difference.resized else "picture", difference.why)
