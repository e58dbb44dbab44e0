"""When a guarantee is claimed: its loan defaults along a curve, and the claim follows the grace.

A model says how likely a claim is within its horizon. The curve says how much of that falls into
another time: over a stretch of the curve that holds r times what the horizon holds, the chance that
no claim comes is (1 - p)ʳ, as for any hazard of that shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vouch.domain.dated import read_toml
from vouch.errors import PolicyError
from vouch.monitoring.expectation.pool import FloatArray
from vouch.policy.reading import SHIPPED
from vouch.policy.schemes import fraction

_MONTH = 365 / 12
_QUANTILES = 33
_NOTHING = 1e-9
_ALMOST_CERTAIN = 1 - 2**-53


@dataclass(frozen=True)
class Timing:
    """The curve of defaults of a usual loan, and the days from default to claim.

    Args:
        default_shares: of all defaults, by month of a loan of `tenor_months`; they go on after its
            end and sum to 1.
        tenor_months: of that loan.
        grace_days: from the missed payment to the claim.
        in_default_from_days: a loan past due so long is taken to have defaulted already.
    """

    default_shares: tuple[float, ...]
    tenor_months: int = 12
    grace_days: int = 90
    in_default_from_days: int = 30

    def defaulted_by(self, age: FloatArray, tenor: FloatArray) -> FloatArray:
        """The share of defaults up to an age; both in days, an age below 0 counts as 0."""
        stretched = np.minimum(age, tenor) / tenor * self.tenor_months
        month = np.maximum(stretched + np.maximum(age - tenor, 0) / _MONTH, 0)
        found: FloatArray = np.interp(month, np.arange(len(self._cumulative)), self._cumulative)
        return found

    def age_at(self, share: FloatArray, tenor: FloatArray) -> FloatArray:
        """The age in days by which a share of defaults has come."""
        month = np.interp(share, self._cumulative, np.arange(len(self._cumulative)))
        before = np.minimum(month, self.tenor_months) / self.tenor_months * tenor
        found: FloatArray = before + np.maximum(month - self.tenor_months, 0) * _MONTH
        return found

    @property
    def _cumulative(self) -> FloatArray:
        return np.concatenate(([0.0], np.cumsum(self.default_shares)))


@dataclass(frozen=True)
class Lives:
    """Where guarantees stand in their lives today: age, tenor and days past due, in days.

    `unseen` is for how many days back a default may have begun that shows in no report yet.
    """

    age: FloatArray
    tenor: FloatArray
    past_due: FloatArray
    unseen: FloatArray

    def claimed_within(
        self, timing: Timing, probabilities: FloatArray, horizon_days: int, first: int, last: int
    ) -> FloatArray:
        """The probability of a claim after day `first` and up to day `last`, today being 0.

        Args:
            probabilities: of a claim within `horizon_days` from today.
        """
        whole = self._weight(timing, 0, horizon_days)
        by_curve = [
            self._weight(timing, 0, day) / np.maximum(whole, _NOTHING) for day in (first, last)
        ]
        part = [
            np.where(whole > _NOTHING, share, day / horizon_days)
            for share, day in zip(by_curve, (first, last), strict=True)
        ]
        calm = np.log1p(-np.minimum(probabilities, _ALMOST_CERTAIN))
        by = [-np.expm1(calm * share) for share in part]
        due = self._due(timing)
        is_due = (due > first) & (due <= last)
        found: FloatArray = np.where(
            self._in_default(timing), probabilities * is_due, by[1] - by[0]
        )
        return found

    def claim_days(self, timing: Timing, first: int, last: int) -> FloatArray:
        """Quantiles of the day of a claim that falls after `first` and up to `last`.

        Counted from `first`; a row for each guarantee, as `Pool.claim_days` wants them. A loan that
        the curve says nothing of may be claimed on any day alike.
        """
        chance = np.linspace(0, 1, _QUANTILES)[None, :]
        low, high = self._share(timing, first), self._share(timing, last)
        share = low[:, None] + chance * (high - low)[:, None]
        age = timing.age_at(share, np.broadcast_to(self.tenor[:, None], share.shape))
        day = age + timing.grace_days - self.age[:, None] - first
        even = np.broadcast_to(chance * (last - first), day.shape)
        day = np.where((high - low > _NOTHING)[:, None], day, even)
        due = (self._due(timing) - first - 0.5)[:, None]
        day = np.where(self._in_default(timing)[:, None], due, day)
        found: FloatArray = np.maximum.accumulate(np.clip(day, 0, last - first), axis=1)
        return found

    def _share(self, timing: Timing, day: int) -> FloatArray:
        """The share of defaults whose claim comes by a day, or that would have been seen."""
        back = np.minimum(timing.grace_days - day, self.unseen)
        return timing.defaulted_by(self.age - back, self.tenor)

    def _weight(self, timing: Timing, first: int, last: int) -> FloatArray:
        return self._share(timing, last) - self._share(timing, first)

    def _in_default(self, timing: Timing) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return self.past_due >= timing.in_default_from_days

    def _due(self, timing: Timing) -> FloatArray:
        """The day on which the grace of one in default is over; tomorrow where it was already."""
        found: FloatArray = np.maximum(timing.grace_days - self.past_due, 1)
        return found


_KEYS = ("tenor_months", "default_shares", "grace_days", "in_default_from_days")
_TEXTS = ("source", "assumption")


def read_timing(folder: Path = SHIPPED) -> Timing:
    """The timing of a policy folder.

    Raises:
        PolicyError: the file is missing or wrong; the text names file, key and remedy.
    """
    path = folder / "portfolio.toml"
    body = read_toml(path).get("timing")
    if not isinstance(body, dict):
        raise PolicyError(f"{path}: [timing] is missing; write {', '.join(_KEYS)}")
    for key in body:
        if key not in (*_KEYS, *_TEXTS):
            raise PolicyError(f"{path}: timing.{key} is no key here; known are {', '.join(_KEYS)}")
    shares = body.get("default_shares")
    if not isinstance(shares, list) or not shares:
        raise PolicyError(f"{path}: timing.default_shares must be a list, a share for each month")
    exact = [fraction(path, "timing.default_shares", share) for share in shares]
    if sum(exact) != 1:
        raise PolicyError(f"{path}: timing.default_shares sum to {sum(exact)}, must sum to 1")
    tenor, grace, late = (_days(path, key, body.get(key)) for key in _KEYS if key != _KEYS[1])
    if not 1 <= tenor <= len(exact):
        raise PolicyError(f"{path}: timing.tenor_months is {tenor}, must be 1 to {len(exact)}")
    return Timing(tuple(map(float, exact)), tenor, grace, late)


def _days(path: Path, key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise PolicyError(f"{path}: timing.{key} is {value!r}; write a whole number from 0 on")
    return value
