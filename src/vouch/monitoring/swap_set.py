"""Champion against challenger: who would be decided otherwise, and how those turned out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from vouch.book.book import Book
from vouch.domain.advice.terms import Outcome
from vouch.errors import ModelError
from vouch.features.asof import Flags, Floats
from vouch.features.describe import Progress, silent
from vouch.monitoring.evaluation import learnt_from, settled
from vouch.monitoring.performance import Figure, flat, measure
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle


@dataclass(frozen=True)
class Group:
    """Cases that two models decide in one way, and what became of them."""

    rows: int
    compensated: int
    champion_predicted: float
    challenger_predicted: float

    @property
    def observed(self) -> float:
        """The share that was compensated; NaN of none."""
        return self.compensated / self.rows if self.rows else float("nan")


@dataclass(frozen=True)
class SwapSet:
    """Both models on the same cases, by the bands of the grades in force.

    `learnt` are the versions that learnt from cases of the window, which flatters them.
    """

    stage: str
    champion: str
    challenger: str
    since: date
    until: date
    rows: int
    compensated: int
    champion_figures: Mapping[str, Figure]
    challenger_figures: Mapping[str, Figure]
    groups: Mapping[str, Group]
    learnt: Sequence[str] = ()

    def summary(self) -> dict[str, Any]:
        """As `vouch compare --json` prints it."""
        return {
            "stage": self.stage,
            "champion": {"version": self.champion, **flat(self.champion_figures)},
            "challenger": {"version": self.challenger, **flat(self.challenger_figures)},
            "from": str(self.since),
            "until": str(self.until),
            "rows": self.rows,
            "compensated": self.compensated,
            "learnt_from_these_days": list(self.learnt),
            **{
                name: vars(group) | {"observed": group.observed if group.rows else None}
                for name, group in self.groups.items()
            },
        }


def swap_set(
    book: Book,
    champion: Bundle,
    challenger: Bundle,
    policy: Policy,
    since: date,
    until: date,
    today: date,
    progress: Progress = silent,
) -> SwapSet:
    """Decide the cases of a window by both models, and set their known outcomes beside.

    Outcomes are known of guarantees that were granted only: of those newly approved it shows the
    ones that somebody approved all the same.

    Raises:
        ModelError: the two ask different things: another stage, moment or horizon.
        NotFoundError: the window holds no case with a known outcome.
    """
    asked = [(one.stage, one.spec.moment, one.spec.horizon) for one in (champion, challenger)]
    if asked[0] != asked[1]:
        told = " and ".join(f"{stage.value} by {moment}, {end}" for stage, moment, end in asked)
        raise ModelError(
            f"versions {champion.version} and {challenger.version} ask different things and cannot "
            f"be compared: {told}"
        )
    found = settled(book, [champion, challenger], since, until, today, progress)
    ours, theirs = (found.probabilities(one) for one in (champion, challenger))
    return SwapSet(
        stage=champion.stage.value,
        champion=champion.version,
        challenger=challenger.version,
        since=since,
        until=until,
        rows=len(found.outcome),
        compensated=int(found.outcome.sum()),
        champion_figures=measure(found.outcome, ours),
        challenger_figures=measure(found.outcome, theirs),
        groups=_groups(
            found.outcome,
            ours,
            theirs,
            _bands(policy, champion, ours),
            _bands(policy, challenger, theirs),
        ),
        learnt=[b.version for b in (champion, challenger) if learnt_from(b, since, until)],
    )


def _bands(policy: Policy, bundle: Bundle, probability: Floats) -> Any:
    return np.array([policy.grade(bundle.scale.score(p)).band for p in probability.tolist()])


def _groups(
    outcome: Floats, ours: Floats, theirs: Floats, before: Any, after: Any
) -> dict[str, Group]:
    def group(here: Flags) -> Group:
        means = (float(p[here].mean()) if here.any() else float("nan") for p in (ours, theirs))
        return Group(int(here.sum()), int(outcome[here].sum()), *means)

    return {
        "newly_approved": group((before != Outcome.APPROVE) & (after == Outcome.APPROVE)),
        "no_longer_approved": group((before == Outcome.APPROVE) & (after != Outcome.APPROVE)),
        "newly_declined": group((before != Outcome.DECLINE) & (after == Outcome.DECLINE)),
        "no_longer_declined": group((before == Outcome.DECLINE) & (after != Outcome.DECLINE)),
        "as_before": group(before == after),
    }
