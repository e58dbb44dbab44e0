"""What is done with decisions made: explained, shown with their case, reviewed, made again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from vouch import clock
from vouch.book.case import case_facts
from vouch.bootstrap import Vouch
from vouch.domain.access import Caller
from vouch.domain.masking import masked, masked_name
from vouch.domain.review import (
    Review,
    ReviewAct,
    ReviewEvent,
    check_act,
    needs_second,
    review_of,
)
from vouch.errors import FactsError, FieldFault, NotFoundError
from vouch.monitoring.replay import replay
from vouch.policy.reviews import read_review_terms
from vouch.service.asks import ConfirmBody, OverrideBody, ReviewBody
from vouch.service.desk import Desk
from vouch.service.explanation import Explanation, explanation
from vouch.service.refusals import Refusal
from vouch.service.rows import shown
from vouch.store.audit import AuditEntry
from vouch.store.decisions import DecisionRecord
from vouch.store.reviews import Events
from vouch.store.shadows import ShadowScore

_LISTED = 200
_SHORTEST_PURPOSE = 5


class Dossier:
    """Decisions that were made.

    Args:
        vouch: the parts.
        desk: whose decisions a caller sees.
    """

    def __init__(self, vouch: Vouch, desk: Desk) -> None:
        self._vouch = vouch
        self._desk = desk
        self._terms = read_review_terms(vouch.settings.policy)

    def case(self, decision_id: str, caller: Caller) -> dict[str, Any]:
        """What was asked, with personal identifiers masked."""
        record = self._desk.own(decision_id, caller)
        return _case(record) | {"case": masked(record.request), "masked": True}

    def reveal(self, decision_id: str, purpose: str, caller: Caller) -> dict[str, Any]:
        """What was asked, unmasked; who looked and what for is logged first.

        Raises:
            FactsError: no purpose is stated.
        """
        record = self._desk.own(decision_id, caller)
        self._note_purpose(record, purpose, caller)
        return _case(record) | {"case": record.request, "masked": False}

    def explained(self, decision_id: str, purpose: str | None, caller: Caller) -> Explanation:
        """The decision in plain words; the applicant's name in full only for a purpose.

        Raises:
            Refusal: the caller's role may not see names in full.
            FactsError: the purpose says nothing.
        """
        record = self._desk.own(decision_id, caller)
        name = self._name(record)
        if purpose is None:
            return explanation(_shown(record, caller), masked_name(name) if name else None)
        if not self._vouch.access.allows(caller.role, "reveal"):
            raise Refusal(403, f"the role {caller.role} may not see names in full")
        self._note_purpose(record, purpose, caller)
        return explanation(_shown(record, caller), name)

    def printed(self, decision_id: str, purpose: str | None, caller: Caller) -> bytes:
        """The explanation as a PDF; the same decision gives the same file."""
        from vouch.service.paper import as_pdf

        found = self.explained(decision_id, purpose, caller)
        return as_pdf(found, self._desk.own(decision_id, caller).made_at)

    def replayed(self, decision_id: str, caller: Caller) -> dict[str, Any]:
        """The decision made again from the archived model and policy."""
        record = self._desk.own(decision_id, caller)
        found = replay(self._vouch.store().decisions, [record])
        return {
            "decision_id": decision_id,
            "identical": found.identical == 1,
            "differences": [
                {"what": one.what, "then": str(one.then), "now": str(one.now)}
                for one in found.differing
            ],
            "not_replayable": next(iter(found.not_replayable), None),
        }

    def shadow(self, decision_id: str, caller: Caller) -> dict[str, Any]:
        """What challengers would have said of the decision."""
        record = self._desk.own(decision_id, caller)
        found = self._vouch.store().shadows.of(record.decision_id)
        names = [name for name in ShadowScore.__dataclass_fields__ if name != "decision_id"]
        scores = [
            {name: getattr(one, name) for name in names} | {"at": one.at.isoformat()}
            for one in found
        ]
        return {"decision_id": record.decision_id, "shadow": scores}

    def ask_review(self, decision_id: str, body: ReviewBody, caller: Caller) -> dict[str, Any]:
        """Ask a person to look at a decision.

        Raises:
            ConflictError: it was asked for already.
        """
        record = self._desk.own(decision_id, caller)
        event = _event(str(uuid.uuid4()), decision_id, ReviewAct.REQUEST, body.reason, caller)
        self._vouch.store().reviews.request(event)
        return self._answer([event], record)

    def reviews(self, caller: Caller) -> dict[str, Any]:
        """The reviews the caller's institution sees, the newest first."""
        found = self._vouch.store().reviews.every(caller, _LISTED)
        decisions = self._vouch.store().decisions
        records = {r.decision_id: r for r in decisions.many([e[0].decision_id for e in found])}
        return {"reviews": [self._answer(e, records[e[0].decision_id]) for e in found]}

    def review(self, review_id: str, caller: Caller) -> dict[str, Any]:
        """A review with everything done in it."""
        return self._answer(*self._own_review(review_id, caller))

    def decide_review(self, review_id: str, body: OverrideBody, caller: Caller) -> dict[str, Any]:
        """A person's decision, with a reason from the policy.

        Raises:
            ConflictError: the review is not open.
            FactsError: the policy knows no such reason.
        """
        codes = [code for code, _, _ in self._terms.reasons]
        if body.reason_code not in codes:
            raise FactsError([FieldFault("reason_code", f"the reasons are {', '.join(codes)}")])
        events, record = self._own_review(review_id, caller)
        event = _event(
            review_id,
            events[0].decision_id,
            ReviewAct.DECIDE,
            body.note,
            caller,
            body.outcome,
            body.reason_code,
        )
        return self._act(event, record)

    def confirm_review(self, review_id: str, body: ConfirmBody, caller: Caller) -> dict[str, Any]:
        """The second pair of eyes: agree, or send the review back.

        Raises:
            ConflictError: nothing waits for it, or it is the same person.
        """
        events, record = self._own_review(review_id, caller)
        act = ReviewAct.CONFIRM if body.agree else ReviewAct.SEND_BACK
        return self._act(_event(review_id, events[0].decision_id, act, body.note, caller), record)

    def _act(self, event: ReviewEvent, record: DecisionRecord) -> dict[str, Any]:
        def check(events: Events) -> None:
            check_act(self._review(events, record), event.act, event.actor)

        return self._answer(self._vouch.store().reviews.act(event, check), record)

    def _own_review(self, review_id: str, caller: Caller) -> tuple[Events, DecisionRecord]:
        events = self._vouch.store().reviews.one(review_id)
        record = self._vouch.store().decisions.one(events[0].decision_id) if events else None
        if record is None or not caller.institution.sees(record.guarantor_id, record.lender_id):
            raise Refusal(404, "there is no review of this identifier")
        return events, record

    def _review(self, events: Events, record: DecisionRecord) -> Review:
        exposure = Decimal(record.answer["expected_compensation"]["exposure"])
        return review_of(events, self._terms, needs_second(exposure, self._terms))

    def _answer(self, events: Events, record: DecisionRecord) -> dict[str, Any]:
        found = self._review(events, record)
        return {
            "review_id": found.review_id,
            "decision_id": found.decision_id,
            "state": found.state.value,
            "due_at": found.due_at.isoformat(),
            "outcome": found.outcome,
            "model_band": record.answer["band"],
            "events": [_written(event) for event in found.events],
        }

    def _name(self, record: DecisionRecord) -> str | None:
        given = (record.request.get("borrower") or {}).get("name")
        book = self._vouch.held_book.book()
        if given or book is None or not record.guarantee_id or "guarantee" in record.request:
            return given
        try:
            known = case_facts(book, record.guarantee_id, record.as_of)
        except NotFoundError:
            return None
        name: str | None = (known.get("borrower") or {}).get("name")
        return name

    def _note_purpose(self, record: DecisionRecord, purpose: str, caller: Caller) -> None:
        if len(purpose.strip()) < _SHORTEST_PURPOSE or not purpose.isprintable():
            raise FactsError(
                [FieldFault("purpose", f"say what for, in {_SHORTEST_PURPOSE} letters or more")]
            )
        detail = {"purpose": purpose.strip()}
        entry = AuditEntry(clock.now(), caller.id, "reveal", record.decision_id, detail)
        self._vouch.store().audit.add(entry)


def _shown(record: DecisionRecord, caller: Caller) -> Mapping[str, Any]:
    return shown(record.answer, caller.institution)


def _case(record: DecisionRecord) -> dict[str, Any]:
    return {"decision_id": record.decision_id, "request_hash": record.request_hash}


def _event(
    review_id: str,
    decision_id: str,
    act: ReviewAct,
    note: str,
    caller: Caller,
    outcome: str | None = None,
    reason_code: str | None = None,
) -> ReviewEvent:
    return ReviewEvent(
        review_id,
        decision_id,
        act,
        clock.now(),
        caller.id,
        caller.role.value,
        note,
        outcome,
        reason_code,
    )


def _written(event: ReviewEvent) -> dict[str, Any]:
    return {
        "act": event.act.value,
        "at": event.at.isoformat(),
        "actor": event.actor,
        "role": event.role,
        "note": event.note,
        "outcome": event.outcome,
        "reason_code": event.reason_code,
    }
