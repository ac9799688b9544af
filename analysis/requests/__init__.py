"""
Comparing requests to a model.

Two requests come in; every place where they differ goes out, with how much it matters.
"""
