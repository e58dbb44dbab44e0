"""One case under another scheme, fee or cap: decided again with everything else as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from vouch.domain.advice.advise import advise
from vouch.domain.advice.case import Advice, Missing, PortfolioState, Proposal
from vouch.domain.loss_comparison import Change, Comparison, Loan, compare
from vouch.domain.risk_sharing import FEN, Scheme
from vouch.errors import PolicyError
from vouch.policy.reading import Policy
from vouch.scoring.advised import Scored, States, proposal_of, under_scheme
from vouch.scoring.decision import Decision

_USUAL_DAYS = 365


@dataclass(frozen=True)
class CaseWhatIf:
    """A case as it is and under other terms, each decided; `notes` say what is assumed."""

    before: Advice
    after: Advice
    terms: Comparison
    notes: list[str]


def what_if_case(policy: Policy, decision: Decision, change: Change, states: States) -> CaseWhatIf:
    """Decide a case again under other terms, as if signed on the day it is looked at.

    Raises:
        PolicyError: no scheme answers for the case and none is asked for.
    """
    subject = under_scheme(policy, decision.basis.subject, decision.basis.asked_scheme)
    scored = Scored(decision.stage, decision.default_probability, decision.score)
    proposal = proposal_of(policy, subject, scored)
    present = proposal.scheme or change.scheme
    if present is None:
        raise PolicyError(
            f"scheme {subject.scheme!r} does not answer on {subject.signed_on}; ask for another "
            "with --scheme"
        )
    scheme = change.scheme_of(present)
    fee = proposal.fee_rate if change.fee_rate is None else change.fee_rate
    other = replace(proposal, scheme=scheme, fee_rate=fee)
    moved = subject
    if change.scheme is not None:
        moved = replace(subject, scheme=change.scheme.name, signed_on=subject.as_of)
    before, after = (states([one])[0] for one in (subject, moved))
    terms = policy.decision(subject.as_of)
    loan = _loan(proposal, present)
    return CaseWhatIf(
        before=advise(proposal, before, terms),
        after=advise(other, _capped(after, change.scheme or present, scheme), terms),
        terms=compare([loan], change, proposal.loss_given_default),
        notes=_notes(proposal),
    )


def _notes(proposal: Proposal) -> list[str]:
    notes = []
    if proposal.days is None:
        notes.append(f"no term is stated: {_USUAL_DAYS} days are taken for the fees")
    if proposal.fee_rate is None:
        notes.append("no fee rate is stated: before the change there is no fee")
    return notes


def _loan(proposal: Proposal, scheme: Scheme) -> Loan:
    return Loan(
        proposal.amount,
        proposal.exposure,
        proposal.default_probability,
        scheme,
        proposal.days or _USUAL_DAYS,
        proposal.fee_rate,
    )


def _capped(
    state: PortfolioState | Missing, agreed: Scheme, scheme: Scheme
) -> PortfolioState | Missing:
    """The state with the cap at another rate; one that was not agreed cannot be told."""
    if isinstance(state, Missing) or state.cap is None or not (agreed.cap and scheme.cap):
        return state
    amount = state.cap.amount * scheme.cap.rate / agreed.cap.rate
    cap = replace(state.cap, amount=Decimal(amount).quantize(FEN, ROUND_HALF_UP))
    return replace(state, cap=cap)
