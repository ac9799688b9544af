"""Storing pictures and loading them: lossless, checked, shared within a family only."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from drawn import page, pixels
from footage.errors import BadPicture, StoreCorrupt, StoreError
from footage.storage import Store
from footage.storage.pictures.decoding import decode_picture
from footage.storage.pictures.reading import PictureReader
from footage.trajectory import Instant, Parent, Pixels
from samples import encoded, noise

NOW = Instant.now()


def count(store: Store, table: str) -> int:
    return int(store.database.rows(f"SELECT count(*) FROM {table}")[0][0])


def stored(store: Store, picture: Pixels | bytes) -> int:
    """Store a picture in a run of its own; return its id."""
    writer = store.begin_run()
    frame = store.frame(writer.frame(picture, captured=NOW))
    writer.end()
    return frame.picture


# --- lossless ---


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (1280, 800), (17, 16384), (16384, 17)])
def test_pixels_of_any_size_come_back_as_they_were(store: Store, size: tuple[int, int]) -> None:
    picture = noise(*size)
    assert np.array_equal(store.pixels(stored(store, picture)), picture)


def test_every_screen_of_a_session_comes_back_as_it_was(store: Store) -> None:
    screens = [pixels(page(title)) for title in ("Desk", "Notes", "Desk", "Mail", "Notes", "Desk, again")]
    for i, screen in enumerate(screens):
        screen[i : i + 3, 100:140] = i
    writer = store.begin_run()
    for screen in screens:
        writer.frame(screen, captured=NOW)
    found = [store.pixels(frame.picture) for frame in store.frames(writer.run_id)]
    assert all(np.array_equal(a, b) for a, b in zip(found, screens, strict=True))
    cold = PictureReader(store.database)
    for frame, screen in reversed(list(zip(store.frames(writer.run_id), screens, strict=True))):
        assert np.array_equal(cold.load(frame.picture), screen)


def test_a_screen_seen_before_costs_a_few_rows(store: Store) -> None:
    writer = store.begin_run()
    one, two = pixels(page("Desk")), pixels(page("Notes"))
    for screen in (one, two, one, two, one):
        writer.frame(screen, captured=NOW)
    assert count(store, "frame") == 5
    assert count(store, "picture") == 2
    assert count(store, "atlas") <= 4


def test_a_small_change_stores_a_small_atlas(store: Store) -> None:
    writer = store.begin_run()
    screen = noise(640, 400)
    writer.frame(screen, captured=NOW)
    screen[100, 100] ^= 1
    writer.frame(screen, captured=NOW)
    assert [row["count"] for row in store.database.rows("SELECT count FROM atlas ORDER BY id")] == [20 * 13, 1]


def test_a_writer_that_meets_a_known_screen_knows_its_tiles(store: Store) -> None:
    screen = noise(640, 400)
    first = store.begin_run()
    first.frame(screen, captured=NOW)
    replay = store.begin_run(parent=Parent(first.run_id))
    replay.frame(screen, captured=NOW)
    screen[100, 100] ^= 1
    replay.frame(screen, captured=NOW)
    assert [row["count"] for row in store.database.rows("SELECT count FROM atlas ORDER BY id")] == [20 * 13, 1]


def test_views_and_reversed_pixels_are_stored_as_they_look(store: Store) -> None:
    wide = noise(100, 60)
    for view in (wide[10:50, 5:70], wide[::-1, ::-1], wide[:, :, ::-1], np.asfortranarray(wide)):
        assert np.array_equal(store.pixels(stored(store, view)), view)


def test_frames_of_many_threads_all_come_back(store: Store) -> None:
    writer = store.begin_run()
    screens = [noise(200, 100, seed=i % 7) for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(lambda screen: writer.frame(screen, captured=NOW), screens))
    for frame, screen in zip(frames, screens, strict=True):
        assert np.array_equal(store.pixels(store.frame(frame).picture), screen)
    assert count(store, "picture") == 7


# --- one family, one picture ---


def test_equal_pictures_are_stored_once_in_a_family(store: Store) -> None:
    screen = pixels(page("Desk"))
    mother = store.begin_run()
    ids = {store.frame(mother.frame(screen, captured=NOW)).picture}
    child = store.begin_run(parent=Parent(mother.run_id))
    ids.add(store.frame(child.frame(screen, captured=NOW)).picture)
    ids.add(store.frame(child.frame(encoded(screen), captured=NOW)).picture)
    assert len(ids) == 1


def test_equal_pictures_of_two_families_are_two(store: Store) -> None:
    screen = pixels(page("Desk"))
    a, b = stored(store, screen), stored(store, screen)
    assert a != b
    assert store.database.rows("SELECT count(DISTINCT family) FROM atlas")[0][0] == 2
    families = {row["family"] for row in store.database.rows("SELECT family FROM atlas")}
    assert len(families) == 2


# --- other forms ---


def opened(data: bytes) -> Pixels:
    """Return what Pillow makes of the bytes."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def original(store: Store, picture: int) -> bytes | None:
    return PictureReader(store.database).original(picture)


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_bytes_that_arrive_lossy_are_kept_as_they_came(store: Store, form: str) -> None:
    data = encoded(page("Desk"), form, quality=70)
    picture = stored(store, data)
    assert original(store, picture) == data
    assert np.array_equal(store.pixels(picture), opened(data))
    assert store.frames("@1")[0].lossy


