"""Comparing screens. Pixels come in; changed spots, what they look like, and a verdict go out."""
