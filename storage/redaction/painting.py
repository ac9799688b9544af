"""
Painting over a part of the screen, in every picture of a family that shows it.

Tiles are shared by all pictures of a family, so all of them are written anew into atlases of their own; then, in one
transaction, they take the places of the old ones, which keep their ids.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from footage.storage.family_copy import rows_of
from footage.storage.pictures.writing import PictureWriter, prepare
from footage.storage.redaction.texts import replace_documents
from footage.storage.redaction.values import mark
from footage.storage.requests.chains import dump_json
from footage.storage.requests.pictures_in_messages import changed_pictures, pictures_in
from footage.storage.store import Store
from footage.trajectory import JSON, Frame, Pixels, Region

__all__ = ["COLOUR", "Painted", "PictureChanges", "find_pictures", "hide_pictures", "paint", "repainted"]

COLOUR = (122, 31, 162)
"""RGB of what was painted over."""

_SAMPLES = 48  # pieces of old pictures that are looked for afterwards
_SAMPLE = 32  # bytes of each
_DISTINCT = 20  # of them have to be different: plain surfaces look the same in many files
_PICTURE_BYTES = (b"iVBORw0KGgo", b"/9j/4", b"UklGR", b"\x89PNG\r\n", b"\xff\xd8\xff", b"WEBPVP8", b"R0lGOD")
_Step = tuple[str, int]


@dataclass(slots=True)
class PictureChanges:
    """Which pictures have to be painted over, and where."""

    masks: dict[int, set[Region]] = field(default_factory=lambda: defaultdict(set))
    """By the pictures' ids: rectangles in pixels of the picture."""
    frames: dict[int, list[Region]] = field(default_factory=dict)
    """By the ids of frames that show such a picture: the regions of the screen."""
    places: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Painted:
    """The family's pictures as they will be, stored in a family of their own until they take the old ones' places."""

    family: int
    pictures: dict[int, int] = field(default_factory=dict)
    """From the id of each picture to that of its successor."""
    samples: list[bytes] = field(default_factory=list)
    """Pieces of the old pictures' bytes, which must be gone afterwards."""


def paint(pixels: Pixels, regions: Iterable[Region]) -> Pixels:
    """Return a copy of a picture with rectangles of its pixels in `COLOUR`."""
    painted = pixels.copy()
    for region in regions:
        painted[max(region.y, 0) : max(region.bottom, 0), max(region.x, 0) : max(region.right, 0)] = COLOUR
    return painted


# --- which pictures -----------------------------------------------------------------------------------------------


def find_pictures(store: Store, run: str, region: Region, steps: range | None) -> PictureChanges:
    """Find the pictures of a run's family that show a region of the screen, in all steps or in these of the run."""
    changes = PictureChanges()
    family = store.family(run)
    chosen = None if steps is None else _same_steps(store, store.run(run).id, steps)
    frames: list[Frame] = []
    for one in family:
        wanted = {step for name, step in chosen or () if name == one.id}
        for frame in store.frames(one.id) if chosen is None else _frames_of(store, one.id, wanted):
            frames.append(frame)
            _mask(changes, frame.picture, _within(frame, region))
    screen = next(((frame.screen_width, frame.screen_height) for frame in frames), (0, 0))
    _find_in_requests(store, run, changes, region, screen, chosen)
    if chosen is not None:
        _find_the_same(store, run, changes)
    _find_frames(store, run, changes, region)
    changes.places["pictures"] = len(changes.masks)
    return changes


def _mask(changes: PictureChanges, picture: int, part: Region | None) -> None:
    if part is not None:
        changes.masks[picture].add(part)


def _within(frame: Frame, region: Region) -> Region | None:
    """Return where a region of the screen lies in a frame's picture; None where it is not in it."""
    shown = frame.region or Region(0, 0, frame.screen_width, frame.screen_height)
    return _scaled(region, shown, frame.width, frame.height)


