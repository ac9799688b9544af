"""Detectors that go by calls, their results and their requests: what failed, what the model had, how long it took."""
