"""Hostile archives and pictures, made from sound ones."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image

import bombs
from samples import encoded

__all__ = ["ARCHIVES", "PICTURES"]


def members(data: bytes) -> dict[str, bytes]:
    """Return an archive's members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_entry(data: bytes, name: str, content: bytes = b"{}") -> bytes:
    """Return the archive with one member more."""
    return bombs.zip_of([(zipfile.ZipInfo(n), c) for n, c in [*members(data).items(), (name, content)]])


def directory_flipped(data: bytes, random: Random) -> bytes:
    """Change bytes of the directory: sizes, places, methods, names."""
    changed = bytearray(data)
    start = data.rindex(b"PK\x01\x02") if random.random() < 0.7 else data.index(b"PK\x01\x02")
    for _ in range(random.choice((1, 2, 6))):
        changed[random.randrange(start, len(changed))] = random.randrange(256)
    return bytes(changed)


def end_flipped(data: bytes, random: Random) -> bytes:
    """Change the counts and places that the archive's end states."""
    changed = bytearray(data)
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<H", changed, end + random.choice((4, 6, 8, 10)), random.choice((0, 7, 0xFFFF)))
    struct.pack_into("<I", changed, end + random.choice((12, 16)), random.choice((0, 40, 1 << 31, 0xFFFFFFFF)))
    return bytes(changed)


def trace_of(text: bytes) -> bytes:
    """Return an archive with this text as its trace."""
    return bombs.zipped({"trace.trace": text})


