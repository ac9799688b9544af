"""Requests at linear cost. Whole requests come in and go out; what differs from the one before is stored."""

from footage.moved import attributes_of

__getattr__ = attributes_of("footage.storage.requests.chains")
