"""The portfolio's own history: how guarantees like this one had fared by a given day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from vouch.book.book import Known
from vouch.features.asof import NEVER, FactTable, Floats, Integers, Objects

# A group's record is pulled towards the average as if this many compensations had been expected of
# it and had happened: below that, its own record is mostly chance.
PRIOR_COMPENSATIONS = 2.0

# A lender's typical amount is pulled towards exp(12), about 160,000, by this many guarantees.
PRIOR_AMOUNTS, PRIOR_LOG_AMOUNT = 5.0, 12.0

# A guarantee is exposed for three years: compensations later than that are not counted either.
OBSERVED_DAYS = 1096.0


def industry_group(code: str | None) -> str | None:
    """The section letter of a GB/T 4754 code, or the two-digit sector of a NAICS code.

    >>> industry_group("C2614"), industry_group("722110"), industry_group(None)
    ('C', '72', None)
    """
    if not code:
        return None
    return code[:2] if code[0].isdigit() else code[:1]


def amount_band(amount: float) -> str:
    """Half a power of ten, so that bands mean the same in any currency.

    >>> amount_band(50_000), amount_band(150_000), amount_band(1_000_000)
    ('10^4.5', '10^5.0', '10^6.0')
    """
    if not amount > 0:
        return "unknown"
    return f"10^{np.floor(2 * np.log10(amount)) / 2:.1f}"


def terms_group(channel: str | None, guaranteed_share: float) -> str:
    """The channel with the guaranteed share to the nearest twentieth.

    >>> terms_group("direct_link", 0.8), terms_group(None, float("nan"))
    ('direct_link/0.80', '-/-')
    """
    share = "-" if np.isnan(guaranteed_share) else f"{np.round(guaranteed_share * 20) / 20:.2f}"
    return f"{channel or '-'}/{share}"


@dataclass(frozen=True)
class Track:
    """The record of one group: sorted days, with running sums that make exposure quick.

    A guarantee is exposed from the day it was known until it was called or OBSERVED_DAYS old. Sums
    of days are whole numbers, so they are exact.
    """

    known: Floats
    ended: Floats
    called: Floats
    log_amounts: Floats

    @classmethod
    def of(cls, known: Floats, called: Floats, amounts: Floats) -> Track:
        """From guarantees in the order in which they became known."""
        horizon = known + OBSERVED_DAYS
        logs = np.log(np.where(amounts > 0, amounts, np.exp(PRIOR_LOG_AMOUNT)))
        return cls(
            known,
            np.sort(np.fmin(horizon, called)),
            np.sort(called[called <= horizon]),
            np.concatenate([[0.0], np.cumsum(logs)]),
        )

    def compensations(self, since: Floats, until: Floats) -> Floats:
        """Compensations known in [since, until)."""
        return (_below(self.called, until) - _below(self.called, since)).astype(np.float64)

    def guarantees(self, since: Floats, until: Floats) -> Floats:
        """Guarantees known in [since, until)."""
        return (_below(self.known, until) - _below(self.known, since)).astype(np.float64)

    def exposure(self, since: Floats, until: Floats) -> Floats:
        """Days at risk in [since, until), summed over the group."""
        return self._at_risk(until) - self._at_risk(since)

    def log_amount(self, since: Floats, until: Floats) -> Floats:
        """Sum of the logarithms of the amounts known in [since, until)."""
        first, last = _below(self.known, since), _below(self.known, until)
        return self.log_amounts[last] - self.log_amounts[first]

    def _at_risk(self, until: Floats) -> Floats:
        known = _elapsed(self._known_days, self.known, until)
        return known - _elapsed(self._ended_days, self.ended, until)

    @cached_property
    def _known_days(self) -> Floats:
        return np.concatenate([[0.0], np.cumsum(self.known)])

    @cached_property
    def _ended_days(self) -> Floats:
        return np.concatenate([[0.0], np.cumsum(self.ended)])


def _below(days: Floats, limit: Floats) -> Integers:
    return np.searchsorted(days, limit, "left").astype(np.int64)


def _elapsed(running: Floats, days: Floats, until: Floats) -> Floats:
    """Days passed by `until` since each of the sorted `days` before it, summed."""
    count = _below(days, until)
    return count * until - running[count]


_NOTHING = Track.of(np.zeros(0), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class PortfolioIndex:
    """Every guarantee's borrower and groups, the day it became known and the day it was called.

    `table` has one row per guarantee: guarantee_id, borrower_id, what groups it, `known_day` and
    `called_day` (days since 1970-01-01, null where no compensation was known). It is small enough
    to ship with a model.
    """

    table: pa.Table

    @classmethod
    def of(cls, known: Known) -> PortfolioIndex:
        """Read the index through the door: nothing that was known later is in it."""
        first = "QUALIFY row_number() OVER (PARTITION BY guarantee_id ORDER BY known_at) = 1"
        return cls(
            known.query(f"""
            WITH g AS (SELECT * FROM {known.versions("guarantee")} {first}),
            c AS (SELECT guarantee_id, min(known_at) AS called FROM {known.versions("compensation")}
                  GROUP BY 1)
            SELECT g.guarantee_id, g.borrower_id, g.lender_id AS lender, g.channel, b.industry,
                coalesce(g.project_region, b.region) AS region, b.legal_form,
                g.amount::DOUBLE AS amount,
                g.guaranteed_amount::DOUBLE / g.amount::DOUBLE AS share,
                (greatest(g.known_at, g.event_at) - DATE '1970-01-01')::DOUBLE AS known_day,
                (c.called - DATE '1970-01-01')::DOUBLE AS called_day
            FROM g LEFT JOIN c USING (guarantee_id)
            ASOF LEFT JOIN {known.versions("borrower")} b
                ON g.borrower_id = b.borrower_id AND g.known_at >= b.known_at
            ORDER BY known_day, g.guarantee_id""")
        )

    @cached_property
    def by_borrower(self) -> FactTable:
        """The guarantees of each borrower."""
        return _of_borrowers(self.table, "known_day")

    @cached_property
    def compensations_by_borrower(self) -> FactTable:
        """The compensations of each borrower."""
        called = self.table.filter(pa.compute.is_valid(self.table["called_day"]))
        return _of_borrowers(called, "called_day")

    @cached_property
    def everything(self) -> Track:
        """The track of the whole portfolio."""
        return Track.of(*(self._numbers(n) for n in ("known_day", "called_day", "amount")))

    @cached_property
    def tracks(self) -> Mapping[str, Mapping[str, Track]]:
        """For each grouping, the track of each group."""
        texts = ("lender", "channel", "industry", "region", "legal_form")
        columns = {n: np.asarray(self.table[n].to_pylist(), dtype=object) for n in texts}
        amount, share = self._numbers("amount"), self._numbers("share")
        known, called = self._numbers("known_day"), self._numbers("called_day")
        return {
            group: {
                name: Track.of(known[rows], called[rows], amount[rows])
                for name, rows in _by_value(values).items()
            }
            for group, values in groups_of(columns, amount, share).items()
        }

    def _numbers(self, name: str) -> Floats:
        values = self.table[name].to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)


def _of_borrowers(table: pa.Table, day: str) -> FactTable:
    ordered = table.sort_by([("borrower_id", "ascending"), (day, "ascending")])
    days = ordered[day].to_numpy()
    ids = np.asarray(ordered["guarantee_id"].to_pylist(), dtype=object)
    columns: dict[str, Floats | Objects] = {"guarantee_id": ids, "event_at": days}
    columns |= {"known_at": days, "superseded_at": np.full(len(days), NEVER)}
    return FactTable.build(ordered["borrower_id"].to_pylist(), columns)


def groups_of(columns: Mapping[str, Objects], amount: Floats, share: Floats) -> dict[str, Objects]:
    """The group of each guarantee in each grouping, None where it belongs to none.

    Args:
        columns: lender, channel, industry (code), region and legal_form, as texts.
        amount: loan amount.
        share: guaranteed share of it.
    """
    bands = [amount_band(value) for value in amount.tolist()]
    lender_band = [
        None if name is None else f"{name}/{band}"
        for name, band in zip(columns["lender"], bands, strict=True)
    ]
    terms = [terms_group(c, s) for c, s in zip(columns["channel"], share.tolist(), strict=True)]
    industries = [industry_group(code) for code in columns["industry"]]
    made = {"lender_band": lender_band, "terms": terms, "industry": industries}
    plain = {name: columns[name] for name in ("lender", "channel", "region", "legal_form")}
    return plain | {name: np.array(values, dtype=object) for name, values in made.items()}


def _by_value(values: Objects) -> dict[str, Integers]:
    cases: dict[str, list[int]] = {}
    for case, value in enumerate(values):
        if value is not None:
            cases.setdefault(value, []).append(case)
    return {value: np.array(rows) for value, rows in cases.items()}


@dataclass(frozen=True)
class Portfolio:
    """The portfolio as each case could see it: everything known before the case's day."""

    index: PortfolioIndex
    as_of: Floats
    groups: Mapping[str, Objects]

    def relative_rate(self, group: str, days: float) -> Floats:
        """Compensations of the case's group over those expected at the whole portfolio's rate.

        (called + PRIOR) / (rate · exposure + PRIOR) over the last `days`: 1 is average, 2 twice as
        many. A group not seen before is average.
        """
        since = self.as_of - days
        track = self.index.everything
        exposure = track.exposure(since, self.as_of)
        called = track.compensations(since, self.as_of)
        rate = np.divide(called, exposure, out=np.zeros(len(called)), where=exposure > 0)
        seen = self._sums(group, days, "compensations")
        expected = rate * self._sums(group, days, "exposure")
        return (seen + PRIOR_COMPENSATIONS) / (expected + PRIOR_COMPENSATIONS)

    def yearly_rate(self, days: float) -> Floats:
        """Compensations per guarantee and year of exposure in the whole portfolio."""
        since = self.as_of - days
        track = self.index.everything
        exposure = track.exposure(since, self.as_of)
        called = track.compensations(since, self.as_of) * 365.0
        rate: Floats = np.full(len(called), np.nan)
        return np.divide(called, exposure, out=rate, where=exposure > 0)

    def volume(self, group: str, days: float) -> Floats:
        """Guarantees of the case's group in the last `days`."""
        return self._sums(group, days, "guarantees")

    def typical_amount(self, group: str, days: float) -> Floats:
        """Geometric mean amount of the group's guarantees in the last `days`, shrunk."""
        total = self._sums(group, days, "log_amount") + PRIOR_AMOUNTS * PRIOR_LOG_AMOUNT
        typical: Floats = np.exp(total / (self.volume(group, days) + PRIOR_AMOUNTS))
        return typical

    def _sums(self, group: str, days: float, measure: str) -> Floats:
        found = np.zeros(len(self.as_of))
        tracks = self.index.tracks[group]
        for name, cases in _by_value(self.groups[group]).items():
            day = self.as_of[cases]
            found[cases] = getattr(tracks.get(name, _NOTHING), measure)(day - days, day)
        return found
