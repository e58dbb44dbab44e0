"""From cases as they came to decisions: from the book, or from the facts that a case brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from vouch import clock
from vouch.domain.access import Institution, Level
from vouch.domain.stage import Stage
from vouch.errors import FactsError, FieldFault, NotFoundError
from vouch.features.asof import Current
from vouch.features.facts import EPOCH, Cases, Facts, to_days
from vouch.features.spine import application_days
from vouch.monitoring.held_book import HeldBook
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.decision import Decision, decide
from vouch.service.given import GivenCase, batches, future, given_case, named
from vouch.service.payloads import FactsCase, KnownCase
from vouch.service.refusals import Refusal, wrong_fields

Case = KnownCase | FactsCase


@dataclass(frozen=True)
class Placed:
    """A case with its place in the request: "" for one alone, "[3]." in a list."""

    place: str
    case: Case


class Deciding:
    """Decides cases; stores nothing.

    Args:
        book: what is known of guarantees and portfolios.
        policy: in force, unless another is asked for.
    """

    def __init__(self, book: HeldBook, policy: Policy) -> None:
        self._book = book
        self._policy = policy

    def decide(
        self,
        bundle: Bundle,
        asked: Sequence[Placed],
        institution: Institution,
        policy: Policy | None = None,
    ) -> list[Decision]:
        """Decisions in the order of the cases, under another policy where one is given.

        Raises:
            Refusal: the book does not know a guarantee, or it is another institution's.
            FactsError: facts of a case are wrong, or its scheme does not answer.
        """
        today = clock.today()
        known = [i for i, one in enumerate(asked) if isinstance(one.case, KnownCase)]
        decided = self._known(bundle, [asked[i] for i in known], today, institution, policy)
        found = dict(zip(known, decided, strict=True))
        given = [
            self.set_apart(case, institution)
            for case in _given(asked, bundle.stage, today, institution)
        ]
        places = {i: one.place for i, one in enumerate(asked)}
        found |= self.from_facts(bundle, given, places, policy)
        return [found[i] for i in range(len(asked))]

    def from_facts(
        self,
        bundle: Bundle,
        given: Sequence[GivenCase],
        places: Mapping[int, str],
        policy: Policy | None = None,
    ) -> dict[int, Decision]:
        """Decisions by the cases' numbers, in as few strokes as their facts allow."""
        found: dict[int, Decision] = {}
        for batch in batches(given):
            days = [to_days(case.as_of) for case in batch.cases]
            cases = Cases([case.guarantee_id for case in batch.cases], np.array(days))
            schemes = [case.scheme for case in batch.cases]
            here = [places[case.number] for case in batch.cases]
            decided = self._decided(bundle, cases, batch.facts(), schemes, here, policy)
            found |= {c.number: d for c, d in zip(batch.cases, decided, strict=True)}
        return found

    def set_apart(self, case: GivenCase, institution: Institution) -> GivenCase:
        """Keep a guarantee that is named but not the caller's apart from the book's of that name.

        Otherwise the score would tell whether another institution has it.
        """
        if institution.level is Level.PROVINCE or not named(case.guarantee_id):
            return case
        owners = self._book.owners()
        is_own = owners is None or owners.is_own(case.guarantee_id, institution)
        return case if is_own else case.apart()

    def _known(
        self,
        bundle: Bundle,
        asked: Sequence[Placed],
        today: date,
        institution: Institution,
        policy: Policy | None,
    ) -> list[Decision]:
        if not asked:
            return []
        known = [(one.place, one.case) for one in asked if isinstance(one.case, KnownCase)]
        places = [place for place, _ in known]
        ids = [case.guarantee_id for _, case in known]
        book = self._book.book()
        if book is None:
            raise _unknown(places, "this service has no book; send the facts themselves")
        # Read once as of today: for each case the engine leaves out what came after its own day.
        facts = Facts.of(book.known(today), ids)
        days = [case.as_of for _, case in known]
        is_own = _own_rows(facts, ids, today, institution)
        as_of = _as_of(facts, ids, days, bundle.stage, today)
        # of another's not even the day it was applied for shows
        cases = Cases(ids, np.where(is_own, as_of, _as_of(facts, ids, days, None, today)))
        faults = [
            FieldFault(place + fault.field, fault.reason)
            for place, day in zip(places, cases.as_of.tolist(), strict=True)
            for fault in future(EPOCH + timedelta(days=day), today)
        ]
        if faults:
            raise wrong_fields(faults)
        _refuse_unknown(facts, cases, places, is_own)
        schemes = [case.scheme for _, case in known]
        return self._decided(bundle, cases, facts, schemes, places, policy)

    def _decided(
        self,
        bundle: Bundle,
        cases: Cases,
        facts: Facts,
        schemes: Sequence[str | None],
        places: Sequence[str],
        policy: Policy | None,
    ) -> list[Decision]:
        try:
            return decide(
                bundle,
                policy or self._policy,
                cases,
                facts,
                self._book.portfolio(),
                schemes,
                self._book.recent_states,
            )
        except FactsError as error:
            raise FactsError([_replaced(fault, places) for fault in error.faults]) from error
        except NotFoundError as error:
            raise _unknown(places, str(error)) from error


