"""Vouch's own training beside what a risk team would use instead, on identical rows.

python -m benchmarks.models [--protocol NAME...] [--json FILE] [--report FILE] [--kept FOLDER]
"""
