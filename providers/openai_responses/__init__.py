"""
OpenAI's Responses API.

Requests, replies and events come in as OpenAI's clients send and get them; the common form goes out, and back.
"""
