"""What an import may cost: every limit in one place."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LIMITS", "Limits"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The limits of importing. Together they keep an import below 1 GB of memory, whatever it is given.

    Sizes are bytes, times are seconds.
    """

    file: int = 256 * _MIB
    """Of any one file, archives included."""
    json: int = 128 * _MIB
    """Of a JSON text of plain ASCII characters."""
    wide_json: int = 48 * _MIB
    """Of a JSON text with other characters, and of the strings with such: each letter may take four bytes of memory."""
    json_depth: int = 200
    """How many objects and lists may stand within each other."""
    json_values: int = 1_200_000
    """How many values an object or list may hold in all, those within them included."""
    lines: int = 100_000
    """Of a file of JSON lines."""
    line: int = 64 * _MIB
    """Of one of those lines."""
    files: int = 100_000
    """In a folder, at any depth."""
    folder_depth: int = 24
    picture: int = 64 * _MIB
    """Of an encoded picture."""
    free_pixels: int = 8_300_000
    """A picture of more pixels than this (4K) must have `pixels_a_byte` of them at most for each of its bytes."""
    pixels_a_byte: int = 1_000
    pictures_at_once: int = 2_000
    """In an animated picture."""
    picture_memory: int = 768 * _MIB
    """Address space of the child process that decodes pictures."""
    picture_cpu: int = 4
    picture_wait: float = 60.0
    """For one picture, the start of the child included; a busy machine gives it little of its time in that."""
    patience: float = 6.0
    """For all pictures together that turn out to be too slow."""
    members: int = 20_000
    """In an archive."""
    directory: int = 8 * _MIB
    """Of an archive's directory."""
    member: int = 256 * _MIB
    """Of one member of an archive, unpacked."""
    unpacked: int = 2048 * _MIB
    """Of all members of an archive that are read, unpacked."""
    ratio: int = 150
    """How many times larger a member may become, beyond its first megabyte."""


LIMITS = Limits()
"""What the command line and the importers use."""
