"""
The child process that decodes foreign pictures: started as a script, it imports Pillow and nothing of footage.

A request on stdin is a line of JSON, {"bytes", "format", "first", "many", "cpu", "pixels"}, and the picture's bytes.
The answers on stdout, one for each picture asked for, are a line of JSON, {"width", "height", "count", "lossy",
"complete"} or {"error"}, and the RGB pixels, row by row. Limits on memory hold from the start, one on processor time
anew for each request; a picture that breaks one ends this process, and its parent starts another.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

ROWS = 512  # rows that are laid on white at a time


def main(memory: int, pillow: str) -> None:
    """Answer requests until stdin ends."""
    sys.path.append(pillow)
    from PIL import Image, ImageFile

    Image.MAX_IMAGE_PIXELS = None  # the parent has read the header, and each picture is checked below
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    warnings.simplefilter("ignore")
    Image.preinit()
    limit(resource.RLIMIT_AS, memory)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_FSIZE, 0)
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + 1 + request["cpu"]
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
        try:
            for head, pixels in decode(sys.stdin.buffer.read(request["bytes"]), request):
                answer(head, pixels)
        except MemoryError:
            answer({"error": "it takes more memory than an import may use"})
        except Exception as error:  # noqa: BLE001 - whatever a decoder raises is the answer
            answer({"error": str(error).rstrip(".") or type(error).__name__})
        answer({"end": True})


def limit(which: int, value: int) -> None:
    """Lower a limit of this process, if the system lets it."""
    try:
        resource.setrlimit(which, (value, value))
    except (ValueError, OSError):
        resource.setrlimit(which, (value, resource.getrlimit(which)[1]))


def answer(head: dict[str, Any], pixels: bytes = b"") -> None:
    """Write one answer."""
    sys.stdout.buffer.write(json.dumps(head).encode("ascii") + b"\n")
    sys.stdout.buffer.write(pixels)
    sys.stdout.buffer.flush()


def decode(data: bytes, request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield the pictures that are asked for, each as its description and its RGB pixels."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=[request["format"]]) as opened:
        if opened.width * opened.height > request["pixels"]:
            raise ValueError(f"it has {opened.width}x{opened.height} pixels")
        count = min(int(getattr(opened, "n_frames", 1)), 1 << 31) if request["format"] in {"GIF", "WEBP", "PNG"} else 1
        lossy = request["format"] == "JPEG" or (request["format"] == "WEBP" and is_lossy_webp(data))
        deep = request["format"] == "PNG" and data[24] > 8
        for number in range(request["first"], min(count, request["first"] + request["many"])):
            if count > 1:
                opened.seek(number)
            pixels, plain = rgb(opened)
            head = {"width": opened.width, "height": opened.height, "count": count, "lossy": lossy}
            yield head | {"complete": plain and count == 1 and not deep}, pixels


def is_lossy_webp(data: bytes) -> bool:
    """Tell whether a WebP picture was compressed with loss."""
    return data[12:16] == b"VP8 " or (data[12:16] == b"VP8X" and b"VP8L" not in data[:64])


def rgb(opened: Image.Image) -> tuple[bytes, bool]:
    """Return the pixels with transparent parts on white, and whether nothing was transparent."""
    if opened.mode.startswith("I"):  # 16-bit grey, which `convert` would clip to 8 bits
        from PIL import Image

        wide = opened.convert("I").point(lambda value: value / 256)  # one factor and no offset, as modes I and F ask
        grey = wide.convert("L")
        return Image.merge("RGB", (grey, grey, grey)).tobytes(), True
    if opened.mode not in {"RGBA", "LA", "PA"} and "transparency" not in opened.info:
        return (opened if opened.mode == "RGB" else opened.convert("RGB")).tobytes(), True
    clear = opened if opened.mode == "RGBA" else opened.convert("RGBA")
    if clear.getchannel("A").getextrema() == (255, 255):
        return clear.convert("RGB").tobytes(), True
    return on_white(clear), False


def on_white(clear: Image.Image) -> bytes:
    """Lay a transparent picture on white, some rows at a time: all at once takes four times its memory."""
    from PIL import Image

    rows = []
    for top in range(0, clear.height, ROWS):
        part = clear.crop((0, top, clear.width, min(top + ROWS, clear.height)))
        rows.append(Image.alpha_composite(Image.new("RGBA", part.size, "white"), part).convert("RGB").tobytes())
    return b"".join(rows)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
