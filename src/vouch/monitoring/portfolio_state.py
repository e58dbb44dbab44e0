"""How a guarantor's portfolio stands towards a case, by the definitions of the measures.

The weights of liability, what is small, what counts as released: all are those of the indicators
(`policy/indicators`). The case itself is put beside the guarantees in force as a further row, which
is then weighed as any other. Equity in other guarantors is in no book and is not deducted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from vouch.book.book import Known
from vouch.domain.advice.case import CapState, PortfolioState
from vouch.domain.burden import Burden, Step
from vouch.monitoring.expectation.book import PortfolioKey, Schemes, portfolio_key, standings
from vouch.monitoring.expectation.in_force import Terms
from vouch.monitoring.expectation.standing import Standing
from vouch.monitoring.measures.catalogue import Indicator, Numbers
from vouch.monitoring.measures.classes import WEIGHT_STEPS, is_small, liabilities_of
from vouch.monitoring.measures.liability import liabilities, own_funds
from vouch.monitoring.measures.view import Sums, View, fen, literal
from vouch.policy.reading import Policy
from vouch.scoring.subject import Asked, Subject

Row = dict[str, Any]
_LARGEST = 10**14  # fen: more than any loan, for the weight beyond every limit
_NEW, _NOW = "new", "now"
_COLUMNS = (
    "guarantor",
    "borrower_id",
    "role",
    "product",
    "kind",
    "industry",
    "headcount",
    "revenue",
    "balance",
)


@dataclass(frozen=True)
class PortfolioDay:
    """The portfolio of every guarantor on one day; what is asked of it is kept.

    Args:
        known: the door to the book.
        indicators: by whose numbers liability is weighed and releases counted.
        policy: where the schemes are.
    """

    known: Known
    indicators: Mapping[str, Indicator]
    policy: Policy

    def states(self, subjects: Sequence[Subject]) -> list[PortfolioState]:
        """The state towards each subject, whose own guarantee is left out; each names a guarantor.

        Raises:
            ValueError: a subject names none.
        """
        clients = [self._client(subject) for subject in subjects]
        leverage, concentration = self._burdens(
            clients, [self.indicators[n].parameters for n in ("leverage", "client_concentration")]
        )
        return [
            self._state(subject, client, whole, ours)
            for subject, client, whole, ours in zip(
                subjects, clients, leverage, concentration, strict=True
            )
        ]

    def prepare(self) -> None:
        """Read what every state needs, and let go of the tables that it was read from."""
        for name in ("_net_assets", "_liabilities", "small_shares", "_affiliates", "standings"):
            getattr(self, name)
        for name in ("_view", "_by_guarantor"):
            vars(self).pop(name, None)

    def _state(
        self, subject: Subject, client: _Client, whole: _Burdens, ours: _Burdens
    ) -> PortfolioState:
        name = client.guarantor
        total = self._liabilities.get(name) or Fraction(0)
        small = self.small_shares.get(name)
        return PortfolioState(
            as_of=self.known.as_of,
            guarantor=name,
            own_funds=self._own_funds(name),
            client=ours.client,
            group=ours.client.plus(ours.affiliates),
            whole=whole.client.plus(_yuan(total) - whole.client_now),
            client_loans=client.loans,
            small_balance=small[0] if small else None,
            small_clients=small[1] if small else None,
            cap=self.cap_state(subject, name),
        )

    def _own_funds(self, guarantor: str) -> Decimal | None:
        numbers = self.indicators["leverage"].parameters
        stated = self._net_assets.get(guarantor)
        found = own_funds(stated, Decimal(0), bool(numbers["deduct_equity"]))
        return None if found is None else _yuan(found)

    @cached_property
    def _view(self) -> View:
        return View(self.known)

    @cached_property
    def _by_guarantor(self) -> View:
        return View(self.known, "guarantor")

    @cached_property
    def _net_assets(self) -> dict[str, Fraction | None]:
        return self._view.net_assets

    @cached_property
    def _liabilities(self) -> Sums:
        return liabilities(self._by_guarantor, self.indicators["leverage"].parameters)

    @cached_property
    def small_shares(self) -> dict[str, tuple[Fraction, Fraction]]:
        """Small businesses' and farmers' share of balance and of clients, by guarantor."""
        numbers = self.indicators["leverage"].parameters
        farmers = f"coalesce(list_contains({literal(numbers['farmer_kinds'])}, kind), false)"
        small = f"({is_small(numbers)} OR {farmers})"
        rows = self._view.query(
            "SELECT guarantor, sum(balance)::HUGEINT AS owed, "
            f"coalesce(sum(balance) FILTER ({small}), 0)::HUGEINT AS small_owed, "
            "count(DISTINCT borrower_id) AS clients, "
            f"count(DISTINCT borrower_id) FILTER ({small}) AS small_clients "
            "FROM guarantees WHERE in_force GROUP BY guarantor"
        )
        return {
            row["guarantor"]: (
                Fraction(int(row["small_owed"]), int(row["owed"])),
                Fraction(row["small_clients"], row["clients"]),
            )
            for row in rows
            if row["owed"]
        }

    @cached_property
    def _in_force(self) -> dict[str, list[Row]]:
        """Guarantees in force by affiliates."""
        rows = self._view.query(
            "SELECT guarantee_id, borrower_id, guarantor, affiliates, product, kind, industry, "
            "headcount, revenue, balance, loan, covered FROM guarantees WHERE in_force "
            "ORDER BY guarantee_id"
        )
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(row["affiliates"], []).append(row)
        return found

    @cached_property
    def _affiliates(self) -> dict[str, str]:
        """The group that each borrower with a guarantee in force belongs to."""
        return {row["borrower_id"]: name for name, rows in self._in_force.items() for row in rows}

    def _client(self, subject: Subject) -> _Client:
        asked, guarantor = subject.asked, subject.guarantor_id
        if asked is None or guarantor is None:
            raise ValueError("a subject without a guarantor has no portfolio")
        borrower = subject.borrower_id or ""
        group = asked.group_id or self._affiliates.get(borrower, borrower)
        theirs = [row for row in self._in_force.get(group, []) if row["guarantor"] == guarantor]
        return _Client(guarantor, borrower, subject.guarantee_id, asked, theirs)

    def _burdens(
        self, clients: Sequence[_Client], weights: Sequence[Numbers]
    ) -> list[list[_Burdens]]:
        """Each client's liability by what is newly guaranteed, by the weights of each indicator."""
        limits = sorted(
            {fen(n[key]) for n in weights for key in ("farmer_client_limit", "small_client_limit")}
        )
        ends = [client.ends(limits) for client in clients]
        rows = [row for i, c in enumerate(clients) for row in c.rows(i, ends[i])]
        owed: Counter[tuple[int, str, str]] = Counter()
        for number, numbers in enumerate(weights):
            for row, liability in zip(rows, liabilities_of(rows, numbers), strict=True):
                owed[number, row["guarantor"], row["role"]] += liability
        return [
            [_burdens(number, i, ends[i], owed) for i in range(len(clients))]
            for number in range(len(weights))
        ]

    def cap_state(self, subject: Subject, guarantor: str) -> CapState | None:
        """Where the cap of the subject's scheme with its lender stands; None where nobody can tell.

        Where nothing is in force, released or claimed under it yet, it stands at nothing.
        """
        terms = Terms(
            subject.guarantee_id,
            subject.scheme,
            subject.signed_on,
            subject.lender_id,
            guarantor,
            subject.asked.product if subject.asked else None,
        )
        scheme = Schemes(self.policy).of(terms)
        if scheme is None or scheme.cap is None or subject.lender_id is None:
            return None
        today = self.standings.get(portfolio_key(scheme, scheme.cap, terms))
        if today is None:
            return CapState(Decimal("0.00"), Decimal("0.00"))
        return CapState(today.cap_amount, today.claims)

    @cached_property
    def standings(self) -> dict[PortfolioKey, Standing]:
        """Every capped portfolio's cap on the day."""
        return standings(self.known, self.policy)


