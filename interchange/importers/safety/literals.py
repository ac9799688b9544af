"""Values in Python's notation (`{'success': True, 'text': '…'}`), as programs write them that print what they hold."""

from __future__ import annotations

import ast
import re
from typing import Any

from footage.errors import BadImport

__all__ = ["parse_literal"]

_STRING = re.compile(r"'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\"", re.DOTALL)
_LONGEST_FRAME = 4000
"""Characters outside of strings: what takes memory and depth. A string may be as long as a picture."""


def parse_literal(text: str) -> Any:
    """Return the value of a Python literal; nothing is run. Raises BadImport for anything else, and for a large one."""
    if len(_STRING.sub("", text)) > _LONGEST_FRAME:
        raise BadImport("A Python literal is too large.")
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise BadImport("It is no Python literal.") from error
