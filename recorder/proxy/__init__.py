"""
Recording from outside the agent.

Two processes: one relays requests (`relay_process`), one writes (`writer_process`). Copies of all that passes go from
the first to the second.
"""

from footage.moved import attributes_of

__getattr__ = attributes_of("footage.recorder.proxy.listener")
