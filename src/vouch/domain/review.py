"""Human review of a decision: asked for, decided with a reason, seconded above a limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from vouch.errors import ConflictError


class ReviewState(StrEnum):
    """Where a review stands."""

    OPEN = "open"
    AWAITING_SECOND = "awaiting_second"
    SETTLED = "settled"


class ReviewAct(StrEnum):
    """What people do in a review."""

    REQUEST = "request"
    DECIDE = "decide"
    CONFIRM = "confirm"
    SEND_BACK = "send_back"


@dataclass(frozen=True)
class ReviewTerms:
    """What a risk officer decides about reviews; amounts in yuan."""

    outcomes: tuple[str, ...]
    reasons: tuple[tuple[str, str, str], ...]
    second_above: Decimal
    answer_days: int


@dataclass(frozen=True)
class ReviewEvent:
    """One thing done; `outcome` and `reason_code` belong to a decision of a person."""

    review_id: str
    decision_id: str
    act: ReviewAct
    at: datetime
    actor: str
    role: str
    note: str
    outcome: str | None = None
    reason_code: str | None = None


@dataclass(frozen=True)
class Review:
    """A review as its events left it."""

    review_id: str
    decision_id: str
    state: ReviewState
    due_at: datetime
    outcome: str | None
    events: tuple[ReviewEvent, ...]


def review_of(events: Sequence[ReviewEvent], terms: ReviewTerms, needs_second: bool) -> Review:
    """The review that these events, oldest first, make."""
    first, last = events[0], events[-1]
    decided = next((e for e in reversed(events) if e.act is ReviewAct.DECIDE), None)
    state = {
        ReviewAct.REQUEST: ReviewState.OPEN,
        ReviewAct.DECIDE: ReviewState.AWAITING_SECOND if needs_second else ReviewState.SETTLED,
        ReviewAct.CONFIRM: ReviewState.SETTLED,
        ReviewAct.SEND_BACK: ReviewState.OPEN,
    }[last.act]
    return Review(
        first.review_id,
        first.decision_id,
        state,
        first.at + timedelta(days=terms.answer_days),
        decided.outcome if decided and state is ReviewState.SETTLED else None,
        tuple(events),
    )


def check_act(review: Review, act: ReviewAct, actor: str) -> None:
    """Whether this may be done now and by this person.

    Raises:
        ConflictError: it may not; the text says why.
    """
    wanted = ReviewState.OPEN if act is ReviewAct.DECIDE else ReviewState.AWAITING_SECOND
    if review.state is not wanted:
        raise ConflictError(f"the review is {review.state.value.replace('_', ' ')}")
    decided = next((e for e in reversed(review.events) if e.act is ReviewAct.DECIDE), None)
    if act is not ReviewAct.DECIDE and decided is not None and decided.actor == actor:
        raise ConflictError("the second pair of eyes has to be another person's")


def needs_second(exposure: Decimal, terms: ReviewTerms) -> bool:
    """Whether a person's decision on this exposure needs a second person.

    >>> terms = ReviewTerms((), (), Decimal(1000000), 15)
    >>> needs_second(Decimal(1000000), terms), needs_second(Decimal("1000000.01"), terms)
    (False, True)
    """
    return exposure > terms.second_above
