"""Pictures as tiles: whatever their size, the same pixels come back."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from drawn import page, pixels
from footage.errors import StoreCorrupt
from footage.storage.pictures.layout import MAX_ATLASES, Layout
from footage.storage.pictures.sheets import lay_out
from footage.storage.pictures.tileindex import MAX_KNOWN, MOST_DECODED, TileIndex
from footage.storage.pictures.tiles import (
    DOWN,
    Columns,
    Places,
    Tiles,
    atlas_of,
    column_of,
    count_tiles,
    cut,
    decode_atlas,
    encode_atlas,
    join,
    picture_hash,
    place,
    take,
    whole,
    y_of,
)
from footage.trajectory import Pixels
from samples import noise

SIZES = [(1, 1), (31, 33), (32, 32), (33, 31), (64, 1), (1280, 800), (17, 16384), (16384, 17), (65535, 3), (3, 65535)]


def tiles_of(picture: Pixels) -> Tiles:
    """Return all tiles of a picture, row by row."""
    columns = cut(picture)
    row, column = np.divmod(np.arange(count_tiles(picture.shape[1], picture.shape[0])), columns.shape[1])
    return take(columns, row * 32, column)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_picture_of_any_size_survives_being_cut_and_joined(width: int, height: int) -> None:
    picture = noise(width, height)
    columns = cut(picture)
    assert columns.shape[:2] == (-(-height // 32) * 32, -(-width // 32))
    assert np.array_equal(whole(columns, width, height), picture)
    assert np.array_equal(join(tiles_of(picture), columns.shape[1]), columns)


def test_what_was_cut_does_not_change_with_the_picture() -> None:
    picture = noise(64, 64)
    columns = cut(picture)
    picture[:] = 0
    assert columns.any()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_sheets_of_all_tiles_are_lossless_and_no_larger_than_webp_allows(width: int, height: int) -> None:
    tiles = tiles_of(noise(width, height))
    row, column = np.divmod(np.arange(len(tiles)), -(-width // 32))
    for sheet in lay_out(tiles, row, column):
        assert max(sheet.columns * 32, len(sheet.pixels)) <= 16383
        decoded = decode_atlas(sheet.encode(), sheet.columns, sheet.count)
        back = take(decoded, y_of(sheet.positions), column_of(sheet.positions))
        assert np.array_equal(back, tiles[sheet.tiles])


def test_tiles_of_few_colours_get_a_sheet_of_their_own() -> None:
    flat = np.random.default_rng(1).choice(np.array([0, 80, 255], np.uint8), (100, 32, 96))
    tiles = np.concatenate([flat, tiles_of(noise(320, 320))])
    sheets = lay_out(tiles, *np.divmod(np.arange(200), 20))
    assert [len(sheet.tiles) for sheet in sheets] == [100, 100]
    assert sorted(np.concatenate([sheet.tiles for sheet in sheets]).tolist()) == list(range(200))


def test_drawings_of_many_colours_are_compressed_better_than_photos() -> None:
    chance = np.random.default_rng(2)
    levels = chance.choice(256, 12, replace=False).astype(np.uint8)  # of each channel: 1,728 colours
    drawn = levels[chance.integers(0, 12, (128, 128, 3))].repeat(5, axis=0).repeat(5, axis=1)
    ramp = np.add.outer(np.arange(640), np.arange(640))[..., None] // 4 + chance.integers(0, 4, (640, 640, 3))
    for picture, method in ((drawn, 1), (ramp.astype(np.uint8), 0)):
        tiles = tiles_of(picture)
        (sheet,) = lay_out(tiles, *np.divmod(np.arange(400), 20))
        assert sheet.method == method
        decoded = decode_atlas(sheet.encode(), sheet.columns, sheet.count)
        assert np.array_equal(take(decoded, y_of(sheet.positions), column_of(sheet.positions)), tiles[sheet.tiles])


def test_tiles_keep_their_neighbours_on_a_sheet() -> None:
    tiles = tiles_of(noise(96, 96))
    (sheet,) = lay_out(tiles, *np.divmod(np.arange(9), 3))
    assert sheet.columns == 3
    assert (sheet.positions[3:] - sheet.positions[:-3]).tolist() == [DOWN] * 6


def test_scattered_tiles_are_laid_side_by_side() -> None:
    rows, columns = np.array([0, 5, 9, 17]), np.array([30, 2, 9, 14])
    (sheet,) = lay_out(tiles_of(noise(64, 64)), rows, columns)
    assert sheet.count == 4


def test_the_hash_tells_pictures_of_other_shape_and_equal_bytes_apart() -> None:
    picture = noise(6, 4)
    assert picture_hash(picture) != picture_hash(picture.reshape(6, 4, 3))
    assert picture_hash(picture) == picture_hash(picture.copy())


def test_the_hash_of_a_view_is_that_of_its_pixels() -> None:
    wide = noise(40, 20)
    assert picture_hash(wide[:, ::-1]) == picture_hash(wide[:, ::-1].copy())


ATLAS = encode_atlas(cut(noise(64, 64)), 0)


@pytest.mark.parametrize("size", [(64, 32), (32, 64), (96, 96)])
def test_an_atlas_of_another_size_than_stated_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(StoreCorrupt, match="size"):
        decode_atlas(ATLAS, size[0] // 32, count_tiles(*size))


@pytest.mark.parametrize(("columns", "count"), [(0, 1), (1, 0), (-1, 4), (512, 4), (1, 512), (2, -3)])
def test_an_atlas_that_cannot_be_is_refused(columns: int, count: int) -> None:
    with pytest.raises(StoreCorrupt, match="cannot have"):
        decode_atlas(ATLAS, columns, count)


@pytest.mark.parametrize("image", [b"", b"RIFF", b"no picture at all", ATLAS[:-900]])
def test_an_atlas_that_is_no_picture_is_refused(image: bytes) -> None:
    with pytest.raises(StoreCorrupt, match="decoded"):
        decode_atlas(image, 2, 4)


# --- layouts ---


def somewhere(atlas: int, *positions: tuple[int, int]) -> list[int]:
    """Return places of an atlas, given as (row of pixels, column)."""
    y, column = np.array(positions).T
    found: list[int] = place(atlas, y, column).tolist()
    return found


PLACES = somewhere(7, (0, 0), (0, 1), (0, 1), (32, 0), (5, 9), (32, 2)) + somewhere(1 << 39, (16000, 510))
STORED = Layout.of(np.array(PLACES)).pack(3)


def test_a_layout_survives_being_stored() -> None:
    layout = Layout.unpack(STORED, 7, 3)
    assert layout.all_places is not None
    assert layout.all_places.tolist() == PLACES
    assert layout.atlases == (7, 1 << 39)


@pytest.mark.parametrize("columns", [1, 2, 7, 40])
def test_layouts_of_any_width_survive_being_stored(columns: int) -> None:
    chance = np.random.default_rng(columns)
    places = chance.integers(1, 60, 280) << 23 | chance.integers(0, 3, 280) << 14 | chance.integers(0, 4, 280)
    layout = Layout.unpack(Layout.of(places).pack(columns), 280, columns)
    assert layout.all_places is not None
    assert layout.all_places.tolist() == places.tolist()


def test_a_layout_of_the_first_version_lists_tiles_by_number() -> None:
    body = np.array([7, 9], "<i8").tobytes() + np.array([0, 1, 1], "<u2").tobytes()
    body += np.array([4, 0, 5], "<u4").tobytes()
    layout = Layout.unpack(struct.pack("<BHI", 1, 2, 3) + zlib.compress(body), 3, 3)
    assert layout.all_places is None
    assert layout.places(0, 3).tolist() == somewhere(7, (32, 1))
    assert layout.places(1, 2).tolist() == somewhere(9, (0, 0), (64, 1))
    moved = Layout.unpack(layout.moved({7: 70, 9: 90}).pack(3), 3, 3)
    assert moved.places(1, 2).tolist() == somewhere(90, (0, 0), (64, 1))


@pytest.mark.parametrize("length", [0, 1, 6, 7, 12, -1])
def test_a_cut_layout_is_refused(length: int) -> None:
    with pytest.raises(StoreCorrupt):
        Layout.unpack(STORED[:length], 7, 3)


@pytest.mark.parametrize("tiles", [6, 8, 0])
def test_a_layout_of_another_number_of_tiles_is_refused(tiles: int) -> None:
    with pytest.raises(StoreCorrupt, match="does not fit"):
        Layout.unpack(STORED, tiles, 3)


def malformed(words: list[int], here: bytes = bytes(4), version: int = 2) -> bytes:
    body = np.array([7], "<i8").tobytes() + bytes(words) + here
    return struct.pack("<BHI", version, 1, len(words)) + zlib.compress(body)


MALFORMED = {
    "a first tile that refers to another": ([0, 4], bytes(4), 2, "not there"),
    "a tile below the edge": ([4, 1], bytes(4), 2, "not there"),
    "an unknown word": ([4, 9], bytes(4), 2, "not there"),
    "an atlas it does not have": ([4, 0], b"\1\0\0\0", 2, "not there"),
    "too few places": ([4, 4], bytes(4), 2, "length"),
    "a version of the future": ([4, 0], bytes(4), 3, "does not fit"),
}


@pytest.mark.parametrize(("words", "here", "version", "why"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_layout_is_refused(words: list[int], here: bytes, version: int, why: str) -> None:
    with pytest.raises(StoreCorrupt, match=why):
        Layout.unpack(malformed(words, here, version), len(words), 2)


def test_a_layout_that_inflates_beyond_its_size_is_refused() -> None:
    with pytest.raises(StoreCorrupt, match="length"):
        Layout.unpack(STORED[:7] + zlib.compress(bytes(10_000_000)), 7, 3)


# --- what a writer knows ---


class Shelf:
    """Atlases as a store would keep them, and the index of the writer that fills it."""

    def __init__(self) -> None:
        self.index = TileIndex()
        self.atlases: dict[int, Columns] = {}

    def store(self, picture: Pixels) -> int:
        """Store a picture, check that it can be put together again, and return how many tiles were new."""
        columns = cut(picture)
        placement = self.index.find(columns)
        numbers = [len(self.atlases) + 1 + i for i in range(len(placement.sheets))]
        for number, sheet in zip(numbers, placement.sheets, strict=True):
            self.atlases[number] = decode_atlas(sheet.encode(), sheet.columns, sheet.count)
        self.index.learn(placement, numbers)
        self.places = placement.places(numbers)
        assert np.array_equal(self.joined(self.places, columns.shape[1]), columns)
        return len(placement.keys)

    def joined(self, places: Places, across: int) -> Columns:
        pairs = zip(atlas_of(places).tolist(), y_of(places)[:, None], column_of(places)[:, None], strict=True)
        return join(np.concatenate([take(self.atlases[atlas], y, column) for atlas, y, column in pairs]), across)

    @property
    def needed(self) -> list[Columns]:
        """The atlases that the picture stored last needs."""
        return [self.atlases[atlas] for atlas in np.unique(atlas_of(self.places)).tolist()]


def test_only_tiles_with_a_new_content_are_stored() -> None:
    shelf = Shelf()
    first = pixels(page("Desk"))
    assert 0 < shelf.store(first) < count_tiles(640, 400)  # empty paper is one tile
    changed = first.copy()
    changed[40:50, 40:50] = 9
    assert shelf.store(changed) == 1
    assert shelf.store(first) == 0


def test_a_tile_seen_anywhere_before_is_known() -> None:
    shelf = Shelf()
    shelf.store(noise(64, 64, seed=1))
    shelf.store(noise(96, 64, seed=2))
    moved = np.concatenate([noise(96, 64, seed=2)[:, 64:], noise(64, 64, seed=1)], axis=1)
    assert shelf.store(moved) == 0
    assert len(shelf.needed) == 2


def test_equal_new_tiles_are_stored_once() -> None:
    tile = noise(32, 32)
    shelf = Shelf()
    assert shelf.store(np.concatenate([tile, tile, noise(32, 32, seed=5), tile], axis=1)) == 2
    assert column_of(shelf.places).tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("distance", [1, 13, 32, 100, -7, -64])
def test_a_page_that_scrolls_costs_what_comes_into_sight(distance: int) -> None:
    page = noise(320, 1200)
    shelf = Shelf()
    shelf.store(page[200:840])
    new = shelf.store(page[200 + distance : 840 + distance])
    assert new <= 10 * (-(-abs(distance) // 32) + 1)
    assert shelf.store(page[200:840]) == 0


def test_a_page_that_scrolls_on_and_on_is_stored_whole() -> None:
    page = noise(128, 3000)
    shelf = Shelf()
    total = sum(shelf.store(page[y : y + 400]) for y in range(0, 2600, 90))
    assert total < 4 * (3000 / 32) * 2.5


def test_what_scrolled_under_a_fixed_bar_is_found() -> None:
    page = noise(320, 1000)
    bar = noise(320, 50, seed=3)
    shelf = Shelf()
    shelf.store(np.concatenate([bar, page[:600]]))
    assert shelf.store(np.concatenate([bar, page[120:720]])) < 0.4 * count_tiles(320, 650)


def test_a_picture_needs_at_most_64_atlases_however_many_it_came_from() -> None:
    shelf = Shelf()
    canvas = np.zeros((32, 32 * 160, 3), np.uint8)
    most = 0
    for number in range(160):  # each picture adds one tile, in an atlas of its own
        canvas[:, 32 * number : 32 * number + 32] = noise(32, 32, seed=number)
        shelf.store(canvas)
        most = max(most, len(shelf.needed))
    assert 40 < most <= MAX_ATLASES


def test_the_atlases_of_a_picture_are_not_much_larger_than_it_is_however_little_it_needs_of_them() -> None:
    shelf = Shelf()
    canvas = noise(320, 320)
    shelf.store(canvas)
    for number in range(12):  # a tile of each of many whole pictures
        canvas = np.concatenate([canvas[:, 32:], noise(32, 320, seed=number)], axis=1)
        shelf.store(noise(320, 320, seed=100 + number))
        other = noise(320, 320, seed=100 + number)
        canvas[-32 * (number % 10 + 1) :][:32, :32] = other[:32, :32]
        shelf.store(canvas)
        assert sum(sheet.shape[0] * sheet.shape[1] / 32 for sheet in shelf.needed) <= (MOST_DECODED + 1) * 100


def test_what_was_not_learnt_is_stored_again() -> None:
    index = TileIndex()
    columns = cut(noise(64, 64))
    assert len(index.find(columns).keys) == 4
    assert len(index.find(columns).keys) == 4


def test_a_picture_of_another_size_is_not_taken_for_the_one_before() -> None:
    shelf = Shelf()
    shelf.store(noise(64, 32))
    assert shelf.store(noise(32, 64, seed=9)) == 2


def test_pictures_of_two_sizes_by_turns_are_each_compared_with_their_own() -> None:
    shelf = Shelf()
    large, small = noise(320, 640), noise(160, 320, seed=1)
    shelf.store(large)
    shelf.store(small)
    assert shelf.store(np.roll(large, 9, axis=0)) <= 20


def test_a_picture_of_another_shape_shares_tiles_by_their_content() -> None:
    shelf = Shelf()
    wide = noise(64, 32)
    shelf.store(wide)
    assert shelf.store(np.concatenate([wide[:, 32:], wide[:, :32]], axis=0)) == 0


def test_a_writer_forgets_the_oldest_tiles_rather_than_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footage.storage.pictures.tileindex.MAX_KNOWN", 8)
    assert MAX_KNOWN > 100_000
    shelf = Shelf()
    for seed in range(1, 5):
        shelf.store(noise(64, 64, seed=seed))
    assert shelf.store(noise(64, 64, seed=3)) == 0
    assert shelf.store(noise(64, 64, seed=1)) == 4
