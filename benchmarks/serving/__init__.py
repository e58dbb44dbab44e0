"""The parts of `benchmarks.serve`: what is loaded, and what loads it."""
