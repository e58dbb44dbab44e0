"""Following the hidden state of a guarantee from its start to a day, and on to a horizon.

A forward filter: each month every state is carried on by the true law of the course and weighed by
how likely it makes what shows of that month. After the day nothing is weighed any more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vouch.simulator.calibration import Section, shares
from vouch.simulator.ceiling.evidence import Evidence
from vouch.simulator.ceiling.laws import CALLED, STATES, STRAINED
from vouch.simulator.course import Odds
from vouch.simulator.loan_signs import account_law
from vouch.simulator.months import Flags, Floats, Ints, last_day

_IMPOSSIBLE = 1e-9
_MISREAD = 1e-3  # a month end first reported as if nothing were due
_FIRST_CALLED = 1 + STRAINED


@dataclass(frozen=True)
class Course:
    """The law of each case's course for one supposed quality; months count from the start."""

    odds: Odds
    entry: Floats
    sudden: Floats
    due: Ints
    log_risk: Floats

    @classmethod
    def of(cls, odds: Odds, intercept: float, due: Ints, log_risk: Floats) -> Course:
        """The law at a level of risk."""
        entry = odds.entry(intercept)
        return cls(odds, entry, odds.sudden(entry), due, log_risk)


@dataclass(frozen=True)
class Case:
    """The days that matter of each case.

    `begin` is the calendar month of the start, `now` the last month that had ended by the day,
    `own` the month in which the case's own guarantee began (0 but for one taken up beside), and
    `joined` the month in which another was taken up beside, the borrower being well (-1 for never,
    as far as known).
    """

    as_of: Ints
    end: Ints
    begin: Ints
    now: Ints
    own: Ints
    joined: Ints


@dataclass
class _Tally:
    """The filter on its way: `state` and `gone` (repaid, not yet told) sum to one."""

    state: Floats
    gone: Floats
    paid: Floats
    log_likelihood: Floats


def grace_by(grace: Section, days: Floats | Ints) -> Floats:
    """Probability that the guarantor has paid so many days after the missed payment."""
    total = np.zeros(np.shape(days))
    steps = grace["processing_days"] + 1
    for base, share in zip(grace["days"], shares(grace["shares"]), strict=True):
        total += share * np.clip((np.floor(days) - base + 1) / steps, 0.0, 1.0)
    return total


def follow(
    province: Section, law: Course, case: Case, shown: Evidence, silent: bool
) -> tuple[Floats, Floats]:
    """Log-likelihood of what shows, and probability of compensation in time given it.

    Args:
        silent: whether the borrower is one whose trouble no outside signal shows.
    """
    size = len(case.as_of)
    state = np.zeros((size, STATES))
    state[:, 0] = 1.0
    tally = _Tally(state, np.zeros(size), np.zeros(size), np.zeros(size))
    for month in range(1, law.odds.width):
        past = month <= case.now
        missed = _carry(province, law, case, shown, tally, month)
        in_time = grace_by(province["grace"], case.end - law.due[:, month])
        tally.paid += np.where(past, 0.0, missed * in_time)
        if past.any():
            told = _told(province, law, case, shown, month, silent)
            tally.state = np.where(past[:, None], tally.state * told, tally.state)
            tally.state[past & np.equal(case.joined, month), 1:] = 0.0
            _look(province, law, case, tally, month)
            _scale(tally, past)
    return tally.log_likelihood, tally.paid


def _scale(tally: _Tally, past: Flags) -> None:
    total: Floats = np.where(past, np.maximum(tally.state.sum(axis=1) + tally.gone, 1e-300), 1.0)
    tally.state /= total[:, None]
    tally.gone = tally.gone / total
    tally.paid = tally.paid / total
    tally.log_likelihood += np.log(total)


def _carry(
    province: Section, law: Course, case: Case, shown: Evidence, tally: _Tally, month: int
) -> Floats:
    """One month of the true law; what had happened by the day is taken as the day knew it.

    Returns the probability of missing the fatal payment in the month.
    """
    course, odds, state = law.odds.course, law.odds, tally.state
    well, strained = state[:, 0], state[:, 1:_FIRST_CALLED]
    missed_strained = strained * odds.strained_default[:, [month]]
    missed: Floats = well * law.sudden[:, month] + missed_strained.sum(axis=1)
    well, strained = well * (1 - law.sudden[:, month]), strained - missed_strained
    stay_well, stay_strained = _staying(law, case, shown, month)
    tally.gone += _untold(province, law, case, well, strained.sum(axis=1), month)
    well, strained = well * stay_well, strained * stay_strained[:, None]
    turned = well * law.entry[:, month]
    healed = strained.sum(axis=1) * course["recover_monthly"]
    worse = strained * (1 - course["recover_monthly"])
    new = np.zeros_like(state)
    new[:, 0] = well - turned + healed
    new[:, 1] = turned
    new[:, 2:_FIRST_CALLED] = worse[:, :-1]
    new[:, STRAINED] += worse[:, -1]
    new[:, _FIRST_CALLED] = missed
    new[:, _FIRST_CALLED + 1 :] = state[:, _FIRST_CALLED:-1]
    new[:, -1] += state[:, -1]
    tally.state = new
    return missed


