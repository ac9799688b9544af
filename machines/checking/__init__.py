"""Checking a machine. Any machine comes in; what works on it, action by action, goes out."""
