"""From validated cases to decisions that are stored before they are answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from vouch import clock
from vouch.book.case import case_facts
from vouch.bootstrap import Vouch
from vouch.domain.access import Caller, Institution, Level
from vouch.domain.stage import Stage
from vouch.errors import FactsError, FieldFault, NotFoundError
from vouch.features.asof import Current
from vouch.features.facts import EPOCH, Cases, Facts, to_days
from vouch.features.spine import application_days
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle, packed
from vouch.scoring.decision import Decision, decide
from vouch.service.gate import Gate
from vouch.service.given import GivenCase, batches, future, given_case, named
from vouch.service.payloads import FactsCase, KnownCase
from vouch.service.records import Asked, asked_of, once_of, record_of
from vouch.service.refusals import Refusal, wrong_fields
from vouch.service.rows import shown
from vouch.store.decisions import DecisionRecord, Once

if TYPE_CHECKING:
    from vouch.service.dossier import Dossier
    from vouch.service.outlook import Outlook
    from vouch.service.what_if import WhatIf

Case = KnownCase | FactsCase


@dataclass(frozen=True)
class _Placed:
    """A case with its place in the request: "" for one alone, "[3]." in a list."""

    place: str
    case: Case


@dataclass(frozen=True)
class Lone:
    """One case that brings its facts, asked alone; it may be decided together with others'."""

    stage: Stage
    given: GivenCase
    asked: Asked
    caller: Caller
    once: Once | None


