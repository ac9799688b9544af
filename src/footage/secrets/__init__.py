"""
The forms in which a secret stands in texts and bytes, and how they are found.

Recording keeps out what is found here, redaction takes the same out of what was recorded, and its proof looks for the
same again. In comes a secret with the mark that is to stand in its place; out goes text without it.
"""

from footage.secrets.replacing import Replacer

__all__ = ["Replacer"]
