"""How much of each loan is owed after each month's payment."""

import numpy as np

from vouch.simulator.calibration import Section
from vouch.simulator.months import Flags, Floats
from vouch.simulator.terms import Terms


def repays_by(province: Section, agreed: Terms, name: str) -> Flags:
    """Which guarantees are repaid in the way called `name`."""
    is_so: Flags = agreed.repayment == province["repayment"]["names"].index(name)
    return is_so


def owed_after(province: Section, agreed: Terms, width: int) -> Floats:
    """Part of the loan owed after the payments of months 0 to `width` - 1.

    Equal instalments fall as an annuity does; the last one stays owed until the loan is repaid,
    so that an extended loan still has a balance. Everything else is owed whole.
    """
    paid = np.minimum(np.arange(width)[None, :], agreed.tenor[:, None] - 1)
    growth = 1 + agreed.interest[:, None] / 12
    whole = growth ** agreed.tenor[:, None]
    annuity = (whole - growth**paid) / (whole - 1)
    return np.where(repays_by(province, agreed, "equal_instalment")[:, None], annuity, 1.0)