@dataclass(frozen=True)
class _Client:
    """A subject's client at its guarantor, with the group's guarantees in force there."""

    guarantor: str
    borrower: str
    guarantee_id: str
    asked: Asked
    theirs: list[Row]

    @property
    def others(self) -> list[Row]:
        """The client's own rows but for the subject's."""
        return [
            row
            for row in self.theirs
            if row["borrower_id"] == self.borrower and row["guarantee_id"] != self.guarantee_id
        ]

    @property
    def loans(self) -> Decimal:
        """The loans behind the client's other guarantees, in yuan."""
        owed = (Fraction(row["balance"] * row["loan"], row["covered"]) for row in self.others)
        return _yuan(sum(owed, Fraction(0)) / 100)

    def ends(self, limits: Sequence[int]) -> list[int]:
        """How much may be added before each limit of a weight, and far beyond the last, in fen."""
        owed = sum(row["balance"] for row in self.others)
        return [limit - owed for limit in limits if limit > owed] + [_LARGEST]

    def rows(self, number: int, ends: Sequence[int]) -> list[Row]:
        """The book as it is, and with the subject as large as each end, told apart by guarantor."""
        now = [_row(f"{number}", row, self._role(row)) for row in self.theirs]
        for step, end in enumerate(ends):
            case = f"{number}/{step}"
            now += [
                _row(case, row, self._role(row))
                for row in self.theirs
                if row["guarantee_id"] != self.guarantee_id
            ]
            now.append(self._new(case, end))
        return now

    def _role(self, row: Row) -> str:
        return _NOW if row["borrower_id"] == self.borrower else "affiliate"

    def _new(self, case: str, balance: int) -> Row:
        asked = self.asked
        client = {
            "product": asked.product,
            "kind": asked.kind,
            "industry": asked.industry,
            "headcount": asked.headcount,
            "revenue": None if asked.revenue is None else fen(asked.revenue),
            "borrower_id": self.borrower,
            "balance": balance,
        }
        return _row(case, client, _NEW)


