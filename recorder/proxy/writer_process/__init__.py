"""
The process that records what was relayed.

Copies of exchanges come in; events go out to the store. It may be killed at any instant: another one goes on.
"""
