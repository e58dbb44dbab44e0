"""What the lender tells of the guaranteed loans beside their month ends."""

import numpy as np

from vouch.simulator.calibration import Section
from vouch.simulator.history import History, World
from vouch.simulator.ledger import Ledger
from vouch.simulator.months import Floats, Ints, month_of
from vouch.simulator.schedule import repays_by

Sign = tuple[str, Ints, Ints, Floats]  # kind, borrower, day, value


def loan_signs(world: World, rng: np.random.Generator, past: History, book: Ledger) -> list[Sign]:
    """Late payments, interest unpaid, the account before maturity; one value a borrower and day."""
    return [
        ("late_payment", *_one_a_day(*_late_payments(world, past, book), np.maximum)),
        ("interest_arrears", *_one_a_day(*_interest_arrears(past, book), np.add)),
        ("account_balance", *_one_a_day(*_accounts(world, rng, past, book), np.add)),
    ]


def _one_a_day(
    borrower: Ints, day: Ints, value: Floats, join: np.ufunc
) -> tuple[Ints, Ints, Floats]:
    keys, place = np.unique(np.stack([borrower, day], axis=1), axis=0, return_inverse=True)
    joined = np.zeros(len(keys))
    join.at(joined, place.ravel(), value)
    return keys[:, 0], keys[:, 1], np.round(joined, 2)


def _late_payments(world: World, past: History, book: Ledger) -> tuple[Ints, Ints, Floats]:
    """Payments that came late, on the day they came."""
    paid = book.due + book.late_days
    came = (book.late_days > 0) & (paid < past.outcomes.ended[:, None]) & (paid <= world.until)
    row, column = np.nonzero(came)
    return (
        past.terms.borrower[row],
        paid[row, column],
        book.late_days[row, column].astype(np.float64),
    )


def _interest_arrears(past: History, book: Ledger) -> tuple[Ints, Ints, Floats]:
    """A month's interest for every month begun since the oldest payment missed."""
    row, column = np.nonzero(book.is_open & (book.days_past_due > 0))
    periods = book.days_past_due[row, column] // 30 + 1
    monthly = book.balance[row, column] / 100 * past.terms.interest[row] / 12
    return past.terms.borrower[row], book.month_end[row, column], monthly * periods


def account_law(account: Section, strained: bool) -> tuple[float, float]:
    """Log mean and spread of the account's balance in parts of what is due."""
    mean, spread = account["strained" if strained else "well"]
    return mean, spread


def _accounts(
    world: World, rng: np.random.Generator, past: History, book: Ledger
) -> tuple[Ints, Ints, Floats]:
    """The repayment account some days before maturity, where the whole loan falls due then."""
    account, agreed = world.province["account"], past.terms
    day = agreed.maturity - account["days_before"]
    asked = ~repays_by(world.province, agreed, "equal_instalment")
    asked &= (day < past.outcomes.ended) & (day < past.outcomes.missed) & (day <= world.until)
    row = np.flatnonzero(asked)
    column = month_of(day[row]) - month_of(agreed.start[row]) - 1
    row, column = row[column >= 0], column[column >= 0]
    strained = book.trouble_months[row, column] > 0
    laws = [account_law(account, state) for state in (False, True)]
    mean, spread = np.array(laws)[strained.astype(np.int64)].T
    part = np.exp(mean + spread * rng.standard_normal(len(row)))
    return agreed.borrower[row], day[row], book.balance[row, column] / 100 * part
