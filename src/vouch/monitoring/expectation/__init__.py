"""Expected compensation of a pool of guarantees under one cap, by simulation.

Past a cap the system pays no more, so what it is expected to pay is not the sum over guarantees: it
depends on how defaults come together. `pool` holds the guarantees, `common_factor` draws their
defaults, `forecast` shares them out, and `assumptions` reads what is assumed from the policy.
`book` does so for every capped portfolio of a book: `in_force` reads its guarantees, `standing` its
caps, `timing` says when claims come, and `guarantees` what each is expected to cost by itself.
"""

from vouch.monitoring.expectation.assumptions import Assumptions, read_assumptions
from vouch.monitoring.expectation.forecast import (
    Amount,
    AnalyticCheck,
    CapReached,
    Forecast,
    Outcome,
    Period,
    capped_expectation,
    outcome,
)
from vouch.monitoring.expectation.pool import Pool
from vouch.monitoring.expectation.timing import Timing, read_timing

__all__ = [
    "Amount",
    "AnalyticCheck",
    "Assumptions",
    "CapReached",
    "Forecast",
    "Outcome",
    "Period",
    "Pool",
    "Timing",
    "capped_expectation",
    "outcome",
    "read_assumptions",
    "read_timing",
]
