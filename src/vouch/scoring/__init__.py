"""A model in use: its specification, its bundle, scores, exact reasons and decisions."""
