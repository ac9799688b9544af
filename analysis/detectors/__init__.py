"""
Detectors: what is noticed in one run.

A run comes in, with its steps, replies and screens; findings go out, each with its step, a sentence and its evidence.
"""
