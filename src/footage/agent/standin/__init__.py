"""
The stand-in model: a scripted policy that looks at the screen, behind the Messages API on the loopback interface.

For demos and tests without a network. It is no language model and says so: in its name (`stand-in/careful`,
`stand-in/hasty`), in its server's header and in what it answers to tasks it does not know.
"""

from footage.agent.standin.standin_server import StandInServer, shared_server

__all__ = ["StandInServer", "shared_server"]
