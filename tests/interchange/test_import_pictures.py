"""Decoding foreign pictures in a child process: equal to the store's own decoding, and never beyond the limits."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

import bombs
from footage.errors import BadPicture
from footage.interchange.importers.safety import Limits, Pictures, sniff
from footage.storage.pictures.writing import prepare
from samples import encoded, noise


@pytest.fixture(scope="module")
def pictures() -> Iterator[Pictures]:
    with Pictures() as made:
        yield made


def reason(pictures: Pictures, data: bytes) -> str:
    with pytest.raises(BadPicture) as caught:
        pictures.prepare(data)
    return caught.value.message


def clear(mode: str) -> Image.Image:
    picture = Image.fromarray(noise(70, 1100)).convert(mode)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def grey16() -> Image.Image:
    return Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16)


FORMS = {
    "PNG": encoded(noise(90, 60)),
    "PNG palette": encoded(Image.fromarray(noise(90, 60)).convert("P")),
    "PNG grey": encoded(Image.fromarray(noise(90, 60)).convert("L")),
    "PNG with alpha": encoded(clear("RGBA")),
    "PNG grey with alpha": encoded(clear("LA")),
    "PNG with 16-bit grey": encoded(grey16()),
    "JPEG": encoded(noise(90, 60), "JPEG"),
    "JPEG of four inks": encoded(Image.fromarray(noise(90, 60)).convert("CMYK"), "JPEG"),
    "WebP": encoded(noise(90, 60), "WEBP"),
    "WebP lossless": encoded(noise(90, 60), "WEBP", lossless=True),
    "WebP with alpha": encoded(clear("RGBA"), "WEBP", lossless=True),
    "GIF": encoded(noise(90, 60), "GIF"),
    "GIF animated": encoded(
        Image.fromarray(noise(9, 6)), "GIF", save_all=True, append_images=[Image.fromarray(noise(9, 6, 1))]
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_decodes_as_the_store_does(pictures: Pictures, form: str) -> None:
    mine, theirs = pictures.prepare(FORMS[form]), prepare(FORMS[form])
    assert np.array_equal(mine.pixels, theirs.pixels)
    assert (mine.sha256, mine.lossy) == (theirs.sha256, theirs.lossy)
    assert (mine.original, mine.original_sha256) == (theirs.original, theirs.original_sha256)


@pytest.mark.parametrize("form", FORMS)
def test_the_header_tells_the_size(form: str) -> None:
    header = sniff(FORMS[form])
    with Image.open(io.BytesIO(FORMS[form])) as opened:
        assert (header.format, header.width, header.height) == (opened.format, *opened.size)


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_picture_is_refused_wherever_it_is_cut(pictures: Pictures, form: str) -> None:
    whole = FORMS[form]
    for size in (1, 5, 11, 15, 20, 24, len(whole) // 2):
        assert reason(pictures, whole[:size])


def test_a_bitmap_is_taken_as_lossless(pictures: Pictures) -> None:
    screen = noise(33, 21)
    prepared = pictures.prepare(encoded(screen, "BMP"))
    assert np.array_equal(prepared.pixels, screen)
    assert prepared.original is None


def test_all_pictures_of_an_animation_come_in_their_order(pictures: Pictures) -> None:
    shades = [np.full((20, 30, 3), shade, np.uint8) for shade in (0, 60, 120, 180)]
    images = [Image.fromarray(shade) for shade in shades]
    data = encoded(images[0], "WEBP", save_all=True, append_images=images[1:], lossless=True)
    found = list(pictures.frames(data))
    assert len(found) == 4
    assert all(np.array_equal(*pair) for pair in zip(found, shades, strict=True))


def test_an_animation_left_half_way_does_not_disturb_the_next_picture(pictures: Pictures) -> None:
    images = [Image.fromarray(noise(300, 300, seed)) for seed in range(6)]
    data = encoded(images[0], "WEBP", save_all=True, append_images=images[1:], lossless=True)
    one = pictures.frames(data)
    next(one)
    one.close()  # type: ignore[attr-defined] # the iterator is a generator
    assert pictures.prepare(FORMS["PNG"]).pixels.shape == (60, 90, 3)


@pytest.mark.parametrize("size", [(13_000, 13_000), (9_000, 9_000), (70_000, 1), (1 << 31, 1 << 31)])
def test_a_picture_of_too_many_pixels_is_never_decoded(size: tuple[int, int]) -> None:
    with Pictures() as pictures:
        header = bombs.png_bomb(8, 8)[:16] + size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big")
        assert "cannot be stored" in reason(pictures, header + bytes(100))
        assert pictures._child is None


@pytest.mark.parametrize(
    "data", [b"", b"<svg onload='alert(1)'/>", b"\0" * 50, b"%PDF-1.4", b"II*\0" + bytes(60), b"8BPS\0\1" + bytes(99)]
)
def test_what_is_no_picture_is_refused(pictures: Pictures, data: bytes) -> None:
    assert reason(pictures, data)


def test_a_picture_that_needs_too_much_memory_is_refused_and_the_next_one_decoded() -> None:
    with Pictures(Limits(picture_memory=200 << 20)) as pictures:
        assert "memory" in reason(pictures, encoded(Image.new("RGBA", (6000, 5900), "#fff8")))
        assert pictures.prepare(FORMS["PNG"]).pixels.shape == (60, 90, 3)


def test_a_child_that_does_not_answer_is_ended_and_patience_runs_out() -> None:
    with Pictures(Limits(picture_wait=0.3, patience=0.5)) as pictures:
        pictures.limits = Limits()
        pictures.prepare(FORMS["PNG"])
        pictures.limits = Limits(picture_wait=0.3, patience=0.5)
        for _ in range(2):
            child = pictures._start()
            os.kill(child.pid, signal.SIGSTOP)
            assert "too long" in reason(pictures, FORMS["JPEG"])
            assert child.poll() is not None
        assert "those before it took too long" in reason(pictures, FORMS["PNG"])
        pictures.limits = Limits()
        pictures.be_patient_again()
        assert pictures.prepare(FORMS["PNG"]).pixels.shape == (60, 90, 3)


def test_a_killed_child_is_replaced() -> None:
    with Pictures() as pictures:
        pictures.prepare(FORMS["PNG"])
        child = pictures._start()
        child.kill()
        child.wait()
        assert pictures.prepare(FORMS["PNG"]).pixels.shape == (60, 90, 3)


def test_random_damage_is_refused_or_decoded_but_never_breaks_the_parent(pictures: Pictures) -> None:
    random = np.random.default_rng(7)
    for form, whole in FORMS.items():
        for _ in range(12):
            data = bytearray(whole)
            for place in random.integers(0, len(data), 4):
                data[place] = random.integers(0, 256)
            with contextlib.suppress(BadPicture):
                assert pictures.prepare(bytes(data)).pixels.size, form
    assert pictures.prepare(FORMS["PNG"]).pixels.shape == (60, 90, 3)