@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("GIF", {})])
def test_lossless_bytes_become_pixels(store: Store, form: str, options: dict[str, bool]) -> None:
    data = encoded(page("Desk"), form, **options)
    picture = stored(store, data)
    assert original(store, picture) is None
    assert np.array_equal(store.pixels(picture), opened(data))
    assert not store.frames("@1")[0].lossy


def test_two_jpegs_of_equal_pixels_and_other_bytes_are_two_pictures(store: Store) -> None:
    one = encoded(page("Desk"), "JPEG")
    other = one[:2] + b"\xff\xfe\x00\x07hello" + one[2:]  # a comment
    assert np.array_equal(opened(one), opened(other))
    writer = store.begin_run()
    frames = [store.frame(writer.frame(data, captured=NOW)) for data in (one, other, one)]
    assert [original(store, frame.picture) for frame in frames] == [one, other, one]
    assert count(store, "picture") == 2


def test_a_jpeg_that_another_decoder_rounds_otherwise_is_not_called_damaged(store: Store) -> None:
    picture = stored(store, encoded(page("Desk"), "JPEG"))
    with store.database.transaction() as connection:  # as if a library of another version had hashed the pixels
        connection.execute("UPDATE picture SET sha256 = ?", ("0" * 64,))
    assert store.pixels(picture).shape == (400, 640, 3)


def test_a_picture_of_several_in_a_jpeg_is_lossy_too() -> None:
    data = encoded(page("Desk"), "MPO", save_all=True, append_images=[page("Notes")])
    assert decode_picture(data).lossy


def test_an_opaque_picture_with_an_alpha_channel_is_its_colours(store: Store) -> None:
    data = encoded(page("Desk").convert("RGBA"))
    picture = stored(store, data)
    assert original(store, picture) is None
    assert np.array_equal(store.pixels(picture), pixels(page("Desk")))


def test_transparency_shows_white_and_its_bytes_are_kept(store: Store) -> None:
    image = Image.new("RGBA", (40, 20), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 20))
    image.paste((0, 0, 0, 128), (0, 0, 10, 20))
    data = encoded(image)
    picture = stored(store, data)
    shown = store.pixels(picture)
    assert original(store, picture) == data
    assert [shown[5, x].tolist() for x in (5, 15, 30)] == [[127, 127, 127], [255, 255, 255], [200, 0, 0]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA"])
def test_pictures_of_other_modes_are_shown_as_pillow_shows_them(store: Store, mode: str) -> None:
    data = encoded(page("Desk").convert("L" if mode == "LA" else "P" if mode == "PA" else mode))
    assert np.array_equal(store.pixels(stored(store, data)), opened(data))


def test_a_palette_with_a_transparent_colour_shows_white_there(store: Store) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(1, (4, 0, 8, 8))
    shown = store.pixels(stored(store, encoded(image, transparency=0)))
    assert shown[0, 0].tolist() == [255, 255, 255]
    assert shown[0, 7].tolist() == [200, 100, 50]


def test_sixteen_bit_grey_is_scaled_not_clipped_and_its_bytes_are_kept(store: Store) -> None:
    ramp = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)
    data = encoded(Image.fromarray(ramp))
    picture = stored(store, data)
    assert store.pixels(picture)[:, :, 1].ravel().tolist() == list(range(256))
    assert original(store, picture) == data


def test_of_an_animation_the_first_picture_is_shown_and_all_bytes_are_kept(store: Store) -> None:
    pages = [page(title).convert("P") for title in ("Desk", "Notes", "Mail")]
    for form in ("GIF", "PNG"):
        data = encoded(pages[0], form, save_all=True, append_images=pages[1:])
        picture = stored(store, data)
        assert np.array_equal(store.pixels(picture), opened(data))
        assert original(store, picture) == data


# --- what is no picture ---


