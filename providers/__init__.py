"""
What model providers say.

Requests and replies come in as bytes or JSON; calls, canonical actions and results go out.
"""
