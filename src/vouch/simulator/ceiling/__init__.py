"""The best that any model could do: the true law, given only what the book shows by the day."""

from vouch.simulator.ceiling.reachable import best_reachable

__all__ = ["best_reachable"]
