"""What is decided about one case: score, grade, reasons and who would bear the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np

from vouch.domain.advice.case import Advice
from vouch.domain.risk_sharing import FEN, Party, expected_compensation
from vouch.domain.stage import Stage
from vouch.errors import FactsError, FieldFault, PolicyError
from vouch.features.asof import Feature
from vouch.features.facts import EPOCH, Cases, Facts
from vouch.features.portfolio import PortfolioIndex
from vouch.policy.reading import Policy
from vouch.scoring import advised
from vouch.scoring.advised import Scored, States
from vouch.scoring.basis import Basis
from vouch.scoring.bundle import Bundle
from vouch.scoring.reasons import Reason, features_of, reasons
from vouch.scoring.score import Scores, score_features, score_views, views_for
from vouch.scoring.subject import Subject, subjects


@dataclass(frozen=True)
class ExpectedCompensation:
    """The expected loss in yuan and its parts; `note` says why there are no parts."""

    scheme: str
    exposure: Decimal
    loss_given_default: Decimal
    total: Decimal
    by_party: Mapping[Party, Decimal] | None
    note: str | None = None

    def answer(self) -> dict[str, Any]:
        """As plain JSON: amounts as texts, exact to the fen."""
        parts = self.by_party
        return {
            "scheme": self.scheme,
            "exposure": str(self.exposure),
            "loss_given_default": str(self.loss_given_default),
            "total": str(self.total),
            "by_party": {p.value: str(part) for p, part in parts.items()} if parts else None,
            "note": self.note,
        }


@dataclass(frozen=True)
class ModelVersion:
    """The model that spoke."""

    name: str
    version: str
    hash: str


@dataclass(frozen=True)
class Decision:
    """One case decided; base_points + the reasons' points == score, always.

    `band` is what the score alone advises, `advice` what every rule together does; None where
    nothing is advised (post_loan).
    """

    stage: Stage
    guarantee_id: str | None
    borrower_id: str | None
    as_of: date
    default_probability: float
    score: int
    grade: str
    band: str
    base_points: int
    reasons: list[Reason]
    expected_compensation: ExpectedCompensation
    model: ModelVersion
    basis: Basis
    advice: Advice | None = None

    def answer(self) -> dict[str, Any]:
        """As plain JSON, without what it stands on."""
        return {name: value for name, value in vars(self).items() if name != "basis"} | {
            "stage": self.stage.value,
            "as_of": self.as_of.isoformat(),
            "reasons": [_reason(reason) for reason in self.reasons],
            "expected_compensation": self.expected_compensation.answer(),
            "model": vars(self.model),
            "advice": advised.answer(self.advice) if self.advice else None,
        }


def _reason(reason: Reason) -> dict[str, Any]:
    return vars(reason) | {"value": _finite(reason.value), "usual": _finite(reason.usual)}


def _finite(value: float | str | None) -> float | str | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def share_expected(
    policy: Policy, subject: Subject, default_probability: float, asked: str | None
) -> ExpectedCompensation:
    """Expected compensation under the scheme asked for, else the guarantee's own, else the default.

    The version in force when the guarantee began (or else was applied for) counts. Where nobody
    asked for a scheme and none answers for that day, the total stands alone with a note: a score is
    worth having without it.

    Raises:
        FactsError: the scheme asked for does not exist or was not in force.
    """
    severity = policy.loss_given_default
    name = asked or subject.scheme or policy.default_scheme
    _ = policy.schemes  # a policy file that is wrong is nobody's choice of scheme
    try:
        scheme = policy.scheme(name, subject.signed_on)
    except PolicyError as error:
        if asked:
            raise FactsError([FieldFault("scheme", str(error))]) from error
        total = (Decimal(repr(default_probability)) * subject.exposure * severity).quantize(
            FEN, ROUND_HALF_UP
        )
        return ExpectedCompensation(name, subject.exposure, severity, total, None, str(error))
    parts = expected_compensation(scheme, default_probability, subject.exposure, severity)
    total = sum(parts.values(), Decimal("0.00"))
    return ExpectedCompensation(name, subject.exposure, severity, total, parts)


def decide(
    bundle: Bundle,
    policy: Policy,
    cases: Cases,
    facts: Facts,
    portfolio: PortfolioIndex | None = None,
    schemes: Sequence[str | None] | None = None,
    states: States = advised.no_book,
) -> list[Decision]:
    """Decide cases, one decision each, in their order.

    Args:
        portfolio: the book's history; the bundle's own where None.
        schemes: per case the name of the risk-sharing scheme asked for, if any.
        states: how the portfolio stands towards each case; without a book every answer says so.

    Raises:
        NotFoundError: a guarantee was not known on its date.
        FactsError: a scheme asked for does not answer; the field carries the case's place.
    """
    asked = schemes or [None] * len(cases)
    views = views_for(bundle, cases, facts, portfolio)
    with np.errstate(all="ignore"):  # absurd but legal facts may overflow; trees take infinities
        found = subjects(bundle.stage, cases, views)
        scores = score_views(bundle, cases, views)
    shared, faults = [], []
    for row, subject in enumerate(found):
        probability = float(scores.default_probabilities[row])
        try:
            shared.append(share_expected(policy, subject, probability, asked[row]))
        except FactsError as error:
            faults += [FieldFault(f"[{row}].{f.field}", f.reason) for f in error.faults]
    if faults:
        raise FactsError(faults)
    under = [
        advised.under_scheme(policy, subject, name)
        for subject, name in zip(found, asked, strict=True)
    ]
    decided = [
        _decision(scores, row, Basis(subject, asked[row], features_of(scores, row)), policy, parts)
        for row, (subject, parts) in enumerate(zip(found, shared, strict=True))
    ]
    if bundle.stage is Stage.POST_LOAN:
        return decided
    return [
        replace(
            decision,
            advice=advised.advise_on(policy, subject, _scored(decision), state),
            basis=replace(decision.basis, standing=state),
        )
        for decision, subject, state in zip(decided, under, states(under), strict=True)
    ]


def _scored(decision: Decision) -> Scored:
    return Scored(decision.stage, decision.default_probability, decision.score)


@dataclass(frozen=True)
class Remade:
    """What a basis gives again, comparable with what was answered.

    `advice` is None where nothing was advised, or what it stood on was not kept.
    """

    default_probability: float
    score: int
    grade: str
    band: str
    base_points: int
    points: Mapping[str, int]
    expected_compensation: Mapping[str, Any]
    advice: Mapping[str, Any] | None = None

    @property
    def decision(self) -> str | None:
        """What is advised in one word."""
        return None if self.advice is None else str(self.advice["decision"])


def remake(bundle: Bundle, policy: Policy, bases: Sequence[Basis]) -> list[Remade]:
    """Score again what was scored before; the same model and policy give the same.

    Raises:
        KeyError: the model reads a feature that was not kept.
    """
    columns = {f.name: _column(f, bases) for f in bundle.features}
    days = np.array([(basis.subject.as_of - EPOCH).days for basis in bases])
    with np.errstate(all="ignore"):
        scores = score_features(bundle, Cases([""] * len(bases), days), columns)
    return [_remade(scores, row, policy, basis) for row, basis in enumerate(bases)]


def _column(feature: Feature, bases: Sequence[Basis]) -> Any:
    values = [basis.features[feature.name] for basis in bases]
    if feature.is_category:
        return np.array(values, dtype=object)
    return np.array([math.nan if value is None else float(value) for value in values])


def _remade(scores: Scores, row: int, policy: Policy, basis: Basis) -> Remade:
    probability = float(scores.default_probabilities[row])
    shared = share_expected(policy, basis.subject, probability, basis.asked_scheme)
    made = _decision(scores, row, basis, policy, shared)
    points = {reason.feature: reason.points for reason in made.reasons}
    answered = made.expected_compensation.answer()
    return Remade(
        made.default_probability,
        made.score,
        made.grade,
        made.band,
        made.base_points,
        points,
        answered,
        _advised_again(policy, basis, _scored(made)),
    )


def _advised_again(policy: Policy, basis: Basis, scored: Scored) -> dict[str, Any] | None:
    if basis.standing is None:
        return None
    subject = advised.under_scheme(policy, basis.subject, basis.asked_scheme)
    advice = advised.advise_on(policy, subject, scored, basis.standing)
    return advised.answer(advice) if advice else None


def _decision(
    scores: Scores, row: int, basis: Basis, policy: Policy, shared: ExpectedCompensation
) -> Decision:
    bundle, subject = scores.bundle, basis.subject
    probability, score = float(scores.default_probabilities[row]), int(scores.scores[row])
    grade = policy.grade(score)
    return Decision(
        stage=bundle.stage,
        guarantee_id=subject.guarantee_id,
        borrower_id=subject.borrower_id,
        as_of=subject.as_of,
        default_probability=probability,
        score=score,
        grade=grade.name,
        band=grade.band.word,
        base_points=bundle.base_points,
        reasons=reasons(scores, row),
        expected_compensation=shared,
        model=ModelVersion(bundle.stage.model_name, bundle.version, bundle.hash),
        basis=basis,
    )
