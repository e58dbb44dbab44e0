"""What a guarantee would cost whom, under its own risk-sharing scheme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from vouch.domain.risk_sharing import Party, Scheme, expected_compensation
from vouch.errors import PolicyError
from vouch.policy.reading import Policy


@dataclass(frozen=True)
class Expected:
    """Expected compensation in yuan by party; `is_assumed` where the scheme is the default one."""

    scheme: str
    is_assumed: bool
    by_party: dict[Party, Decimal]

    @property
    def total(self) -> Decimal:
        """Over all parties."""
        return sum(self.by_party.values(), Decimal(0))


class Schemes:
    """Risk-sharing schemes looked up for many guarantees, with the default for unknown ones.

    Args:
        policy: where the schemes are.
        as_of: the default scheme may be younger than a guarantee; then its version of this day
            stands in.
    """

    def __init__(self, policy: Policy, as_of: date) -> None:
        self._policy = policy
        self._as_of = as_of
        self._find = cache(self._look_up)

    def expected(
        self, name: str | None, start: date | None, probability: float, exposure: Decimal
    ) -> Expected:
        """Expected compensation of one guarantee; `exposure` is the whole loan still owed."""
        scheme, is_assumed = self._find(name, start or self._as_of)
        loss = self._policy.loss_given_default
        shared = expected_compensation(scheme, probability, exposure, loss)
        return Expected(scheme.name, is_assumed, shared)

    def _look_up(self, name: str | None, start: date) -> tuple[Scheme, bool]:
        if name is not None:
            try:
                return self._policy.scheme(name, start), False
            except PolicyError:
                pass  # an alert with an assumed split is worth more than none; it says so
        try:
            return self._policy.scheme(None, start), True
        except PolicyError:
            return self._policy.scheme(None, self._as_of), True
