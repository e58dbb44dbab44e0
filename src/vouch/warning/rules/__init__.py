"""Warning rules, one module per subject; `vouch.warning.rule` finds them by itself."""
