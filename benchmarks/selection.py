"""What it does to a model that refused applicants have no outcome, and whether making one up helps.

A simulated province knows how everybody would have fared. A former policy refuses three in ten of
the applicants to learn from, whose outcomes are then hidden; models learn from the rest, by each
method of reject inference, and all are judged on every later applicant, refused or not.

python -m benchmarks.selection [--json FILE] [--draws N]
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression

from benchmarks.models.province import GUARANTEES, SEED
from benchmarks.models.rows import Part, between, cases, known_at_end
from training.fit import seen_features
from training.frame import Frame
from training.run import fit_calibrated
from training.strength import with_strength
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.features.asof import Flags, Floats
from vouch.monitoring.performance import measure
from vouch.scoring.spec import Spec
from vouch.settings import Settings
from vouch.simulator import simulate

REFUSED = 0.3
_FIRST, _LAST = date(2014, 1, 1), date(2025, 6, 30)
_LEARNT_TO, _JUDGED_FROM = date(2018, 6, 30), date(2021, 7, 1)
_NOISE = 1.0  # of what an underwriter sees of the true risk, in log-odds
_MOST_COPIES = 10
_SHOWN = ("interest_rate", "amount_to_revenue", "years_in_business")

# A method makes the rows to learn from: all rows, of which the outcomes of those not `granted` are
# not to be looked at, what a model of the granted says of all, and a generator for what it draws.
Method = Callable[[Frame, Flags, Floats, np.random.Generator], Frame]


@dataclass(frozen=True)
class Learner:
    """The shipped pipeline on a frame, as probabilities of other rows."""

    spec: Spec

    def fit(self, frame: Frame) -> Callable[[Frame], Floats]:
        """Learn, and say how likely each row of another frame is compensated."""
        names = seen_features(frame.columns, self.spec.feature_names)
        model = fit_calibrated(with_strength(self.spec, frame, names), frame, names)

        def predict(rows: Frame) -> Floats:
            margins = model.margins(model.fit.encoder.matrix(rows.columns))
            return np.asarray(1.0 / (1.0 + np.exp(-margins)))

        return predict


def everybody(frame: Frame, granted: Flags, said: Floats, random: np.random.Generator) -> Frame:
    """What cannot be had: the outcomes of the refused as well."""
    return frame


def reweighted(frame: Frame, granted: Flags, said: Floats, random: np.random.Generator) -> Frame:
    """Augmentation: a granted case stands for 1 / P(granted) like it, in whole copies."""
    shown = np.column_stack([_ranks(frame.columns[name]) for name in _SHOWN])
    chance = LogisticRegression().fit(shown, granted).predict_proba(shown)[:, 1]
    wanted = np.where(granted, np.minimum(1 / chance, _MOST_COPIES), 0.0)
    copies = np.floor(wanted + random.random(len(wanted))).astype(np.int64)
    return frame.take(np.repeat(np.arange(len(frame)), copies))


def parcelled(factor: float) -> Method:
    """Parcelling: the refused fail `factor` times as often as a model of the granted says."""

    def make(frame: Frame, granted: Flags, said: Floats, random: np.random.Generator) -> Frame:
        drawn = random.random(len(said)) < np.minimum(factor * said, 1.0)
        outcome = np.where(granted, frame.outcome, drawn.astype(np.float64))
        return Frame(frame.spine, frame.columns, outcome, frame.history)

    return make


AS_SHIPPED = "granted only (as shipped)"
METHODS: Mapping[str, Method] = {
    "reweighted": reweighted,
    "parcelled, as predicted": parcelled(1.0),
    "parcelled, twice as bad": parcelled(2.0),
    "parcelled, four times as bad": parcelled(4.0),
    "everybody (not to be had)": everybody,
}


def by_the_form(frame: Frame, truth: Floats, random: np.random.Generator) -> Floats:
    """Risk as a former scorecard of three fields of the form sees it."""
    sign = {"years_in_business": -1.0}
    return np.sum([sign.get(n, 1.0) * _ranks(frame.columns[n]) for n in _SHOWN], axis=0)


def by_more_than_the_form(frame: Frame, truth: Floats, random: np.random.Generator) -> Floats:
    """Risk as an underwriter sees it who knows the borrower, with an error."""
    return np.log(truth / (1 - truth)) + random.normal(0.0, _NOISE, len(truth))


POLICIES = {"by the form": by_the_form, "by more than the form": by_more_than_the_form}


def _ranks(values: Floats) -> Floats:
    """Ranks in [0, 1]; missing in the middle."""
    found = np.full(len(values), 0.5)
    there = ~np.isnan(values)
    order = np.argsort(np.argsort(values[there], kind="stable"), kind="stable")
    found[there] = order / max(there.sum() - 1, 1)
    return found


def refuse(risk: Floats, share: float) -> Flags:
    """Whom a policy grants: all but the `share` that it holds the riskiest."""
    return np.asarray(risk <= np.quantile(risk, 1 - share))


def compare(learn: Frame, judge: Frame, spec: Spec, truth: Floats, draws: int) -> Iterator[dict]:
    """A row for each policy and method, its figures the means over the draws.

    `truth` is the true probability of the rows to learn from and then of those judged.
    """
    learner = Learner(spec)
    for policy, risk_of in POLICIES.items():
        found: dict[str, list[list[float]]] = {name: [] for name in (AS_SHIPPED, *METHODS)}
        for draw in range(draws):
            random = np.random.default_rng([SEED, draw])
            granted = refuse(risk_of(learn, truth[: len(learn)], random), REFUSED)
            would = refuse(risk_of(judge, truth[len(learn) :], random), REFUSED)
            shipped = learner.fit(learn.take(granted))
            found[AS_SHIPPED].append(_figures(judge.outcome, shipped(judge), would))
            said = shipped(learn)
            for name, method in METHODS.items():
                model = learner.fit(method(learn, granted, said, random))
                found[name].append(_figures(judge.outcome, model(judge), would))
        for name, figures in found.items():
            auc, *levels = np.mean(figures, axis=0).tolist()
            row = {"policy": policy, "method": name, "auc": auc}
            yield row | dict(zip(_LEVELS, levels, strict=True))


_LEVELS = ("granted_predicted", "granted_observed", "refused_predicted", "refused_observed")


def _figures(outcome: Floats, said: Floats, would: Flags) -> list[float]:
    auc = measure(outcome, said)["auc"].value
    sides = [(said[side].mean(), outcome[side].mean()) for side in (would, ~would)]
    return [auc, *(float(value) for pair in sides for value in pair)]


def _province(folder: Path) -> tuple[Frame, Frame, Spec, Floats]:
    """Applicants to learn from and to judge on, and the true probability of both, in turn."""
    book = Book(folder / "province", create=True)
    if not book.commits():
        simulate(book, GUARANTEES, SEED, first=_FIRST, until=_LAST)
    spec = Spec.read(Settings.from_env().models / Stage.PRE_LOAN.value / "spec.toml")
    part = cases(known_at_end(book), spec, ["amount"], _FIRST, _LAST)
    learn, judge = _sides(part)
    said = pq.read_table(
        sorted((book.path / "truth").glob("outcome-*.parquet")),
        columns=["guarantee_id", "compensated_within_36_months"],
    )
    known = dict(zip(*(said[name].to_pylist() for name in said.column_names), strict=True))
    ids = [g for frame in (learn, judge) for g in frame.spine.table["guarantee_id"].to_pylist()]
    return learn, judge, spec, np.clip([known[g] for g in ids], 1e-6, 1 - 1e-6)


def _sides(part: Part) -> tuple[Frame, Frame]:
    learn, judge = between(part, _FIRST, _LEARNT_TO), between(part, _JUDGED_FROM, _LAST)
    return part.take(learn).frame, part.take(judge).frame


def _line(row: dict) -> str:
    levels = " | ".join(f"{row[name]:.2%}" for name in _LEVELS)
    return f"| {row['policy']} | {row['method']} | {row['auc']:.3f} | {levels} |"


def main() -> int:
    """Print a table; write JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection")
    parser.add_argument("--json", type=Path, help="write every row to this file")
    parser.add_argument("--draws", type=int, default=3, help="times that applicants are refused")
    parser.add_argument("--scratch", type=Path, help="keep the simulated book here")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder:
        learn, judge, spec, truth = _province(asked.scratch or Path(folder))
    print(f"{len(learn):,} applicants to learn from, {len(judge):,} judged, {asked.draws} draws")
    print(
        "| policy | method | AUC | granted: predicted | observed | refused: predicted | observed |"
    )
    print("|---|---|---|---|---|---|---|")
    rows = []
    for row in compare(learn, judge, spec, truth, asked.draws):
        rows.append(row)
        print(_line(row), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