def _staying(law: Course, case: Case, shown: Evidence, month: int) -> tuple[Floats, Floats]:
    """Chances of still running after the month; an extension is known once it is made."""
    course, odds = law.odds.course, law.odds
    running, at_first, _ = odds.ends(month)
    stay = np.where(running, 1 - course["repay_early_monthly"] * (month < odds.tenor), 0.0)
    no_extension = at_first & (month <= case.now) & (shown.extended == 0)
    chances = []
    for name in ("extend_well", "extend_strained"):
        extends = np.where(no_extension, 0.0, course[name])
        chances.append(np.where(at_first, extends, stay))
    return chances[0], chances[1]


def _untold(
    province: Section, law: Course, case: Case, well: Floats, strained: Floats, month: int
) -> Floats:
    """Repaid by the day, and not yet told."""
    course, (_, at_first, at_last) = law.odds.course, law.odds.ends(month)
    early = (well + strained) * course["repay_early_monthly"] * (month < law.odds.tenor)
    first = well * (1 - course["extend_well"]) + strained * (1 - course["extend_strained"])
    repaid = np.where(at_first, first, np.where(at_last, well + strained, early))
    day = law.due[:, month]
    open_ = (month <= case.now) & (day <= case.as_of)
    untold: Floats = repaid * not_yet_told(province["lag"], "release", case.as_of - day) * open_
    return untold


def not_yet_told(lag: Section, name: str, days: Ints) -> Floats:
    """Probability that an event is not yet known so many days later."""
    late = lag["late_share"] * np.exp(-np.maximum(days - lag[name], 0) / lag["late_mean_days"])
    untold: Floats = np.where(days < lag[name], 1.0, late)
    return untold


def _look(province: Section, law: Course, case: Case, tally: _Tally, month: int) -> None:
    """On the day: no compensation is known yet, and what is called will be paid in time or not."""
    now = np.equal(case.now, month)
    if not now.any():
        return
    grace, lag = province["grace"], province["lag"]
    paid = np.zeros(len(now))
    for since in range(CALLED):
        due = law.due[:, max(month - since, 0)]
        at = _FIRST_CALLED + since
        unknown = 1 - grace_by(grace, case.as_of - due - lag["compensation"])
        unknown = unknown + (1 - unknown) * lag["late_share"] / 2
        later = grace_by(grace, case.end - due) - grace_by(grace, case.as_of - due)
        weight = tally.state[:, at]
        paid += weight * later
        tally.state[:, at] = np.where(now, weight * unknown, weight)
    tally.paid = np.where(now, paid, tally.paid)


def _told(
    province: Section, law: Course, case: Case, shown: Evidence, month: int, silent: bool
) -> Floats:
    """How likely what shows of a month is in every state."""
    told = _arrears_told(province["arrears"], law, case, shown, month)
    told *= _missing(province["lag"], case, shown, month)[:, None]
    if not silent:
        told *= np.exp(shown.outside[:, month])
    account = shown.account[:, month]
    logs = []
    for strained in (False, True):
        mean, spread = account_law(province["account"], strained)
        logs.append(-0.5 * ((account - mean) / spread) ** 2 - np.log(spread))
    against = np.exp(np.clip(np.nan_to_num(logs[1] - logs[0]), -30, 30))
    told[:, 1:_FIRST_CALLED] *= against[:, None]
    return told


def _missing(lag: Section, case: Case, shown: Evidence, month: int) -> Floats:
    """A month end that should be known and is not: the loan may have ended."""
    absent = np.isnan(shown.days_past_due[:, month]) & (month >= case.own)
    untold = not_yet_told(lag, "performance", case.as_of - last_day(case.begin + month))
    factor: Floats = np.where(absent, np.maximum(untold, _IMPOSSIBLE), 1.0)
    return factor


def _arrears_told(arrears: Section, law: Course, case: Case, shown: Evidence, month: int) -> Floats:
    days, end = shown.days_past_due[:, month], last_day(case.begin + month)
    known, short = ~np.isnan(days), shown.late[:, month]
    since, before = end - law.due[:, month], end - law.due[:, month - 1]
    in_term = month < law.odds.tenor
    begun = known & (days == since) & in_term
    carried = known & (days == before) & (month > 1)
    strange = known & (days > 0) & ~begun & ~carried
    told = np.ones((len(days), STATES))
    risk = np.exp(arrears["risk_power"] * (law.log_risk - arrears["usual_log_risk"]))
    for states, chance in (
        (slice(0, 1), arrears["well_monthly"] * risk),
        (slice(1, _FIRST_CALLED), np.full(len(days), arrears["strained_monthly"])),
    ):
        late = np.where(begun | short, chance, np.where(known, 1 - chance * in_term, 1.0))
        late = late * np.where(begun, _longer(arrears, since), 1.0)
        late = late * np.where(carried, _longer(arrears, before) / _longer(arrears, since), 1.0)
        told[:, states] = np.where(strange, _IMPOSSIBLE, np.maximum(late, _IMPOSSIBLE))[:, None]
    for count in range(CALLED):
        due = law.due[:, max(month - count, 0)]
        fits = np.where(days == end - due, 1.0, np.where(days == 0, _MISREAD, _IMPOSSIBLE))
        fits = np.where(known, fits, 1.0)
        told[:, _FIRST_CALLED + count] = np.where(short, _IMPOSSIBLE, fits)
    return told


def _longer(arrears: Section, days: Ints) -> Floats:
    """Probability that a late payment comes later than so many days."""
    low, high = arrears["shortest_days"], arrears["longest_days"]
    longer: Floats = np.clip((high - days) / (high - low + 1), _IMPOSSIBLE, 1.0)
    return longer
