"""From validated cases to decisions that are stored before they are answered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

from vouch import clock
from vouch.book.case import case_facts
from vouch.bootstrap import Vouch
from vouch.domain.access import Caller, Institution
from vouch.domain.stage import Stage
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle, packed
from vouch.scoring.decision import Decision
from vouch.service.deciding import Case, Deciding, Placed
from vouch.service.gate import Gate
from vouch.service.given import GivenCase, given_case
from vouch.service.payloads import FactsCase, KnownCase
from vouch.service.records import Asked, asked_of, once_of, record_of
from vouch.service.refusals import Refusal
from vouch.service.rows import shown
from vouch.service.shadow import Shadow
from vouch.store.decisions import DecisionRecord, Once

if TYPE_CHECKING:
    from vouch.service.dossier import Dossier
    from vouch.service.outlook import Outlook
    from vouch.service.what_if import WhatIf


# So many writes in a row that take longer than this are a slow disk's: writing is left to another
# thread for a while.
_SLOW_SECONDS, _SLOW_IN_A_ROW = 0.1, 3
_LEFT_ALONE_SECONDS = 5.0


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
        self._deciding = Deciding(vouch.held_book, vouch.policy)
        self.gate = Gate(vouch.store, vouch.access, vouch.settings)
        self.shadow = Shadow(self._deciding, vouch.challengers, vouch.store)
        self._archived: set[str] = set()
        self._slow_writes, self._slow_until = 0, 0.0
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
        self,
        stage: Stage,
        cases: Case | list[Case],
        caller: Caller,
        key: str | None = None,
        requests: Sequence[Asked] | None = None,
    ) -> Any:
        """Decide one case or a list, store the decisions, and only then answer.

        Args:
            key: makes requests of one caller the same request: it is decided once.
            requests: the cases as they were sent, where that is known.

        Raises:
            Refusal: a case cannot be decided; then none is.
            ConflictError: the key came before with another request.
            StoreError: the decisions could not be stored.
        """
        asked = (
            [Placed(f"[{i}].", case) for i, case in enumerate(cases)]
            if isinstance(cases, list)
            else [Placed("", cases)]
        )
        requests = requests or [asked_of(one.case) for one in asked]
        once = once_of(stage, requests, isinstance(cases, list), caller, key)
        decisions = self._vouch.store().decisions
        made = decisions.earlier(once) if once else None
        if made is None:
            made = self._made(stage, asked, requests, caller)
            made = decisions.add(made, clock.now(), once)
            self.shadow.add(made, caller.institution)
        answers = [shown(record.answer, caller.institution) for record in made]
        return answers if isinstance(cases, list) else answers[0]

    def lone(
        self,
        stage: Stage,
        case: FactsCase,
        caller: Caller,
        key: str | None,
        requests: Sequence[Asked] | None = None,
    ) -> Lone | None:
        """The case as one that can be decided from memory, None where it cannot.

        Raises:
            FactsError: facts contradict each other or lie after the day they are to be seen on.
        """
        today, bundle = clock.today(), self._vouch.champions.held.get(stage)
        if (
            bundle is None
            or bundle.hash not in self._archived
            or not self._vouch.held_book.holds(today)
        ):
            return None
        given = given_case(case, next(self._numbers), stage, today, caller.institution)
        if not self._vouch.held_book.holds_state(given.as_of, today):
            return None
        (asked,) = requests or [asked_of(case)]
        once = once_of(stage, [asked], False, caller, key)
        return Lone(stage, self._deciding.set_apart(given, caller.institution), asked, caller, once)

    def decide_together(self, lone: Sequence[Lone]) -> list[DecisionRecord]:
        """Decide cases of one stage, of whichever callers, without a look at book or store.

        Raises:
            FactsError: a case names a scheme that does not answer; "[3].scheme" tells which.
        """
        bundle = self.model(lone[0].stage)
        places = {one.given.number: f"[{i}]." for i, one in enumerate(lone)}
        found = self._deciding.from_facts(bundle, [one.given for one in lone], places)
        policy_hash = self._vouch.policy_snapshot.hash
        return [
            record_of(one.asked, found[one.given.number], one.caller, policy_hash) for one in lone
        ]

    def keep_at_once(self, lone: Sequence[Lone], made: Sequence[DecisionRecord]) -> bool:
        """Store decisions if that can be done without waiting, all or none; False where it cannot.

        A slow disk is waited for by a thread that has nothing else to do.
        """
        at_once, began = self._vouch.store().at_once, time.monotonic()
        if at_once is None or began < self._slow_until:
            return False
        is_kept = at_once.add(_requests(lone, made), clock.now())
        ended = time.monotonic()
        self._slow_writes = self._slow_writes + 1 if ended - began > _SLOW_SECONDS else 0
        if self._slow_writes >= _SLOW_IN_A_ROW:
            self._slow_writes, self._slow_until = 0, ended + _LEFT_ALONE_SECONDS
        if is_kept:
            self._shadow(lone, made)
        return is_kept

    def keep_together(self, lone: Sequence[Lone], made: Sequence[DecisionRecord]) -> bool:
        """Store decisions, all or none; False where a key was seen before.

        Raises:
            StoreError: they could not be stored.
        """
        requests = _requests(lone, made)
        if not self._vouch.store().decisions.add_together(requests, clock.now()):
            return False
        self._shadow(lone, made)
        return True

    @property
    def wants_checkpoint(self) -> bool:
        """Whether what was stored at once should be brought home."""
        at_once = self._vouch.store().at_once
        return at_once is not None and at_once.wants_checkpoint

    def checkpoint(self) -> None:
        """Bring home what was stored at once."""
        self._vouch.store().checkpoint()

    def _shadow(self, lone: Sequence[Lone], made: Sequence[DecisionRecord]) -> None:
        for one, record in zip(lone, made, strict=True):
            self.shadow.add([record], one.caller.institution)

    def _made(
        self,
        stage: Stage,
        asked: Sequence[Placed],
        requests: Sequence[Asked],
        caller: Caller,
    ) -> Sequence[DecisionRecord]:
        bundle = self.model(stage)
        decided = self._deciding.decide(bundle, asked, caller.institution)
        policy_hash = self._vouch.policy_snapshot.hash
        return [
            record_of(request, decision, caller, policy_hash)
            for request, decision in zip(requests, decided, strict=True)
        ]

    def decide(
        self,
        bundle: Bundle,
        cases: Sequence[Case],
        institution: Institution,
        policy: Policy | None = None,
    ) -> list[Decision]:
        """Decide cases without storing anything, under another policy where one is given.

        Args:
            bundle: from `model`, the same for everything that one answer compares.

        Raises:
            Refusal: a case cannot be decided.
        """
        asked = [Placed("", case) for case in cases]
        return self._deciding.decide(bundle, asked, institution, policy)

    def with_facts(self, stage: Stage, case: Case, institution: Institution) -> FactsCase:
        """A case with its facts, from the book where it only names a guarantee.

        Raises:
            Refusal: the book does not know the guarantee, or it is another institution's.
        """
        if isinstance(case, FactsCase):
            return case
        (decision,) = self.decide(self.model(stage), [case], institution)
        book = self._vouch.held_book.book()
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

    def model(self, stage: Stage) -> Bundle:
        """The champion of a stage, archived.

        Raises:
            Refusal: none is loaded.
        """
        bundle = self._vouch.champions.held.get(stage)
        if bundle is None:
            raise Refusal(
                503,
                f"no {stage.slug} model is loaded; promote one with `vouch promote {stage.value} "
                "--version V`, the service follows",
            )
        self.admit(bundle)
        return bundle

    def admit(self, bundle: Bundle) -> None:
        """Archive a model before it decides, so that what it says can be made again.

        Raises:
            StoreError: it cannot be archived.
            ModelError: its files are no longer what was loaded.
        """
        self._keep("model", bundle.hash, lambda: packed(bundle))

    def _keep(self, kind: str, hash_: str, content: Callable[[], bytes]) -> None:
        """Archive what decisions stand on before the first of them is made."""
        if hash_ not in self._archived:
            decisions = self._vouch.store().decisions
            if decisions.archived(kind, hash_) is None:
                decisions.archive(kind, hash_, content(), clock.now())
            self._archived.add(hash_)


def _requests(
    lone: Sequence[Lone], made: Sequence[DecisionRecord]
) -> list[tuple[Sequence[DecisionRecord], Once | None]]:
    return [([record], one.once) for one, record in zip(lone, made, strict=True)]


def _asked(case: KnownCase) -> dict[str, Any]:
    return {} if case.scheme is None else {"scheme": case.scheme}


def _version(bundle: Bundle) -> dict[str, Any]:
    return {
        "stage": bundle.stage.value,
        "name": bundle.stage.model_name,
        "version": bundle.version,
        "hash": bundle.hash,
        "known_until": bundle.training.known_until.isoformat(),
        "features": len(bundle.encoder.names),
    }
