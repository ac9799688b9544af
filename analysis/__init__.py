"""
Comparing what runs hold.

Screens, requests and runs come in as they are stored; what differs, and whose doing it is, goes out as plain values.
"""
