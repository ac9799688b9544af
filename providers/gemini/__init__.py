"""
Gemini: generateContent and streamGenerateContent.

Requests, replies and events come in as Google's clients send and get them; the common form goes out, and back.
"""