class Desk:
    """Decides what is asked with the models in use.

    Args:
        vouch: the parts.
    """

    def __init__(self, vouch: Vouch) -> None:
        self._vouch = vouch
        self.gate = Gate(vouch.store, vouch.access, vouch.settings)
        self._archived: set[str] = set()
        self._numbers = count()
        policy = vouch.policy_snapshot
        self._keep("policy", policy.hash, lambda: policy.content)

    @cached_property
    def dossier(self) -> Dossier:
        """What is done with decisions made."""
        from vouch.service.dossier import Dossier

        return Dossier(self._vouch, self)

    @cached_property
    def questions(self) -> WhatIf:
        """What would be."""
        from vouch.service.what_if import WhatIf

        return WhatIf(self._vouch, self)

    @cached_property
    def outlook(self) -> Outlook:
        """What is to come."""
        from vouch.service.outlook import Outlook

        return Outlook(self._vouch)

    def score(
        self, stage: Stage, cases: Case | list[Case], caller: Caller, key: str | None = None
    ) -> Any:
        """Decide one case or a list, store the decisions, and only then answer.

        Args:
            key: makes requests of one caller the same request: it is decided once.

        Raises:
            Refusal: a case cannot be decided; then none is.
            ConflictError: the key came before with another request.
            StoreError: the decisions could not be stored.
        """
        asked = (
            [_Placed(f"[{i}].", case) for i, case in enumerate(cases)]
            if isinstance(cases, list)
            else [_Placed("", cases)]
        )
        requests = [asked_of(one.case) for one in asked]
        once = once_of(stage, requests, isinstance(cases, list), caller, key)
        decisions = self._vouch.store().decisions
        made = decisions.earlier(once) if once else None
        if made is None:
            made = self._made(stage, asked, requests, caller)
            made = decisions.add(made, clock.now(), once)
        answers = [shown(record.answer, caller.institution) for record in made]
        return answers if isinstance(cases, list) else answers[0]

    def lone(self, stage: Stage, case: FactsCase, caller: Caller, key: str | None) -> Lone | None:
        """The case as one that can be decided from memory, None where it cannot.

        Raises:
            FactsError: facts contradict each other or lie after the day they are to be seen on.
        """
        today, bundle = clock.today(), self._vouch.champions.held.get(stage)
        if bundle is None or bundle.hash not in self._archived or not self._vouch.holds(today):
            return None
        given = given_case(case, next(self._numbers), stage, today, caller.institution)
        if not self._vouch.holds_state(given.as_of, today):
            return None
        asked = asked_of(case)
        once = once_of(stage, [asked], False, caller, key)
        return Lone(stage, self._set_apart(given, caller.institution), asked, caller, once)

    def decide_together(self, lone: Sequence[Lone]) -> list[DecisionRecord]:
        """Decide cases of one stage, of whichever callers, without a look at book or store.

        Raises:
            FactsError: a case names a scheme that does not answer; "[3].scheme" tells which.
        """
        bundle = self._bundle(lone[0].stage)
        places = {one.given.number: f"[{i}]." for i, one in enumerate(lone)}
        found = self._from_facts(bundle, [one.given for one in lone], places)
        policy_hash = self._vouch.policy_snapshot.hash
        return [
            record_of(one.asked, found[one.given.number], one.caller, policy_hash) for one in lone
        ]

    def keep_together(self, lone: Sequence[Lone], made: Sequence[DecisionRecord]) -> bool:
        """Store decisions, all or none; False where a key was seen before.

        Raises:
            StoreError: they could not be stored.
        """
        requests = [([record], one.once) for one, record in zip(lone, made, strict=True)]
        return self._vouch.store().decisions.add_together(requests, clock.now())

    def _made(
        self,
        stage: Stage,
        asked: Sequence[_Placed],
        requests: Sequence[Asked],
        caller: Caller,
    ) -> Sequence[DecisionRecord]:
        bundle = self._bundle(stage)
        decided = self._decide(bundle, asked, caller.institution)
        policy_hash = self._vouch.policy_snapshot.hash
        return [
            record_of(request, decision, caller, policy_hash)
            for request, decision in zip(requests, decided, strict=True)
        ]

    def decide(
        self,
        stage: Stage,
        cases: Sequence[Case],
        institution: Institution,
        policy: Policy | None = None,
    ) -> list[Decision]:
        """Decide cases without storing anything, under another policy where one is given.

        Raises:
            Refusal: a case cannot be decided.
        """
        asked = [_Placed("", case) for case in cases]
        return self._decide(self._bundle(stage), asked, institution, policy)

    def signs(self, stage: Stage) -> Mapping[str, int]:
        """Which way each feature of a stage's model may move the risk."""
        return self._bundle(stage).spec.signs

    def with_facts(self, stage: Stage, case: Case, institution: Institution) -> FactsCase:
        """A case with its facts, from the book where it only names a guarantee.

        Raises:
            Refusal: the book does not know the guarantee, or it is another institution's.
        """
        if isinstance(case, FactsCase):
            return case
        (decision,) = self.decide(stage, [case], institution)
        book = self._vouch.book()
        assert book is not None  # noqa: S101 - it was decided from the book
        facts = case_facts(book, case.guarantee_id, decision.as_of)
        return FactsCase.model_validate_json(json.dumps(facts | _asked(case), default=str))

    def decision(self, decision_id: str, caller: Caller) -> dict[str, Any]:
        """The answer given before under this identifier.

        Raises:
            Refusal: there is none, or it is another institution's; the two look alike.
        """
        return shown(self.own(decision_id, caller).answer, caller.institution)

    def own(self, decision_id: str, caller: Caller) -> DecisionRecord:
        """A decision of the caller's institution.

        Raises:
            Refusal: there is none, or it is another institution's; the two look alike.
        """
        found = self._vouch.store().decisions.one(decision_id)
        if found is None or not caller.institution.sees(found.guarantor_id, found.lender_id):
            raise Refusal(404, "there is no decision of this identifier")
        return found

    def models(self) -> dict[str, Any]:
        """The models in use."""
        held = self._vouch.champions.held
        return {
            "models": [_version(held[stage]) for stage in Stage if stage in held],
            "policy_hash": self._vouch.policy_snapshot.hash,
        }

    def _bundle(self, stage: Stage) -> Bundle:
        bundle = self._vouch.champions.held.get(stage)
        if bundle is None:
            raise Refusal(
                503,
                f"no {stage.slug} model is loaded; promote one with `vouch promote {stage.value} "
                "--version V`, the service follows",
            )
        self._keep("model", bundle.hash, lambda: packed(bundle))
        return bundle

    def _keep(self, kind: str, hash_: str, content: Callable[[], bytes]) -> None:
        """Archive what decisions stand on before the first of them is made."""
        if hash_ not in self._archived:
            decisions = self._vouch.store().decisions
            if decisions.archived(kind, hash_) is None:
                decisions.archive(kind, hash_, content(), clock.now())
            self._archived.add(hash_)

    def _decide(
        self,
        bundle: Bundle,
        asked: Sequence[_Placed],
        institution: Institution,
        policy: Policy | None = None,
    ) -> list[Decision]:
        today = clock.today()
        known = [i for i, one in enumerate(asked) if isinstance(one.case, KnownCase)]
        decided = self._known(bundle, [asked[i] for i in known], today, institution, policy)
        found = dict(zip(known, decided, strict=True))
        given = [
            self._set_apart(case, institution)
            for case in _given(asked, bundle.stage, today, institution)
        ]
        places = {i: one.place for i, one in enumerate(asked)}
        found |= self._from_facts(bundle, given, places, policy)
        return [found[i] for i in range(len(asked))]

    def _from_facts(
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

    def _set_apart(self, case: GivenCase, institution: Institution) -> GivenCase:
        """Keep a guarantee that is named but not the caller's apart from the book's of that name.

        Otherwise the score would tell whether another institution has it.
        """
        if institution.level is Level.PROVINCE or not named(case.guarantee_id):
            return case
        owners = self._vouch.owners()
        is_own = owners is None or owners.is_own(case.guarantee_id, institution)
        return case if is_own else case.apart()

    def _known(
        self,
        bundle: Bundle,
        asked: Sequence[_Placed],
        today: date,
        institution: Institution,
        policy: Policy | None,
    ) -> list[Decision]:
        if not asked:
            return []
        known = [(one.place, one.case) for one in asked if isinstance(one.case, KnownCase)]
        places = [place for place, _ in known]
        ids = [case.guarantee_id for _, case in known]
        book = self._vouch.book()
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
                policy or self._vouch.policy,
                cases,
                facts,
                self._vouch.portfolio(),
                schemes,
                self._vouch.recent_states,
            )
        except FactsError as error:
            raise FactsError([_replaced(fault, places) for fault in error.faults]) from error
        except NotFoundError as error:
            raise _unknown(places, str(error)) from error


def _asked(case: KnownCase) -> dict[str, Any]:
    return {} if case.scheme is None else {"scheme": case.scheme}


def _given(
    asked: Sequence[_Placed], stage: Stage, today: date, institution: Institution
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


def _version(bundle: Bundle) -> dict[str, Any]:
    return {
        "stage": bundle.stage.value,
        "name": bundle.stage.model_name,
        "version": bundle.version,
        "hash": bundle.hash,
        "known_until": bundle.training.known_until.isoformat(),
        "features": len(bundle.encoder.names),
    }
