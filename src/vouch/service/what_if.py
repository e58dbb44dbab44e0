"""What would be said of a case that is a little otherwise; answered, logged, but no decision."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from vouch import clock
from vouch.bootstrap import Vouch
from vouch.domain.access import Caller
from vouch.domain.risk_sharing import FEN, Scheme
from vouch.domain.stage import Stage
from vouch.errors import FactsError, FieldFault
from vouch.policy.counterfactuals import Changeable, read_counterfactual_terms
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.decision import Decision
from vouch.service.asks import CounterfactualBody, WhatIfBody
from vouch.service.desk import Desk
from vouch.service.given import named
from vouch.service.payloads import FactsCase
from vouch.service.refusals import unreadable
from vouch.service.rows import shown
from vouch.store.audit import AuditEntry

_MOST = Decimal("1e12")


@dataclass(frozen=True)
class OtherCap(Policy):
    """The same policy, with another rate in every cap."""

    cap_rate: Decimal | None = None

    def scheme(self, name: str | None, on: date) -> Scheme:
        """The scheme, its cap's rate replaced where it has a cap."""
        found = super().scheme(name, on)
        if self.cap_rate is None or found.cap is None:
            return found
        return replace(found, cap=replace(found.cap, rate=self.cap_rate))


class WhatIf:
    """Answers what-ifs and counterfactuals.

    Args:
        vouch: the parts.
        desk: decides.
    """

    def __init__(self, vouch: Vouch, desk: Desk) -> None:
        self._vouch = vouch
        self._desk = desk
        self._terms = read_counterfactual_terms(vouch.settings.policy)

    def what_if(self, stage: Stage, body: WhatIfBody, caller: Caller) -> dict[str, Any]:
        """The case as it is and as it would be.

        Raises:
            Refusal: the case, or what it would be, cannot be decided.
        """
        base = self._desk.with_facts(stage, body.case, caller.institution)
        other = _changed(base, body)
        rate = body.changes.cap_rate
        policy = (
            None
            if rate is None
            else OtherCap(self._vouch.policy.folder, cap_rate=Decimal(repr(rate)))
        )
        bundle = self._desk.model(stage)
        (now,) = self._desk.decide(bundle, [base], caller.institution)
        (then,) = self._desk.decide(bundle, [other], caller.institution, policy)
        self._log("what_if", body.model_dump(mode="json"), [now, then], caller)
        return {
            "base": _answer(now, caller),
            "changed": _answer(then, caller),
            "score_change": then.score - now.score,
        }

    def counterfactual(
        self, stage: Stage, body: CounterfactualBody, caller: Caller
    ) -> dict[str, Any]:
        """The smallest changes of terms that reach a grade, if any do.

        Only changes that the model's signs allow to lower the risk are tried; each is scored like
        any case, so what follows from a change (a ratio, say) follows here too.

        Raises:
            Refusal: the case cannot be decided.
            FactsError: there is no such grade.
        """
        goal = next((g for g in self._vouch.policy.grades if g.name == body.grade), None)
        if goal is None:
            names = ", ".join(grade.name for grade in self._vouch.policy.grades)
            raise FactsError([FieldFault("grade", f"the grades are {names}")])
        base = self._desk.with_facts(stage, body.case, caller.institution)
        bundle = self._desk.model(stage)
        (now,) = self._desk.decide(bundle, [base], caller.institution)
        best, tried = self._search(bundle, base, now, goal.lowest_score, caller)
        self._log("counterfactual", body.model_dump(mode="json"), [now, best.decision], caller)
        return {
            "reached": best.decision.score >= goal.lowest_score,
            "target_grade": goal.name,
            "target_score": goal.lowest_score,
            "tried": tried,
            "changes": best.words,
            "base": _answer(now, caller),
            "changed": _answer(best.decision, caller),
        }

    def _search(
        self, bundle: Bundle, base: FactsCase, now: Decision, goal: int, caller: Caller
    ) -> tuple[_Tried, int]:
        """The first that reaches the goal, fewest and smallest changes first; else the best."""
        best, tried = _Tried(0.0, [], now), 0
        if now.score >= goal:
            return best, tried
        moves = [_moves(change, base, bundle.spec.signs) for change in self._terms.changes]
        for count in range(1, self._terms.most + 1):
            proposals = [
                combined
                for chosen in itertools.combinations([m for m in moves if m], count)
                for combined in itertools.product(*chosen)
            ]
            found = [self._try(bundle, base, moved, caller) for moved in proposals]
            tried += len(found)
            reaching = [one for one in found if one.decision.score >= goal]
            if reaching:
                return min(reaching, key=lambda one: (one.distance, -one.decision.score)), tried
            best = max([best, *found], key=lambda one: (one.decision.score, -one.distance))
        return best, tried

    def _try(
        self, bundle: Bundle, base: FactsCase, moved: Sequence[_Move], caller: Caller
    ) -> _Tried:
        case = _patched(base, {"guarantee": {move.change.field: move.value for move in moved}})
        (decision,) = self._desk.decide(bundle, [case], caller.institution)
        return _Tried(
            sum(move.distance for move in moved),
            [move.words() for move in moved],
            decision,
        )

    def _log(
        self, action: str, asked: dict[str, Any], made: Sequence[Decision], caller: Caller
    ) -> None:
        """Nothing is answered that is not noted: what was asked, by hash, and what was said."""
        text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
        detail = {
            "request_hash": hashlib.sha256(text.encode()).hexdigest(),
            "model_hash": made[0].model.hash,
            "policy_hash": self._vouch.policy_snapshot.hash,
            "scores": [one.score for one in made],
        }
        about = named(made[0].guarantee_id) or "-"
        self._vouch.store().audit.add(AuditEntry(clock.now(), caller.id, action, about, detail))


