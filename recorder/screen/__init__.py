"""
What a machine shows while it is recorded.

Its pictures come in; frames before, after and between actions go out.
"""
