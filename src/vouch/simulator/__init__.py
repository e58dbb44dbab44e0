"""A provincial guarantee book with a known truth: for demos, tests and scale runs."""

from vouch.simulator.simulation import SimulationReport, simulate

__all__ = ["SimulationReport", "simulate"]
