"""Upkeep: checking a store, sealing finished runs, removing old ones, giving room back."""
