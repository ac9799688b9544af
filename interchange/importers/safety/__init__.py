"""
Reading what somebody else made, under limits: files, JSON, zip archives and pictures.

Everything an importer opens, it opens through here. What is refused is refused with its reason, as BadImport or
BadPicture. Pickles are never read.
"""

from footage.interchange.importers.safety.archives import Archive
from footage.interchange.importers.safety.files import Folder, is_pickle, read_file, shown, why_unfit
from footage.interchange.importers.safety.foreign_json import (
    BrokenJSON,
    Line,
    decode_text,
    forget,
    parse_json,
    parse_lines,
    read_json,
    read_lines,
)
from footage.interchange.importers.safety.foreign_pictures import Pictures
from footage.interchange.importers.safety.limits import LIMITS, Limits
from footage.interchange.importers.safety.literals import parse_literal
from footage.interchange.importers.safety.sniffing import Header, sniff

__all__ = [
    "LIMITS",
    "Archive",
    "BrokenJSON",
    "Folder",
    "Header",
    "Limits",
    "Line",
    "Pictures",
    "decode_text",
    "forget",
    "is_pickle",
    "parse_json",
    "parse_lines",
    "parse_literal",
    "read_file",
    "read_json",
    "read_lines",
    "shown",
    "sniff",
    "why_unfit",
]