def _given(
    asked: Sequence[Placed], stage: Stage, today: date, institution: Institution
) -> list[GivenCase]:
    """The cases that bring their facts.

    Raises:
        FactsError: of any of them; all faults are named.
    """
    found, faults = [], []
    for i, one in enumerate(asked):
        if isinstance(one.case, FactsCase):
            try:
                found.append(given_case(one.case, i, stage, today, institution))
            except FactsError as error:
                faults += [FieldFault(one.place + f.field, f.reason) for f in error.faults]
    if faults:
        raise FactsError(faults)
    return found


def _as_of(
    facts: Facts, ids: Sequence[str], days: Sequence[date | None], stage: Stage | None, today: date
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The day of each case: as asked, else its application's, else today."""
    default = np.full(len(ids), to_days(today))
    if stage is Stage.PRE_LOAN:
        applied = application_days(facts, ids)
        default = np.where(np.isnan(applied), default, applied)
    asked = [np.nan if day is None else to_days(day) for day in days]
    return np.where(np.isnan(asked), default, asked)


def _own_rows(
    facts: Facts, ids: Sequence[str], today: date, institution: Institution
) -> list[bool]:
    """Whether each guarantee is the institution's, as the book has it today."""
    if institution.level is Level.PROVINCE:
        return [True] * len(ids)
    days = np.full(len(ids), to_days(today))
    now = Current.of(facts.tables["guarantee"].history(ids, days))
    owners = zip(now.text("guarantor_id"), now.text("lender_id"), strict=True)
    return [institution.sees(guarantor, lender) for guarantor, lender in owners]


def _refuse_unknown(
    facts: Facts, cases: Cases, places: Sequence[str], is_own: Sequence[bool]
) -> None:
    """Refuse what the book does not know and what is another institution's, in the same words."""
    rows = Current.of(facts.tables["guarantee"].history(cases.guarantee_ids, cases.as_of)).rows
    rows = np.where(is_own, rows, -1)
    missing = [
        FieldFault(f"{places[i]}guarantee_id", f"the book knows none of this identifier on {day}")
        for i in np.flatnonzero(rows < 0).tolist()
        for day in [EPOCH + timedelta(days=float(cases.as_of[i]))]
    ]
    if missing:
        raise Refusal(404, "the book does not know every guarantee asked for", missing)


def _unknown(places: Sequence[str], reason: str) -> Refusal:
    return Refusal(404, reason, [FieldFault(f"{place}guarantee_id", reason) for place in places])


def _replaced(fault: FieldFault, places: Sequence[str]) -> FieldFault:
    """A fault of the n-th case decided, moved to that case's place in the request."""
    number, _, field = fault.field.removeprefix("[").partition("].")
    return FieldFault(places[int(number)] + field, fault.reason)
