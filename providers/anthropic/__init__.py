"""
The Messages API.

Its requests, replies, streams and tools come in; canonical actions go out, and replies in its form.
"""
