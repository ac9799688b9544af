"""Comparisons in the making, each in a process of its own, so that the viewer goes on answering."""
