"""
Comparing requests to a model.

Two requests come in; every place where they differ goes out, with how much it matters.
"""

from footage.moved import attributes_of

__getattr__ = attributes_of("footage.analysis.requests.blame")
