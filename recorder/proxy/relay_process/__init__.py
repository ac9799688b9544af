"""
The process that stands between an agent and its model.

Requests and replies pass through it, and copies go out to the writer process. It loads neither the store nor an SDK.
"""
