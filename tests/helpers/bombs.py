"""Hostile files for the tests of importing: archives, pictures and JSON that no writer of recordings would make."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def zip_of(entries: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    """Return a zip archive of these entries, names that stand twice included."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for info, data in entries:
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.filelist = [held for held in archive.filelist if held is not info]
            archive.NameToInfo.pop(info.filename, None)
            archive.writestr(info, data)
    return out.getvalue()


def linked(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    """Return an entry that is a symbolic link."""
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info, target.encode()


def overlapping(copies: int, size: int = 1 << 20) -> bytes:
    """Return an archive whose directory names the same packed bytes many times."""
    base = zipped({"a0": b"\0" * size})
    start = base.rindex(b"PK\x01\x02")
    end = base.rindex(b"PK\x05\x06")
    entry = base[start:end]
    directory = b"".join(entry.replace(b"a0", b"%02x" % number, 1) for number in range(copies))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, copies, copies, len(directory), start, 0)
    return base[:start] + directory + tail


def lying(data: bytes, stated: int) -> bytes:
    """Return an archive of one member whose stated size is another one."""
    base = bytearray(zipped({"trace.trace": data}))
    central = base.rindex(b"PK\x01\x02")
    struct.pack_into("<I", base, central + 24, stated)
    struct.pack_into("<I", base, 22, stated)
    return bytes(base)


def encrypted(data: bytes = b"secret") -> bytes:
    """Return an archive whose member says that it is encrypted."""
    base = bytearray(zipped({"trace.trace": data}))
    central = base.rindex(b"PK\x01\x02")
    base[6] |= 1
    base[central + 8] |= 1
    return bytes(base)


def png_bomb(width: int, height: int) -> bytes:
    """Return a PNG of many black pixels in few bytes."""
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def write(path: Path, data: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(data)
    return path
