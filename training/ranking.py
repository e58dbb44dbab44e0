"""Learning by what alerts are ranked, from outcomes known at the time.

python -m training.ranking --book DIR [--book DIR ...] --first 2018-03-31 --until 2021-12-31 \
    --known-by 2022-06-30 --looks-until 2023-12-31 --numbers-on 2024-01-01

A post-loan model is made from what was known by `--known-by`; every guarantee in force is looked at
on each later month end, and a logistic regression learns which were compensated within the horizon.
Prints the weights for `policy/ranking.toml`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from training.fit import seen_features
from training.frame import Frame
from training.run import make_bundle
from vouch.book.book import Book, Known
from vouch.domain.alert import Signal
from vouch.domain.calendar import month_ends
from vouch.domain.combination import combine
from vouch.domain.ranking import INPUTS
from vouch.features.asof import Floats
from vouch.features.describe import describe, partitions
from vouch.features.facts import Cases, Facts, Views, compute, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import in_force, spine
from vouch.labels import outcomes
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.spec import Spec
from vouch.settings import Settings
from vouch.warning.ranking import Standing
from vouch.warning.rule import Snapshot, signals
from vouch.warning.rules.model import days_back

HORIZON_DAYS = 180
_RIDGE = 1.0
_FIRST_TERMS = date(2020, 1, 1)  # a book may be older than the first terms of response


@dataclass(frozen=True)
class Looks:
    """Every guarantee in force at every look, one row each.

    `inputs` has a column for each of `INPUTS`; `worth` is the most that telling of one of its
    alerts is worth by the terms of response, nothing where none asks for an answer;
    `compensated_on` is NaN where that never came, `paid` what was compensated, in yuan.
    """

    guarantee: np.ndarray
    manager: np.ndarray
    day: Floats
    probability: Floats
    score: Floats
    before: Floats
    days_past_due: Floats
    balance: Floats
    worth: Floats
    inputs: Floats
    compensated_on: Floats
    paid: Floats

    @property
    def left(self) -> Floats:
        """Days until compensation."""
        return self.compensated_on - self.day

    @property
    def outcome(self) -> Floats:
        """Whether compensation follows within the horizon."""
        return ((self.left > 0) & (self.left <= HORIZON_DAYS)).astype(np.float64)

    def rows(self, mask: np.ndarray) -> Looks:
        """Some of them."""
        return Looks(**{name: values[mask] for name, values in vars(self).items()})


def joined(parts: Sequence[Looks]) -> Looks:
    """Looks at several books."""
    names = Looks.__dataclass_fields__
    return Looks(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in names})


def champion(known: Known, first: date, until: date) -> Bundle:
    """The post-loan model as specified, from quarter ends whose outcomes are known."""
    spec = Spec.read(Settings.from_env().models / "post_loan" / "spec.toml")
    cases = spine(known, "quarter_end", first, until)
    ends = [spec.horizon.end(day) for day in cases.table["as_of"].to_pylist()]
    outcome = outcomes(known, cases, ends)
    cases, outcome = cases.take(~np.isnan(outcome)), outcome[~np.isnan(outcome)]
    history = PortfolioIndex.of(known)
    wanted = list(dict.fromkeys([*spec.feature_names, *spec.limits]))
    frame = Frame(cases, describe(known, cases.cases, wanted, history), outcome, history)
    names = seen_features(frame.columns, spec.feature_names)
    return make_bundle(spec, Policy(), frame, names, known.as_of)


def look(
    known: Known, bundle: Bundle, since: date, until: date, numbers_on: date | None = None
) -> Looks:
    """Look at the book at every month end from `since` to `until`; outcomes are those known.

    Args:
        numbers_on: rules have the numbers of this day, with which the weights will be used; by
            default each look has those of its own day.
    """
    looker = _Looker(bundle, Policy(), PortfolioIndex.of(known), numbers_on)
    parts = [
        looker.look(day, cases, facts)
        for day in month_ends(since, until)
        for cases, facts in partitions(known, in_force(known, [day]).cases)
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    paid = known.query(
        "SELECT guarantee_id, min(event_at) AS day, sum(amount)::DOUBLE AS paid "
        f"FROM {known.current('compensation')} GROUP BY 1"
    ).to_pylist()
    by_name = {row["guarantee_id"]: (to_days(row["day"]), row["paid"]) for row in paid}
    ends = [by_name.get(name, (np.nan, 0.0)) for name in found["guarantee"].tolist()]
    days, sums = (np.array(column, dtype=np.float64) for column in zip(*ends, strict=True))
    return Looks(**found, compensated_on=days, paid=sums)


@dataclass(frozen=True)
class _Looker:
    bundle: Bundle
    policy: Policy
    history: PortfolioIndex
    numbers_on: date | None

    def look(self, day: date, cases: Cases, facts: Facts) -> dict[str, np.ndarray]:
        views = Views(facts, cases, self.history)
        probability, score = self._scored(cases, facts)
        earlier = Cases(cases.guarantee_ids, cases.as_of - days_back(self.policy, day))
        before = self._scored(earlier, facts)[1]
        before[~(earlier.as_of >= views.guarantee.number("start_on"))] = np.nan
        late = np.nan_to_num(views.performance.last("days_past_due"))
        ids = cases.guarantee_ids
        snapshot = Snapshot(cases, views, score, before, probability)
        found = signals(snapshot, self.policy, self.numbers_on or day)
        balance = np.nan_to_num(views.performance.last("balance"))
        standing = Standing(ids, score, before, late, self.policy.scale.points_to_double)
        inputs = standing.inputs(found)
        managers = [name or "" for name in views.guarantee.text("manager_id")]
        return {
            "guarantee": np.array(ids, dtype=object),
            "manager": np.array(managers, dtype=object),
            "day": cases.as_of,
            "probability": probability,
            "score": score,
            "before": before,
            "days_past_due": late,
            "balance": balance,
            "worth": self._worth(found, ids, probability * balance, day),
            "inputs": np.column_stack([inputs[name] for name in INPUTS]),
        }

    def _worth(
        self, found: Sequence[Signal], ids: Sequence[str], at_stake: Floats, day: date
    ) -> Floats:
        terms = self.policy.response(max(day, _FIRST_TERMS))
        lost = float(self.policy.loss_given_default)
        row_of, worth = {name: row for row, name in enumerate(ids)}, np.zeros(len(ids))
        for signal in combine(found, (), terms.left_out):
            if terms.answers[signal.severity].within is not None:
                row = row_of[signal.guarantee_id]
                value = terms.value(signal.severity, lost * at_stake[row], signal.lead_days)
                worth[row] = max(worth[row], value, 1.0)
        return worth

    def _scored(self, cases: Cases, facts: Facts) -> tuple[Floats, Floats]:
        features = compute(self.bundle.features, cases, facts, self.history)
        found = self.bundle.probabilities(self.bundle.encoder.matrix(features))
        scores = [self.bundle.scale.score(p) for p in found.tolist()]
        return np.array(found, dtype=np.float64), np.array(scores, dtype=np.float64)


def learn(looks: Looks) -> tuple[float, dict[str, float]]:
    """Intercept and weights of a logistic regression with a ridge on standardised inputs."""
    scale = np.maximum(looks.inputs.std(axis=0), 1e-9)
    model = LogisticRegression(C=_RIDGE, max_iter=2_000)
    model.fit(looks.inputs / scale, looks.outcome)
    weights = model.coef_[0] / scale
    return float(model.intercept_[0]), dict(zip(INPUTS, weights.tolist(), strict=True))


def written(intercept: float, weights: Mapping[str, float]) -> Iterator[str]:
    """The lines for `policy/ranking.toml`."""
    yield f"intercept = {intercept:.4f}"
    yield ""
    yield "[version.weights] # in log-odds"
    for name, about in INPUTS.items():
        yield f"{name} = {weights[name]:.4f} # {about}"


def main(argv: Sequence[str] | None = None) -> None:
    """Learn and print."""
    parser = argparse.ArgumentParser(prog="python -m training.ranking")
    parser.add_argument("--book", type=Path, action="append", required=True)
    for name in ("--first", "--until", "--known-by", "--looks-until", "--numbers-on"):
        parser.add_argument(name, type=date.fromisoformat, required=True)
    asked = parser.parse_args(argv)
    parts = []
    for path in asked.book:
        book = Book(path)
        made = champion(book.known(asked.known_by), asked.first, asked.until)
        settled = book.known(asked.looks_until + timedelta(days=HORIZON_DAYS))
        since = asked.known_by + timedelta(days=1)
        parts.append(look(settled, made, since, asked.looks_until, asked.numbers_on))
    sys.stdout.write("\n".join(written(*learn(joined(parts)))) + "\n")


if __name__ == "__main__":
    main()
