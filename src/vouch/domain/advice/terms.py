"""The numbers of the decision that a risk officer may change, in force from a day on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

from vouch.domain.stage import Stage


class Outcome(IntEnum):
    """What becomes of a case, the mildest first."""

    APPROVE = 0
    REFER = 1
    DECLINE = 2

    @property
    def word(self) -> str:
        """As it is written in policy files and answers."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> "Outcome":
        """Read `approve`, `refer` or `decline`.

        Raises:
            ValueError: it is none of them.
        """
        try:
            return next(outcome for outcome in cls if outcome.word == word)
        except StopIteration:
            known = ", ".join(outcome.word for outcome in cls)
            raise ValueError(f"is {word!r}; write one of {known}") from None


@dataclass(frozen=True)
class ShareLimit:
    """At most this share of the guarantor's net assets, in (0, 1]; what follows where it breaks."""

    share: Decimal
    outcome: Outcome
    source: str


@dataclass(frozen=True)
class LeverageLimit:
    """At most so many times net assets; more where the business is mainly small.

    Mainly small: small businesses and farmers have at least `small_balance` of the balance in force
    and are at least `small_clients` of the clients, both in [0, 1].
    """

    times: Decimal
    times_small: Decimal
    small_balance: Decimal
    small_clients: Decimal
    outcome: Outcome
    source: str

    def allowed(
        self, small_balance: Decimal | Fraction | None, small_clients: Decimal | Fraction | None
    ) -> Decimal:
        """The times that hold for a business of these shares; unknown ones count as nothing."""
        is_small = (small_balance or 0) >= self.small_balance and (
            small_clients or 0
        ) >= self.small_clients
        return self.times_small if is_small else self.times


@dataclass(frozen=True)
class Ticket:
    """The most a client of these products and kinds may owe, in yuan; any where none is named."""

    products: tuple[str, ...]
    kinds: tuple[str, ...]
    at_most: Decimal
    outcome: Outcome
    source: str

    def holds_for(self, product: str | None, kind: str | None) -> bool:
        """Whether a client of this kind with this product is bound by it."""
        return (not self.products or product in self.products) and (
            not self.kinds or kind in self.kinds
        )


@dataclass(frozen=True)
class CapUse:
    """From which use of a scheme's cap, in [0, 1], a new guarantee under it needs a person."""

    refer_from: Decimal
    source: str


@dataclass(frozen=True)
class FeeTerms:
    """The highest yearly fee rate, and the step to which an advised rate is rounded up."""

    highest: Decimal
    step: Decimal
    outcome: Outcome
    source: str


@dataclass(frozen=True)
class Target:
    """By stage: the share of the loan asked for that may be expected to be claimed, in (0, 1]."""

    rates: Mapping[Stage, Decimal]
    outcome: Outcome
    source: str


@dataclass(frozen=True)
class Review:
    """The grades that may be offered more at a review, and how many times the limit at most."""

    raise_grades: tuple[str, ...]
    raise_at_most: Decimal
    source: str


@dataclass(frozen=True)
class DecisionTerms:
    """One version of all numbers of the decision; `natural_kinds` are borrowers who are persons."""

    effective_from: date
    effective_until: date | None
    source: str
    natural_kinds: tuple[str, ...]
    natural_source: str
    single_client: ShareLimit
    group: ShareLimit
    leverage: LeverageLimit
    tickets: tuple[Ticket, ...]
    cap: CapUse
    fee: FeeTerms
    target: Target
    review: Review
    limit_step: Decimal