def png(width: int, height: int, body: bytes = b"") -> bytes:
    """Return a PNG that states a size, whatever its body holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


BOMBS = {
    "a square": (13_000, 13_000),
    "a little too large": (6_001, 6_000),
    "a strip": (36_000_000, 1),
    "a rope": (1, 70_000),
    "a world": (2_000_000_000, 2_000_000_000),
}


@pytest.mark.parametrize("size", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    width, height = size
    body = zlib.compress(bytes(min(3 * width * height, 20_000_000)))
    bomb = png(width, height, body)
    tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        with pytest.raises(BadPicture):
            decode_picture(bomb)
        assert tracemalloc.get_traced_memory()[1] - before < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4",
        png(10, 10),
        png(0, 10),
        encoded(noise(50, 50))[:-200],
        encoded(page("Desk"), "JPEG")[:300],
        encoded(page("Desk"), "BMP"),
        encoded(page("Desk"), "TIFF"),
    ],
)
def test_bytes_that_are_no_picture_are_refused_in_one_sentence(store: Store, data: bytes) -> None:
    writer = store.begin_run()
    with pytest.raises(BadPicture) as caught:
        writer.frame(data, captured=NOW)
    assert "\n" not in caught.value.message
    assert "object at" not in caught.value.message
    assert caught.value.message.endswith(".")
    assert not caught.value.message.endswith("..")
    assert count(store, "frame") == count(store, "picture") == 0
    assert writer.frame(noise(3, 3), captured=NOW)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((1, 70_000, 3), np.uint8),
        np.zeros((6_001, 6_000, 3), np.uint8),
    ],
)
def test_an_array_that_is_no_picture_is_refused(store: Store, array: Pixels) -> None:
    with pytest.raises(BadPicture):
        store.begin_run().frame(array, captured=NOW)


# --- damage ---


def damaged(store: Store, sql: str, *values: object) -> None:
    """Change rows behind the store's back, as a bad disk would."""
    with store.database.transaction() as connection:
        connection.execute(sql, values)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


DAMAGES = {
    "no layout": "UPDATE picture SET tiles = NULL",
    "an empty layout": "UPDATE picture SET tiles = x''",
    "a wrong hash": "UPDATE picture SET sha256 = 'ffff'",
    "a wrong width": "UPDATE picture SET width = width + 32",
    "a swapped size": "UPDATE picture SET width = height, height = width",
    "a huge size": "UPDATE picture SET width = 1000000000, height = 1000000000",
    "no size": "UPDATE picture SET width = 0",
    "a negative size": "UPDATE picture SET width = -640, height = -400",
    "no atlas": "DELETE FROM atlas",
    "an empty atlas": "UPDATE atlas SET image = x''",
    "an atlas too small": "UPDATE atlas SET count = 1, columns = 1",
    "an atlas of a huge count": "UPDATE atlas SET count = 99999999999",
}