ARCHIVES: dict[str, Callable[[bytes, Random], bytes]] = {
    "absolute name": lambda data, _: with_entry(data, "/etc/cron.d/evil"),
    "name with ..": lambda data, _: with_entry(data, "resources/../../outside/ran"),
    "backslashes": lambda data, _: with_entry(data, "..\\..\\outside\\ran"),
    "drive": lambda data, _: with_entry(data, "C:/ran"),
    "name twice": lambda data, _: with_entry(data, next(iter(members(data)))),
    "names by case": lambda data, _: with_entry(data, next(iter(members(data))).upper()),
    "link": lambda data, _: bombs.zip_of(
        [*((zipfile.ZipInfo(n), c) for n, c in members(data).items()), bombs.linked("resources/x", "/etc/passwd")]
    ),
    "encrypted": lambda data, _: bombs.encrypted(data),
    "bomb": lambda *_: trace_of(bytes(200 << 20)),
    "bomb of JSON": lambda *_: trace_of(b'{"type":"before"}\n' * 3_000_000),
    "bomb in a picture": lambda data, _: bombs.zipped(members(data) | {"resources/a.jpeg": bytes(100 << 20)}),
    "nested": lambda data, _: bombs.zipped({f"{n}.zip": data for n in range(20)}),
    "overlapping": lambda _, random: bombs.overlapping(random.choice((2, 200, 5000))),
    "65,600 members": lambda *_: bombs.zipped({str(n): b"" for n in range(65_600)}, zipfile.ZIP_STORED),
    "too small a size": lambda *_: bombs.lying(b'{"type":"context-options"}\n' * 50, 10),
    "too large a size": lambda *_: bombs.lying(b'{"type":"context-options"}\n' * 50, 0xFFFFFFF0),
    "LZMA": lambda data, _: bombs.zipped(members(data), zipfile.ZIP_LZMA),
    "cut short": lambda data, random: data[: random.randrange(len(data))],
    "directory flipped": directory_flipped,
    "end flipped": end_flipped,
    "something before": lambda data, _: b"\x89PNG\r\n\x1a\n" + os.urandom(0) + data,
    "something after": lambda data, random: data + random.randbytes(100),
    "long comment": lambda data, _: data[:-2] + struct.pack("<H", 65_535) + b"PK\x05\x06" * 16_383 + b"abc",
    "empty": lambda *_: bombs.zipped({}),
    "odd times": lambda *_: trace_of(
        b'{"type":"before","callId":"a","startTime":1e308,"class":"Page","method":"x"}\n'
        b'{"type":"before","callId":[],"startTime":1}\n{"type":"after","callId":"a","endTime":null}\n[1]\n"x"\n'
        b'{"type":"screencast-frame","sha1":"../../outside/secret.png","timestamp":1,"width":1e99,"height":-1}'
    ),
}
"""Ways to make an archive hostile."""


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """Return a PNG with one chunk more, after its header; other pictures are cut in two."""
    return data[:33] + chunk(kind, content) + data[33:] if data.startswith(b"\x89PNG") else data[: len(data) // 2]


def size_lie(data: bytes, random: Random) -> bytes:
    """State another size in a PNG's header, with its checksum right."""
    width, height = random.choice(((1, 1), (4000, 3000), (30_000, 1_000), (60_000, 60_000), (0, 5), (1 << 31, 1)))
    png = data if data.startswith(b"\x89PNG") else encoded(np.zeros((9, 9, 3), np.uint8))
    return png[:8] + chunk(b"IHDR", struct.pack(">II", width, height) + png[24:29]) + png[33:]


def frames(random: Random) -> bytes:
    """Return an animation of many pictures."""
    images = [Image.new("P", (40, 30), n % 256) for n in range(random.choice((50, 800)))]
    return encoded(images[0], "GIF", save_all=True, append_images=images[1:])


PICTURES: dict[str, Callable[[bytes, Random], bytes]] = {
    "bomb of 169 million pixels": lambda *_: bombs.png_bomb(13_000, 13_000),
    "bomb just within the limit": lambda *_: bombs.png_bomb(6_000, 5_900),
    "a strip": lambda *_: bombs.png_bomb(65_000, 500),
    "large and transparent": lambda *_: encoded(Image.new("RGBA", (3000, 2000), "#12345678")),
    "large WebP": lambda *_: encoded(Image.new("RGB", (5000, 4000), "#123456"), "WEBP", lossless=True, method=0),
    "lying size": size_lie,
    "long text": lambda data, _: with_chunk(data, b"zTXt", b"a\0\0" + zlib.compress(bytes(80 << 20), 1)),
    "ICC profile": lambda data, random: with_chunk(data, b"iCCP", b"a\0\0" + zlib.compress(random.randbytes(900))),
    "EXIF": lambda data, random: with_chunk(data, b"eXIf", random.randbytes(500)),
    "wrong checksum": lambda data, _: data[:29] + b"\0\0\0\0" + data[33:],
    "many frames": lambda _, random: frames(random),
    "cut short": lambda data, random: data[: random.randrange(len(data))],
    "bits flipped": lambda data, random: bytes(b ^ (random.random() < 0.01) for b in data),
    "SVG": lambda *_: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "HTML after": lambda data, _: data + b"<html><script>alert(1)</script>",
    "HTML before": lambda data, _: b"<html>" + data,
    "TIFF": lambda *_: encoded(Image.new("RGB", (9, 9)), "TIFF"),
    "four inks": lambda *_: encoded(Image.new("CMYK", (90, 60)), "JPEG"),
    "JPEG of other size": lambda *_: encoded(Image.new("RGB", (1, 700)), "JPEG"),
    "noise after a JPEG's head": lambda _, random: b"\xff\xd8\xff\xe0" + random.randbytes(2000),
    "noise after a WebP's head": lambda _, random: b"RIFF\xff\xff\xff\x7fWEBPVP8X" + random.randbytes(2000),
    "noise after a GIF's head": lambda _, random: b"GIF89a\x10\0\x10\0" + random.randbytes(2000),
    "noise after a bitmap's head": lambda _, random: (
        b"BM" + random.randbytes(12) + b"\x28\0\0\0" + random.randbytes(90)
    ),
}
"""Ways to make a picture hostile."""
