"""Replay. A recorded run comes in, and a machine or an agent; a new run goes out, and where it differs."""
