"""Detectors that go by what the screens showed: before an action, after it, and in between."""