@dataclass(frozen=True)
class _Move:
    """One field at another value; `distance` is how far in the order of steps, in [0, 1]."""

    change: Changeable
    before: Any
    value: Any
    distance: float

    def words(self) -> dict[str, Any]:
        return {
            "field": f"guarantee.{self.change.field}",
            "from": _plain(self.before),
            "to": _plain(self.value),
            "zh": f"{self.change.zh}：由 {_zh(self.before)} 改为 {_zh(self.value)}",
            "en": f"{self.change.en}: from {_en(self.before)} to {_en(self.value)}",
        }


@dataclass(frozen=True)
class _Tried:
    distance: float
    words: list[dict[str, Any]]
    decision: Decision


def _moves(change: Changeable, base: FactsCase, signs: Mapping[str, int]) -> list[_Move]:
    """The values to try for a field, nearest first, none of them against the model's sign."""
    before = getattr(base.guarantee, change.field)
    if change.by == "share":
        if not before:
            return []
        values = [_scaled(before, step) for step in change.steps]
    else:
        values = [step for step in change.steps if step != before]
    sign = signs.get(change.field, 0)
    found = [v for v in values if sign == 0 or before is None or sign * (v - before) < 0]
    if before is not None:
        found.sort(key=lambda value: abs(value - before))
    return [
        _Move(change, before, value, (place + 1) / len(found)) for place, value in enumerate(found)
    ]


def _scaled(value: Any, share: float) -> Any:
    if isinstance(value, Decimal):
        return (value * Decimal(repr(share))).quantize(FEN, ROUND_DOWN)
    return round(value * share, 6)


def _changed(base: FactsCase, body: WhatIfBody) -> FactsCase:
    changes = body.changes
    given = {"guarantee": changes.guarantee, "borrower": changes.borrower, "lender": changes.lender}
    patched = _patched(base, {name: part for name, part in given.items() if part})
    return (
        patched if changes.scheme is None else patched.model_copy(update={"scheme": changes.scheme})
    )


def _patched(base: FactsCase, changes: Mapping[str, Mapping[str, Any]]) -> FactsCase:
    """The case with fields replaced, checked like any case.

    Raises:
        Refusal: a field is wrong.
    """
    body = base.model_dump(mode="json", exclude_unset=True)
    for name, part in changes.items():
        merged = (body.get(name) or {}) | dict(part)
        body[name] = {key: value for key, value in merged.items() if value is not None}
    amount, covered = body["guarantee"].get("amount"), body["guarantee"].get("guaranteed_amount")
    touched = changes.get("guarantee", {})
    if covered and _is_amount(touched.get("amount")) and "guaranteed_amount" not in touched:
        # the guaranteed share stays as it was
        before = base.guarantee
        share = Decimal(str(before.guaranteed_amount)) / Decimal(str(before.amount))  # type: ignore[attr-defined]
        kept = (Decimal(str(amount)) * share).quantize(FEN, ROUND_DOWN)
        body["guarantee"]["guaranteed_amount"] = str(kept)
    try:
        return FactsCase.model_validate_json(json.dumps(body, default=str))
    except ValidationError as error:
        raise unreadable(error) from None


def _is_amount(given: Any) -> bool:
    """Whether a value is a positive amount; whatever else is wrong is said when it is read."""
    try:
        return given is not None and 0 < Decimal(str(given)) < _MOST
    except InvalidOperation:
        return False


def _answer(decision: Decision, caller: Caller) -> dict[str, Any]:
    named_ = replace(
        decision,
        guarantee_id=named(decision.guarantee_id),
        borrower_id=named(decision.borrower_id),
    )
    return shown(named_.answer(), caller.institution)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _zh(value: Any) -> str:
    return _worded(value, ("未提供", "有", "无"))


def _en(value: Any) -> str:
    return _worded(value, ("not given", "yes", "no"))


def _worded(value: Any, words: tuple[str, str, str]) -> str:
    if value is None:
        return words[0]
    if isinstance(value, bool):
        return words[1] if value else words[2]
    return f"{value:,}"
