"""A network that fails by its physics and procedures; shares no rule with the diagnosis."""

from callcause.simulator.simulator import simulate

__all__ = ["simulate"]