def _scaled(region: Region, shown: Region, width: int, height: int) -> Region | None:
    across, down = width / max(shown.width, 1), height / max(shown.height, 1)
    left, top = math.floor((region.x - shown.x) * across), math.floor((region.y - shown.y) * down)
    right, bottom = math.ceil((region.right - shown.x) * across), math.ceil((region.bottom - shown.y) * down)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    return Region(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _same_steps(store: Store, run: str, steps: range) -> set[_Step]:
    """Return these steps of a run, and what they are in the replays and forks made from it, and in what it is from."""
    pairs: list[tuple[_Step, _Step]] = []
    for one in store.family(run):
        if one.parent is not None:
            parent = one.parent.run
            made = [step for step in store.steps(one.id) if step.source_step is not None]
            pairs += [((one.id, step.index), (parent, step.source_step or 0)) for step in made]
    chosen: set[_Step] = {(run, step) for step in steps}
    while more := {b for pair in pairs for a, b in (pair, pair[::-1]) if a in chosen} - chosen:
        chosen |= more
    return chosen


def _frames_of(store: Store, run: str, steps: set[int]) -> Iterator[Frame]:
    for step in store.steps(run):
        if step.index in steps:
            yield from (frame for frames in step.frames.values() for frame in frames)
            verdict = step.verdict
            for frame in (verdict.expected_frame, verdict.actual_frame) if verdict else ():
                if frame is not None:
                    yield store.frame(frame)


def _find_in_requests(
    store: Store, run: str, changes: PictureChanges, region: Region, screen: tuple[int, int], chosen: set[_Step] | None
) -> None:
    """Find what the model was sent: results of the chosen steps, and pictures that are no call's result."""
    calls = None if chosen is None else _calls_of(store, run, chosen)
    sizes = {row["id"]: (row["width"], row["height"]) for row in _pictures(store, run)}
    shown = Region(0, 0, *screen)
    with store.database.snapshot() as connection:
        for row in rows_of(connection, [_family_row(store, run)])("document"):
            if b'"footage"' in row["body"]:
                value = json.loads(row["body"].decode("utf-8", "surrogatepass"))
                for picture in _sent(value, calls) - changes.masks.keys():
                    width, height = sizes.get(picture, (0, 0))
                    whole = shown if min(screen) > 0 else Region(0, 0, width, height)
                    _mask(changes, picture, _scaled(region, whole, width, height))


def _calls_of(store: Store, run: str, chosen: set[_Step]) -> set[str]:
    return {
        step.call_id
        for one in store.family(run)
        for step in store.steps(one.id)
        if (one.id, step.index) in chosen and step.call_id
    }


def _sent(value: Any, calls: set[str] | None) -> set[int]:
    """Return the pictures in a message that belong to these calls, or to none; with None all of them."""
    if calls is None:
        return pictures_in(value)
    if isinstance(value, list):
        return {picture for item in value for picture in _sent(item, calls)}
    if not isinstance(value, dict):
        return set()
    if "tool_use_id" in value:
        return pictures_in(value) if value["tool_use_id"] in calls else set()
    if value.get("type") == "image":
        return pictures_in(value)
    return {picture for item in value.values() for picture in _sent(item, calls)}


def _find_the_same(store: Store, run: str, changes: PictureChanges) -> None:
    """Find the other pictures that show the very same pixels in the same place."""
    known: dict[Region, set[bytes]] = defaultdict(set)
    for picture, parts in list(changes.masks.items()):
        pixels = store.pixels(picture)
        for part in parts:
            crop = pixels[part.y : part.bottom, part.x : part.right]
            if (crop != crop[0, 0]).any():  # a plain surface tells nothing
                known[part].add(crop.tobytes())
    for row in _pictures(store, run):
        if row["id"] in changes.masks or not known:
            continue
        pixels = store.pixels(row["id"])
        for part, crops in known.items():
            fits = part.right <= row["width"] and part.bottom <= row["height"]
            if fits and pixels[part.y : part.bottom, part.x : part.right].tobytes() in crops:
                changes.masks[row["id"]].add(part)


def _find_frames(store: Store, run: str, changes: PictureChanges, region: Region) -> None:
    for one in store.family(run):
        for frame in store.frames(one.id):
            if frame.picture in changes.masks:
                changes.frames[frame.id] = [*frame.redacted, region]


def _family_row(store: Store, run: str) -> int:
    row = store.database.row("SELECT family FROM run WHERE name = ?", store.run(run).id)
    assert row is not None
    return int(row[0])


def _pictures(store: Store, run: str) -> list[sqlite3.Row]:
    family = _family_row(store, run)
    return store.database.rows("SELECT id, width, height, tiles FROM picture WHERE family = ? ORDER BY id", family)


# --- the pictures as they will be -----------------------------------------------------------------------------------


@contextlib.contextmanager
def repainted(
    store: Store, family: int, changes: PictureChanges, on_progress: Callable[[int, int], None]
) -> Iterator[Painted]:
    """
    Write the family's pictures anew, for the block to put them in place; whatever is not taken is removed again.

    `on_progress` is called with (done, total) pictures.
    """
    with store.database.transaction() as connection:
        name = f"redaction {family}"
        connection.execute("DELETE FROM family WHERE name = ?", (name,))  # of one that was interrupted
        cursor = connection.execute("INSERT INTO family (name) VALUES (?)", (name,))
        painted = Painted(int(cursor.lastrowid or 0))
    try:
        writer = PictureWriter(store.database, painted.family)
        sql = "SELECT id, tiles FROM picture WHERE family = ? ORDER BY id"
        rows = store.database.rows(sql, family)
        for done, row in enumerate(rows, 1):
            masks = changes.masks.get(row["id"])
            if masks or row["tiles"] is not None:
                pixels = store.pixels(row["id"])
                painted.pictures[row["id"]] = writer.store(prepare(paint(pixels, masks) if masks else pixels))
            on_progress(done, len(rows))
        painted.samples = _samples(store, family, painted)
        yield painted
    finally:
        with store.database.transaction() as connection:
            connection.execute("DELETE FROM family WHERE id = ?", (painted.family,))


def _samples(store: Store, family: int, painted: Painted) -> list[bytes]:
    """Return pieces of the old pictures' bytes that are neither in the new ones nor in those of other families."""
    old = [row[0] for row in store.database.rows("SELECT image FROM atlas WHERE family = ?", family)]
    sql = "SELECT original FROM picture WHERE original IS NOT NULL AND id IN (SELECT value FROM json_each(?))"
    old += [row[0] for row in store.database.rows(sql, dump_json(list(painted.pictures)))]
    new = {row[0] for row in store.database.rows("SELECT image FROM atlas WHERE family = ?", painted.family)}
    gone = [image for image in old if image not in new and len(image) > 3 * _SAMPLE]
    chosen = gone[:: max(1, len(gone) // _SAMPLES)]
    found = {_rarest(image) for image in chosen}
    rare = [piece for piece in sorted(found) if len(set(piece)) >= _DISTINCT and not any(piece in one for one in new)]
    return [piece for piece in rare if not _is_in_others(store, (family, painted.family), piece)]


def _is_in_others(store: Store, families: tuple[int, int], piece: bytes) -> bool:
    """Tell whether pictures of other families, which stay, have these bytes too."""
    sql = (
        "SELECT 1 FROM atlas WHERE family NOT IN (?1, ?2) AND instr(image, ?3)"
        " UNION ALL SELECT 1 FROM picture WHERE family NOT IN (?1, ?2) AND instr(original, ?3) LIMIT 1"
    )
    return store.database.row(sql, *families, piece) is not None


def _rarest(image: bytes) -> bytes:
    """Return the piece, of some from the middle of a file, that is least likely to be in another one."""
    third = len(image) // 3
    starts = range(third, 2 * third, max(1, third // 64))
    return max((image[start : start + _SAMPLE] for start in starts), key=lambda piece: len(set(piece)))


def hide_pictures(
    connection: sqlite3.Connection, family: int, changes: PictureChanges, painted: Painted, number: int
) -> None:
    """Put the new pictures in the places of the old ones, within the caller's transaction."""
    old = [row[0] for row in connection.execute("SELECT id FROM atlas WHERE family = ?", (family,))]
    connection.execute("UPDATE atlas SET family = ? WHERE family = ?", (family, painted.family))
    for picture, successor in painted.pictures.items():
        connection.execute(
            "UPDATE picture SET original = NULL, original_sha256 = NULL, (tiles, sha256, signature) ="
            " (SELECT tiles, sha256, signature FROM picture WHERE id = ?) WHERE id = ?",
            (successor, picture),
        )
    connection.executemany("DELETE FROM atlas WHERE id = ?", [(atlas,) for atlas in old])
    for frame, regions in changes.frames.items():
        known = dump_json([region.as_list() for region in regions])
        connection.execute("UPDATE frame SET redacted_regions = ? WHERE id = ?", (known, frame))
    replace_documents(connection, family, _documents(connection, family, changes, number))
    _drop_bodies(connection, family, changes, number)


def _documents(
    connection: sqlite3.Connection, family: int, changes: PictureChanges, number: int
) -> Mapping[int, bytes]:
    """Return the documents without the hashes of what was sent, and without pictures that were not taken out."""

    def forgotten(source: JSON) -> JSON:
        return {**source, "sha256": ""} if source.get("picture") in changes.masks else source

    bodies: dict[int, bytes] = {}
    for row in rows_of(connection, [family])("document"):
        value = json.loads(row["body"].decode("utf-8", "surrogatepass"))
        changed = _without_encoded(changed_pictures(value, forgotten), mark(number))
        if changed != value:
            bodies[row["id"]] = dump_json(changed).encode("utf-8", "surrogatepass")
            changes.places["requests"] += 1
    return bodies


def _without_encoded(value: Any, marked: str) -> Any:
    """Return a JSON value without strings that are encoded pictures."""
    if isinstance(value, dict):
        return {name: _without_encoded(item, marked) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_encoded(item, marked) for item in value]
    encoded = isinstance(value, str) and (
        value.startswith("data:image/") or _is_encoded(value[:16].encode("utf-8", "replace"))
    )
    return marked if encoded else value


def _is_encoded(head: bytes) -> bool:
    return any(head.startswith(sign) for sign in _PICTURE_BYTES[:3])


def _drop_bodies(connection: sqlite3.Connection, family: int, changes: PictureChanges, number: int) -> None:
    """Drop raw bodies with pictures in them."""
    for row in list(rows_of(connection, [family])("raw_exchange")):
        for body in ("request", "response"):
            data: bytes = row[body] or b""
            packed = data[:2] == b"\x1f\x8b" or b"content-encoding" in (row[f"{body}_headers"] or "").lower().encode()
            if data and (packed or any(sign in data for sign in _PICTURE_BYTES)):
                sql = f"UPDATE raw_exchange SET {body} = ? WHERE id = ?"
                connection.execute(sql, (mark(number).encode("ascii"), row["id"]))
                changes.places["raw exchanges"] += 1
