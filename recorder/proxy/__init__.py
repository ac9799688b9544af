"""
Recording from outside the agent.

Two processes: one relays requests (`relay_process`), one writes (`writer_process`). Copies of all that passes go from
the first to the second.
"""
