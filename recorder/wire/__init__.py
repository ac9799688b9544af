"""What an agent and its model say to each other. Exchanges come in; turns, attempts and steps go out."""

from footage.moved import attributes_of

__getattr__ = attributes_of("footage.recorder.wire.run_wire")