def _row(case: str, row: Row, role: str) -> Row:
    kept = {name: row.get(name) for name in _COLUMNS}
    return kept | {"guarantor": case, "role": role}


@dataclass(frozen=True)
class _Burdens:
    """Liability to a client by what is added, that of its affiliates, and the client's as it is."""

    client: Burden
    affiliates: Decimal
    client_now: Decimal


def _burdens(
    weights: int, number: int, ends: Sequence[int], owed: Mapping[tuple[int, str, str], int]
) -> _Burdens:
    def liability(case: str, role: str) -> int:
        return owed.get((weights, case, role), 0)

    steps = []
    for step, end in enumerate(ends):
        case = f"{number}/{step}"
        weight = Decimal(liability(case, _NEW)) / (end * WEIGHT_STEPS)
        up_to = None if step == len(ends) - 1 else Decimal(end).scaleb(-2)
        steps.append(Step(up_to, _liability(liability(case, _NOW)), weight))
    affiliates = _liability(liability(f"{number}/0", "affiliate"))
    return _Burdens(Burden(tuple(steps)), affiliates, _liability(liability(f"{number}", _NOW)))


def _liability(steps: int) -> Decimal:
    """A sum of balance · weight as counted, in yuan."""
    return Decimal(steps) / (100 * WEIGHT_STEPS)


def _yuan(amount: Fraction) -> Decimal:
    """Yuan as a Decimal; sums of measures have at most six places."""
    return Decimal(amount.numerator) / Decimal(amount.denominator)
