"""Requests at linear cost. Whole requests come in and go out; what differs from the one before is stored."""