@pytest.mark.parametrize("sql", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_picture_is_never_shown(store: Store, sql: str) -> None:
    picture = stored(store, noise(640, 400))
    damaged(store, sql)
    with pytest.raises(StoreCorrupt) as caught:
        PictureReader(store.database).load(picture)
    assert caught.value.message.startswith(f"Picture {picture} is damaged: ")


@pytest.mark.parametrize("column", ["picture.tiles", "atlas.image"])
def test_no_flipped_bit_ever_shows_another_picture(store: Store, column: str) -> None:
    screen = pixels(page("Desk"))
    picture = stored(store, screen)
    table, name = column.split(".")
    whole = store.database.rows(f"SELECT {name} FROM {table}")[0][0]
    refused = 0
    for at in np.linspace(0, len(whole) - 1, 60).astype(int).tolist():
        damaged(store, f"UPDATE {table} SET {name} = ?", flipped(whole, at))
        try:
            assert np.array_equal(PictureReader(store.database).load(picture), screen)
        except StoreCorrupt:
            refused += 1
    assert refused > 40


def test_a_damaged_jpeg_is_never_shown(store: Store) -> None:
    data = encoded(page("Desk"), "JPEG")
    picture = stored(store, data)
    damaged(store, "UPDATE picture SET original = ?", flipped(data, len(data) // 2))
    with pytest.raises(StoreCorrupt, match="hash"):
        store.pixels(picture)


def test_the_tiles_of_another_picture_are_found_out(store: Store) -> None:
    one, two = stored(store, noise(64, 64, seed=1)), stored(store, noise(64, 64, seed=2))
    damaged(store, "UPDATE atlas SET image = (SELECT image FROM atlas ORDER BY id LIMIT 1)")
    assert np.array_equal(store.pixels(one), noise(64, 64, seed=1))
    with pytest.raises(StoreCorrupt, match="hash"):
        store.pixels(two)


def test_a_picture_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StoreCorrupt, match="Picture 77"):
        store.pixels(77)


# --- rolled back ---


def test_tiles_of_a_transaction_that_was_rolled_back_are_stored_again(store: Store) -> None:
    writer, other = store.begin_run(), store.begin_run()
    screen = noise(320, 200)
    with contextlib.suppress(ZeroDivisionError), store.database.transaction():
        writer.frame(screen, captured=NOW)
        _ = 1 / 0
    assert count(store, "frame") == count(store, "picture") == count(store, "atlas") == 0
    other.frame(noise(320, 200, seed=9), captured=NOW)  # takes the ids that were given back
    changed = screen.copy()
    changed[0, 0] ^= 1
    frames = [writer.frame(changed, captured=NOW), writer.frame(screen, captured=NOW)]
    cold = PictureReader(store.database)
    shown = [cold.load(store.frame(frame).picture) for frame in frames]
    assert np.array_equal(shown[0], changed)
    assert np.array_equal(shown[1], screen)


def test_a_full_disk_in_the_middle_of_pictures_poisons_none_of_those_after_it(store: Store) -> None:
    writer = store.begin_run()
    screens = [noise(320, 200, seed=i // 2) for i in range(8)]
    for i, screen in enumerate(screens):
        screen[:, i] = 7
    frames = []
    for i, screen in enumerate(screens):
        limit_pages(store, 1 if i in {2, 3} else 1 << 30)
        try:
            frames.append((writer.frame(screen, captured=NOW), screen))
        except StoreError:
            assert i in {2, 3}
    assert len(frames) == 6
    cold = PictureReader(store.database)
    assert all(np.array_equal(cold.load(store.frame(frame).picture), screen) for frame, screen in frames)


def limit_pages(store: Store, pages: int) -> None:
    """Let the file grow no further (SQLite never goes below what it holds), as a full disk would."""
    with store.database.transaction() as connection:
        connection.execute(f"PRAGMA max_page_count={pages}")


# --- reading ---


def test_a_reader_keeps_what_it_decoded_but_only_so_much(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footage.storage.pictures.reading.CACHE_BYTES", 64 * 64 * 3 * 2)
    ids = [stored(store, noise(64, 64, seed=i)) for i in range(6)]
    reader = PictureReader(store.database)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(reader.load, ids * 20))
    assert len(reader._cache) <= 2
    assert reader._bytes == sum(tiles.nbytes for tiles in reader._cache.values())


# --- thumbnails ---


def test_a_thumbnail_is_a_small_jpeg_of_the_same_shape(store: Store) -> None:
    wide, narrow = stored(store, pixels(page("Desk"))), stored(store, noise(100, 300))
    with Image.open(io.BytesIO(store.thumbnail(wide))) as made:
        assert (made.format, made.size) == ("JPEG", (240, 150))
        small = np.asarray(Image.fromarray(store.pixels(wide)).resize((240, 150), Image.Resampling.BOX))
        assert np.abs(np.asarray(made).astype(int) - small).mean() < 6
    with Image.open(io.BytesIO(store.thumbnail(narrow))) as made:
        assert made.size == (100, 300)
    with Image.open(io.BytesIO(store.thumbnail(narrow, width=10))) as made:
        assert made.size == (10, 30)


def test_a_thumbnail_is_made_once_and_kept_while_there_is_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [stored(store, noise(300, 200, seed=seed)) for seed in range(3)]
    made: list[int] = []
    load = PictureReader.load

    def noted(self: PictureReader, picture: int) -> Pixels:
        made.append(picture)
        return load(self, picture)

    monkeypatch.setattr(PictureReader, "load", noted)
    size = len(store.thumbnail(pictures[0]))
    monkeypatch.setattr("footage.storage.pictures.thumbnails.KEPT_BYTES", int(size * 2.5))
    for picture in (0, 1, 0, 2, 0, 1):
        store.thumbnail(pictures[picture])
    assert made == [pictures[0], pictures[1], pictures[2], pictures[1]]


def test_a_damaged_picture_has_no_thumbnail(store: Store) -> None:
    picture = stored(store, noise(64, 64))
    with store.database.transaction() as connection:
        connection.execute("UPDATE picture SET sha256 = 'ff'")
    with pytest.raises(StoreCorrupt, match="hash"):
        store.thumbnail(picture)
    with pytest.raises(StoreCorrupt, match="not in the store"):
        store.thumbnail(picture + 1)
