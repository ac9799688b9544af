"""Comparing runs. Two runs come in; their aligned steps, the first differences and their causes go out."""
