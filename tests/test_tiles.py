"""Pictures as tiles: whatever their size, the same pixels come back."""

from __future__ import annotations

import numpy as np
import pytest

from drawn import page, pixels
from footage.errors import StoreCorrupt
from footage.storage.tileindex import MAX_KNOWN, TileIndex
from footage.storage.tiles import (
    MAX_ATLASES,
    Layout,
    Tiles,
    atlas_columns,
    atlas_of,
    count_tiles,
    decode_atlas,
    encode_atlas,
    join,
    picture_hash,
    place,
    split,
)
from samples import noise

SIZES = [(1, 1), (31, 33), (32, 32), (33, 31), (64, 1), (1280, 800), (17, 16384), (16384, 17), (65535, 3), (3, 65535)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_picture_of_any_size_survives_being_cut_and_joined(width: int, height: int) -> None:
    picture = noise(width, height)
    tiles = split(picture)
    assert len(tiles) == count_tiles(width, height)
    assert np.array_equal(join(tiles, width, height), picture)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_atlas_of_all_tiles_is_lossless_and_no_larger_than_webp_allows(width: int, height: int) -> None:
    tiles = split(noise(width, height))
    columns = atlas_columns(width, len(tiles))
    assert columns * 32 <= 16383
    assert -(-len(tiles) // columns) * 32 <= 16383
    assert np.array_equal(decode_atlas(encode_atlas(tiles, columns), columns, len(tiles)), tiles)


def test_the_hash_tells_pictures_of_other_shape_and_equal_bytes_apart() -> None:
    picture = noise(6, 4)
    assert picture_hash(picture) != picture_hash(picture.reshape(6, 4, 3))
    assert picture_hash(picture) == picture_hash(picture.copy())


def test_the_hash_of_a_view_is_that_of_its_pixels() -> None:
    wide = noise(40, 20)
    assert picture_hash(wide[:, ::-1]) == picture_hash(wide[:, ::-1].copy())


@pytest.mark.parametrize("size", [(64, 32), (32, 64), (96, 96)])
def test_an_atlas_of_another_size_than_stated_is_refused(size: tuple[int, int]) -> None:
    image = encode_atlas(split(noise(64, 64)), 2)
    with pytest.raises(StoreCorrupt, match="size"):
        decode_atlas(image, size[0] // 32, count_tiles(*size))


@pytest.mark.parametrize(("columns", "count"), [(0, 1), (1, 0), (-1, 4), (512, 4), (1, 512), (2, -3)])
def test_an_atlas_that_cannot_be_is_refused(columns: int, count: int) -> None:
    with pytest.raises(StoreCorrupt, match="cannot have"):
        decode_atlas(encode_atlas(split(noise(64, 64)), 2), columns, count)


@pytest.mark.parametrize("image", [b"", b"RIFF", b"no picture at all", encode_atlas(split(noise(64, 64)), 2)[:-900]])
def test_an_atlas_that_is_no_picture_is_refused(image: bytes) -> None:
    with pytest.raises(StoreCorrupt, match="decoded"):
        decode_atlas(image, 2, 4)


# --- layouts ---


PLACES = place(7, np.arange(5)).tolist() + place(1 << 40, np.array([9, 3])).tolist()


def test_a_layout_survives_being_stored() -> None:
    stored = Layout.of(np.array(PLACES)).pack()
    layout = Layout.unpack(stored, 7)
    assert layout.places.tolist() == PLACES
    assert layout.atlases == (7, 1 << 40)


@pytest.mark.parametrize("length", [0, 1, 6, 7, 12, -1])
def test_a_cut_layout_is_refused(length: int) -> None:
    stored = Layout.of(np.array(PLACES)).pack()[:length]
    with pytest.raises(StoreCorrupt):
        Layout.unpack(stored, 7)


@pytest.mark.parametrize("tiles", [6, 8, 0])
def test_a_layout_of_another_number_of_tiles_is_refused(tiles: int) -> None:
    with pytest.raises(StoreCorrupt, match="does not fit"):
        Layout.unpack(Layout.of(np.array(PLACES)).pack(), tiles)


def test_a_layout_that_inflates_beyond_its_size_is_refused() -> None:
    import zlib

    stored = Layout.of(np.array(PLACES)).pack()[:7] + zlib.compress(bytes(10_000_000))
    with pytest.raises(StoreCorrupt, match="length"):
        Layout.unpack(stored, 7)


def test_a_layout_that_names_an_atlas_it_does_not_have_is_refused() -> None:
    stored = Layout((7,), np.array([0, 1], np.uint16), np.array([0, 0], np.uint32)).pack()
    with pytest.raises(StoreCorrupt, match="not there"):
        Layout.unpack(stored, 2)


# --- what a writer knows ---


def stored(index: TileIndex, picture: np.ndarray, atlas: int) -> int:
    """Store a picture in the index; return how many tiles were new."""
    placement = index.find(split(picture))
    index.learn(placement, atlas)
    return len(placement.new)


def test_only_tiles_with_a_new_content_are_stored() -> None:
    index = TileIndex()
    first = pixels(page("Desk"))
    assert 0 < stored(index, first, 1) < count_tiles(640, 400)  # empty paper is one tile
    changed = first.copy()
    changed[40:50, 40:50] = 9
    assert stored(index, changed, 2) == 1
    assert stored(index, first, 3) == 0


def test_a_tile_seen_anywhere_before_is_known() -> None:
    index = TileIndex()
    stored(index, noise(64, 64, seed=1), 1)
    stored(index, noise(96, 64, seed=2), 2)
    moved = np.concatenate([noise(96, 64, seed=2)[:, 64:], noise(64, 64, seed=1)], axis=1)
    placement = index.find(split(moved))
    assert placement.new == []
    assert set(atlas_of(placement.places(0)).tolist()) == {1, 2}


def test_equal_new_tiles_are_stored_once() -> None:
    tile = noise(32, 32)
    placement = TileIndex().find(split(np.concatenate([tile, tile, noise(32, 32, seed=5), tile], axis=1)))
    assert placement.new == [0, 2]
    assert placement.places(3).tolist() == place(3, np.array([0, 0, 1, 0])).tolist()


def test_a_picture_needs_at_most_32_atlases_however_many_it_came_from() -> None:
    index, atlases = TileIndex(), dict[int, Tiles]()
    canvas = np.zeros((32, 32 * 80, 3), np.uint8)
    most = 0
    for atlas in range(1, 81):  # each picture adds one tile, in an atlas of its own
        canvas[:, 32 * (atlas - 1) : 32 * atlas] = noise(32, 32, seed=atlas)
        placement = index.find(split(canvas))
        index.learn(placement, atlas)
        atlases[atlas] = placement.tiles[placement.new]
        layout = Layout.of(placement.places(atlas))
        most = max(most, len(layout.atlases))
        found = [atlases[layout.atlases[which]][slot] for which, slot in zip(layout.which, layout.slots, strict=True)]
        assert np.array_equal(np.stack(found), split(canvas))
    assert most == MAX_ATLASES


def test_a_picture_without_new_tiles_keeps_all_its_32_atlases() -> None:
    index = TileIndex()
    canvas = np.zeros((32, 32 * 32, 3), np.uint8)
    for atlas in range(1, 33):
        canvas[:, 32 * (atlas - 1) : 32 * atlas] = noise(32, 32, seed=atlas)
        stored(index, canvas, atlas)
    assert stored(index, canvas, 33) == 0


def test_what_was_not_learnt_is_stored_again() -> None:
    index = TileIndex()
    picture = noise(64, 64)
    assert len(index.find(split(picture)).new) == 4
    assert len(index.find(split(picture)).new) == 4


def test_a_picture_of_another_size_is_not_taken_for_the_one_before() -> None:
    index = TileIndex()
    stored(index, noise(64, 32), 1)
    assert stored(index, noise(32, 64, seed=9), 2) == 2


def test_a_picture_of_another_shape_shares_tiles_by_their_content() -> None:
    index = TileIndex()
    wide = noise(64, 32)
    stored(index, wide, 1)
    tall = np.concatenate([wide[:, 32:], wide[:, :32]], axis=0)
    assert stored(index, tall, 2) == 0


def test_a_writer_forgets_the_oldest_tiles_rather_than_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footage.storage.tileindex.MAX_KNOWN", 8)
    assert MAX_KNOWN > 100_000
    index = TileIndex()
    for atlas in range(1, 5):
        stored(index, noise(64, 64, seed=atlas), atlas)
    assert stored(index, noise(64, 64, seed=3), 5) == 0
    assert stored(index, noise(64, 64, seed=1), 6) == 4
