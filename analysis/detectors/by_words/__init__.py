"""Detectors that go by words: what the replies say, and what was typed or called for."""
