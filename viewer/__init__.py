"""Part of footage."""
