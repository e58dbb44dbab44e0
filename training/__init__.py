"""Makes models: spine, features, labels, split, fit, calibrate, judge, register, promote."""
