"""Comparing screens. Pixels come in; changed spots, what they look like, and a verdict go out."""

from footage.moved import attributes_of

__getattr__ = attributes_of("footage.analysis.screens.comparison_of_screens")
