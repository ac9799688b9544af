"""
HTTP/1.1 as every server and client of footage speaks it: the proxy, the tape, the stand-in model.

Sockets come in; requests, replies and the pieces of their bodies go out. How messages are framed is read and written
by h11 alone; what is no HTTP is refused in the same words everywhere.
"""
