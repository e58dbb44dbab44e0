"""Looking at the book on one day: every guarantee in force, every signal, what to say of it."""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from vouch.book.book import Book, Known
from vouch.domain.alert import Sighting, Signal, most_urgent
from vouch.errors import VouchError
from vouch.features.asof import Floats
from vouch.features.describe import PARTITION
from vouch.features.facts import EPOCH, Cases, Facts, Views, compute, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import Spine, in_force
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.reasons import adverse
from vouch.scoring.score import Scores, score_features
from vouch.scoring.subject import exposure_of
from vouch.warning.circles import Circles
from vouch.warning.exposure import Schemes
from vouch.warning.ranking import Standing, chances
from vouch.warning.rule import Snapshot, signals
from vouch.warning.rules.model import days_back

MOST_REASONS = 3
# Parts looked at side by side: what of a look runs outside of Python's lock keeps two cores busy.
AT_ONCE = 2
# Enough to tell a few hostile guarantees from the rest of a part.
MOST_LOOKS = 100
# So many days before its date the path of a score is drawn.
PATH_DAYS = (180, 120, 90, 60, 30)


@dataclass(frozen=True)
class Part:
    """What was seen of some guarantees; `sightings` has one per guarantee and cause.

    `unseen` are further guarantees that could not be looked at, each with what went wrong.
    """

    guarantee_ids: Sequence[str]
    sightings: Sequence[Sighting]
    unseen: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many guarantees it is about."""
        return len(self.guarantee_ids) + len(self.unseen)


class Observation:
    """A look at every guarantee in force on one day: scored, every rule applied, part by part."""

    def __init__(self, book: Book, champion: Bundle, policy: Policy, as_of: date) -> None:
        known = book.known(as_of)
        self._looker = _Looker(champion, policy, known)
        table = in_force(known, [as_of]).table
        before = in_force(known, [self._looker.earlier]).table["guarantee_id"]
        was_there = pa.compute.is_in(table["guarantee_id"], value_set=before)
        self._table = table.append_column("was_in_force", was_there)

    def __len__(self) -> int:
        """How many guarantees are in force."""
        return int(self._table.num_rows)

    def parts(self, after: int = 0) -> Iterator[Part]:
        """What is seen, in the order of guarantees, without the first `after` of them.

        Some parts are looked at ahead, each in a thread of its own.
        """
        with ThreadPoolExecutor(AT_ONCE) as workers:
            ahead: deque[Future[Part]] = deque()
            for start in range(after, len(self), PARTITION):
                ahead.append(workers.submit(self._looker.see, self._table.slice(start, PARTITION)))
                if len(ahead) == AT_ONCE:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def ended(self, guarantee_ids: Set[str]) -> list[str]:
        """Those among these guarantees that are not in force."""
        wanted = pa.array(sorted(guarantee_ids), pa.string())
        there = pa.compute.is_in(wanted, value_set=self._table["guarantee_id"])
        return list(wanted.filter(pa.compute.invert(there)).to_pylist())


class _Looker:
    """What is the same for every partition."""

    def __init__(self, champion: Bundle, policy: Policy, known: Known) -> None:
        self.champion = champion
        self.policy = policy
        self.known = known
        self.history = PortfolioIndex.of(known)
        self.schemes = Schemes(policy, known.as_of)
        self.circles = Circles.of(known)
        self.as_of = known.as_of
        self.back = days_back(policy, known.as_of)
        self.earlier = known.as_of - timedelta(days=self.back)

    def see(self, table: pa.Table) -> Part:
        """What is seen of some guarantees, given by their rows of the spine.

        Where a look fails, each half is looked at by itself, and so on, until the guarantees that
        it fails at stand alone; after so many looks, failing ones are left out without halving.
        """
        names: list[str] = []
        sightings: list[Sighting] = []
        unseen: dict[str, str] = {}
        left, looks = [table], 0
        while left:
            some, looks = left.pop(), looks + 1
            cases = Spine(some).cases
            half = len(cases) // 2
            try:
                sightings += self._look(cases, Facts.of(self.known, cases.guarantee_ids), some)
                names += cases.guarantee_ids
            except VouchError:
                raise
            except Exception as error:  # whatever it is, the rest of the book is to be looked at
                if half and looks <= MOST_LOOKS:
                    left += [some.slice(half), some.slice(0, half)]
                else:
                    unseen |= dict.fromkeys(cases.guarantee_ids, repr(error))
        return Part(names, sightings, unseen)

    def _look(self, cases: Cases, facts: Facts, table: pa.Table) -> list[Sighting]:
        """The sightings among some guarantees; `table` has their rows of the spine."""
        features = compute(self.champion.features, cases, facts, self.history)
        scored = score_features(self.champion, cases, features)
        views = Views(facts, cases, self.history)
        snapshot = Snapshot(
            cases=cases,
            views=views,
            scores=scored.scores.astype(np.float64),
            scores_before=self._scores_before(cases, facts, table),
            default_probabilities=scored.default_probabilities,
        )
        seen = signals(snapshot, self.policy, self.as_of)
        found = list(most_urgent(seen).values())
        wanted = {signal.guarantee_id for signal in found}
        rows = [row for row, name in enumerate(cases.guarantee_ids) if name in wanted]
        some = Cases([cases.guarantee_ids[row] for row in rows], cases.as_of[rows])
        detail = self._details(snapshot, scored, rows, views, table)
        for row, chance in zip(rows, self._chances(snapshot, seen)[rows].tolist(), strict=True):
            detail[cases.guarantee_ids[row]]["chance"] = chance
        for name, path in self._paths(
            some, facts, views.guarantee.number("start_on")[rows]
        ).items():
            detail[name]["path"] = [*path, [self._month_day(0), detail[name]["score"]]]
        rows_of = {cases.guarantee_ids[row]: row for row in rows}
        managers, guarantors = (views.guarantee.text(f"{w}_id") for w in ("manager", "guarantor"))
        borrowers = table["borrower_id"].to_pylist()
        circles = dict(zip(rows, self.circles.names_of([borrowers[r] for r in rows]), strict=True))
        sightings = []
        for signal in found:
            row, told = rows_of[signal.guarantee_id], detail[signal.guarantee_id]
            sightings.append(
                Sighting(
                    signal=signal,
                    manager_id=managers[row],
                    borrower_id=borrowers[row],
                    guarantor_id=guarantors[row],
                    circle=circles[row],
                    expected=float(told["expected_total"]),
                    detail=told,
                )
            )
        return sightings

    def _chances(self, snapshot: Snapshot, seen: Sequence[Signal]) -> Floats:
        standing = Standing(
            snapshot.subject_ids,
            snapshot.scores,
            snapshot.scores_before,
            snapshot.views.performance.last("days_past_due"),
            self.champion.scale.points_to_double,
        )
        return chances(self.policy.ranking(self.as_of), standing.inputs(seen))

    def _scored(self, features: Mapping[str, Any]) -> tuple[Floats, Floats]:
        probabilities = self.champion.probabilities(self.champion.encoder.matrix(features))
        scale = self.champion.scale
        scores = [scale.score(probability) for probability in probabilities.tolist()]
        return probabilities, np.array(scores, dtype=np.float64)

    def _scores_before(self, cases: Cases, facts: Facts, table: pa.Table) -> Floats:
        found = np.full(len(cases), np.nan)
        rows = np.flatnonzero(table["was_in_force"].to_numpy())
        if len(rows):
            names = cases.take(rows).guarantee_ids
            earlier = Cases(names, np.full(len(rows), to_days(self.earlier)))
            features = compute(self.champion.features, earlier, facts, self.history)
            found[rows] = self._scored(features)[1]
        return found

    def _paths(self, some: Cases, facts: Facts, starts: Floats) -> dict[str, list[list[Any]]]:
        """Earlier scores of what fired, from the start of each guarantee on."""
        found: dict[str, list[list[Any]]] = {name: [] for name in some.guarantee_ids}
        for days in PATH_DAYS:
            then = some.as_of - days
            rows = np.flatnonzero(then >= starts)
            if not len(rows):
                continue
            cases = Cases([some.guarantee_ids[row] for row in rows.tolist()], then[rows])
            scores = self._scored(compute(self.champion.features, cases, facts, self.history))[1]
            for name, score in zip(cases.guarantee_ids, scores.tolist(), strict=True):
                found[name].append([self._month_day(days), int(score)])
        return found

    def _month_day(self, days: int) -> str:
        return f"{self.earlier + timedelta(days=self.back - days):%m-%d}"

    def _details(
        self,
        snapshot: Snapshot,
        scored: Scores,
        rows: Sequence[int],
        views: Views,
        table: pa.Table,
    ) -> dict[str, dict[str, Any]]:
        names = views.borrower.text("name")
        schemes, starts = views.guarantee.text("scheme"), views.guarantee.number("start_on")
        amounts, balances = views.guarantee.number("amount"), views.performance.last("balance")
        guaranteed = views.guarantee.number("guaranteed_amount")
        late, lenders = views.performance.last("days_past_due"), table["lender"].to_pylist()
        guarantee_ids = snapshot.cases.guarantee_ids
        details = {}
        for row in rows:
            probability = float(snapshot.default_probabilities[row])
            exposure = exposure_of(amounts[row], balances[row], guaranteed[row])
            signed = _day(starts[row])
            expected = self.schemes.expected(schemes[row], signed, probability, exposure)
            score = int(snapshot.scores[row])
            details[guarantee_ids[row]] = {
                "borrower": masked(names[row]),
                "lender": plain_text(lenders[row]),
                "amount": str(money(amounts[row])),
                "balance": str(exposure),
                "days_past_due": _number(late[row]),
                "score": score,
                "score_before": _number(snapshot.scores_before[row]),
                "grade": self.policy.grade(score).name,
                "default_probability": probability,
                "reasons": _worst(scored, row),
                "scheme": expected.scheme,
                "scheme_given": schemes[row],
                "scheme_is_assumed": expected.is_assumed,
                "expected": {party.value: str(v) for party, v in expected.by_party.items()},
                "expected_total": str(expected.total),
                "back_days": self.back,
            }
        return details


def _worst(scores: Scores, row: int) -> list[dict[str, Any]]:
    return [
        {"points": reason.points, "zh": plain_text(reason.zh), "en": plain_text(reason.en)}
        for reason in adverse(scores, row, MOST_REASONS)
    ]


def _number(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def _day(days: float) -> date | None:
    return None if np.isnan(days) else EPOCH + timedelta(days=int(days))


def money(yuan: float) -> Decimal:
    """An amount read as float64, to the fen: exact below 10^13 yuan."""
    return Decimal(f"{yuan:.2f}")


def plain_text(text: str | None) -> str:
    """Text from outside without control and formatting characters, on one line."""
    kept = (c if unicodedata.category(c)[0] != "C" else " " for c in text or "")
    return " ".join("".join(kept).split())


_FORMS = ("公司", "合作社", "农场", "个体户")


def masked(name: str | None) -> str:
    """The first character of a name, and the form of a company.

    >>> masked("张小明"), masked("晋中恒达机械有限公司"), masked(None)
    ('张*', '晋*公司', '*')
    """
    text = plain_text(name)
    form = next((form for form in _FORMS if text.endswith(form) and len(text) > len(form)), "")
    return f"{text[:1]}*{form}"
