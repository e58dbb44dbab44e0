"""What the guarantees in force are expected to cost, as far as an institution sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import Any

from vouch import clock
from vouch.book.book import Known
from vouch.bootstrap import Vouch
from vouch.domain.access import Caller, Institution, Level
from vouch.domain.stage import Stage
from vouch.errors import FactsError, FieldFault
from vouch.monitoring.expectation.assumptions import read_assumptions
from vouch.monitoring.expectation.book import forecast_book
from vouch.monitoring.expectation.guarantees import expected_by_guarantee, totals
from vouch.monitoring.expectation.in_force import (
    Guarantee,
    Probabilities,
    guarantees_in_force,
    scored,
)
from vouch.monitoring.measures.view import View
from vouch.service.refusals import Refusal

_KEPT = 4


@dataclass(frozen=True)
class _Ahead:
    """Every guarantee in force on a day, with its probability."""

    known: Known
    guarantees: list[Guarantee]
    chances: Probabilities


class Outlook:
    """Looks ahead over the book; a look is kept until the book or the model changes.

    Args:
        vouch: the parts.
    """

    def __init__(self, vouch: Vouch) -> None:
        self._vouch = vouch
        self._lock = Lock()
        self._kept: dict[tuple[date, str, str], _Ahead] = {}
        self._simulated: dict[tuple[date, str, str], dict[str, Any]] = {}

    def expectation(self, as_of: date | None, caller: Caller) -> dict[str, Any]:
        """Sums by party over one's own guarantees; for the province also capped portfolios.

        Raises:
            Refusal: there is no book, or no model.
            FactsError: the day has not come.
        """
        today = clock.today()
        if as_of is not None and not date(1900, 1, 1) <= as_of <= today:
            raise FactsError([FieldFault("as_of", f"give a day from 1900-01-01 to {today}")])
        key, ahead = self._look(as_of or today)
        own = _own(ahead.guarantees, caller.institution)
        each = expected_by_guarantee(self._vouch.policy, own, ahead.chances, ahead.known.as_of)
        is_all = caller.institution.level is Level.PROVINCE
        return {
            "as_of": ahead.known.as_of.isoformat(),
            "probabilities": ahead.chances.source,
            "horizon_days": ahead.chances.horizon_days,
            "in_force": len(own),
            "expected_compensation": {n: f"{amount:.2f}" for n, amount in totals(each).items()},
            "capped": self._capped(key, ahead) if is_all else None,
        }

    def _look(self, day: date) -> tuple[tuple[date, str, str], _Ahead]:
        book = self._vouch.held_book.book()
        bundle = self._vouch.champions.held.get(Stage.POST_LOAN)
        if book is None:
            raise Refusal(404, "this service has no book")
        if bundle is None:
            raise Refusal(503, "no post-loan model is loaded")
        key = (day, book.fingerprint(), bundle.hash)
        with self._lock:  # one look at a time: it reads the whole book
            if key not in self._kept:
                known = book.known(day)
                guarantees = guarantees_in_force(View(known))
                self._kept[key] = _Ahead(known, guarantees, scored(known, bundle, guarantees))
                while len(self._kept) > _KEPT:
                    oldest = next(iter(self._kept))
                    self._kept.pop(oldest)
                    self._simulated.pop(oldest, None)
            return key, self._kept[key]

    def _capped(self, key: tuple[date, str, str], ahead: _Ahead) -> dict[str, Any]:
        with self._lock:
            if key not in self._simulated:
                policy = self._vouch.policy
                assumptions = read_assumptions(policy.folder)
                found = forecast_book(ahead.known, policy, ahead.chances, assumptions=assumptions)
                self._simulated[key] = found.answer()
            return self._simulated[key]


def _own(guarantees: Sequence[Guarantee], institution: Institution) -> list[Guarantee]:
    return [g for g in guarantees if institution.sees(g.terms.guarantor, g.terms.lender)]
