"""Is it still right: performance on outcomes, drift, reports."""
