"""
Exact replay.

A record log comes in; the same instructions are executed again, and every screen is compared by its bytes.
"""
