"""Every model on one protocol: the same rows, the same draws, paired differences."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.models.ours import fit_and_judge
from benchmarks.models.peers import Peer
from benchmarks.models.rows import Fold, Part, Protocol, by_name
from vouch.features.asof import Floats
from vouch.monitoring.performance import measure

OURS, TRUTH = "vouch", "truth"
RESAMPLES = 500
_TUNING_FOLDS = 3

# Behind a peer's name where it learnt from Vouch's features beside the plain fields.
FEATURES = "+features"
# Behind Vouch's name where it learnt from cases still running as well.
RUNNING = "+running"
_WITH_FEATURES = ("lightgbm", "catboost", "one-hot-logistic")

_Fit = Callable[[Fold], tuple[Floats, int]]


@dataclass(frozen=True)
class Result:
    """One model on one protocol; `difference` is Vouch's AUC less this model's, with interval."""

    protocol: str
    model: str
    figures: dict[str, float]
    fit_seconds: float
    size: int
    difference: tuple[float, float, float] | None = None

    @property
    def miss(self) -> float:
        """|log(mean predicted / observed)|: how far the level is off."""
        return float(abs(np.log(self.figures["mean_predicted"] / self.figures["observed"])))

    def row(self) -> dict[str, Any]:
        """As `--json` writes it."""
        wanted = ("auc", "ks", "brier", "log_loss", "mean_predicted", "observed")
        figures = {name: self.figures[name] for name in wanted}
        return {
            "protocol": self.protocol,
            "model": self.model,
            **figures,
            "fit_seconds": round(self.fit_seconds, 2),
        }


def compare(protocol: Protocol, peers: Sequence[Peer], say: Callable[[str], None]) -> list[Result]:
    """Fit and judge every model; one that breaks is named and left out."""
    outcome = np.concatenate([fold.judge.outcome for fold in protocol.folds])
    found = [_run(protocol, OURS, outcome, lambda fold: fit_and_judge(protocol.spec, fold))]
    say(_line(found[0][0]))
    for name, fit in _contenders(protocol, peers):
        try:
            found.append(_run(protocol, name, outcome, fit))
        except Exception as error:
            say(f"  {name} failed: {type(error).__name__}: {str(error)[:200]}")
            continue
        say(_line(found[-1][0]))
    ceilings = [fold.ceiling for fold in protocol.folds if fold.ceiling is not None]
    if ceilings:
        truth = np.concatenate(ceilings)
        found.append((_result(protocol, TRUTH, outcome, truth, 0.0, 0), truth))
        say(_line(found[-1][0]))
    draws = _draws(outcome, [probability for _, probability in found])
    ours = found[0][0]
    others = enumerate((result for result, _ in found[1:]), 1)
    return [ours, *(_beside(r, ours, draws[:, 0], draws[:, n]) for n, r in others)]


def _contenders(protocol: Protocol, peers: Sequence[Peer]) -> Iterator[tuple[str, _Fit]]:
    """Vouch with running cases, every peer on plain fields, the best with Vouch's features too."""
    if any(fold.running for fold in protocol.folds):
        yield OURS + RUNNING, lambda fold: fit_and_judge(protocol.spec, fold, and_running=True)
    for peer in peers:
        yield peer.name, partial(_peer, peer, lambda part: part.fields)
    if all(set(protocol.spec.feature_names) <= set(f.learn.fields) for f in protocol.folds):
        return  # the plain fields are the features
    for peer in peers:
        if peer.name in _WITH_FEATURES:
            yield peer.name + FEATURES, partial(_peer, peer, with_features)


def with_features(part: Part) -> pd.DataFrame:
    """The plain fields, and every feature of the specification that is not one of them."""
    more = {n: v for n, v in part.frame.columns.items() if n not in part.fields}
    return pd.concat([part.fields, pd.DataFrame(more, index=part.fields.index)], axis=1)


def _run(protocol: Protocol, name: str, outcome: Floats, run: _Fit) -> tuple[Result, Floats]:
    started = time.perf_counter()
    parts, sizes = zip(*(run(fold) for fold in protocol.folds), strict=True)
    seconds = time.perf_counter() - started
    probability = np.concatenate(parts)
    return _result(protocol, name, outcome, probability, seconds, max(sizes)), probability


def _result(
    protocol: Protocol, name: str, outcome: Floats, probability: Floats, seconds: float, size: int
) -> Result:
    figures = {key: figure.value for key, figure in measure(outcome, probability).items()}
    return Result(protocol.name, name, figures, seconds, size)


def _peer(peer: Peer, fields: Callable[[Part], pd.DataFrame], fold: Fold) -> tuple[Floats, int]:
    learn, judge = fields(fold.learn), fields(fold.judge)
    # a field that says nothing among the learning rows would break half of the libraries
    varying = [name for name in learn if learn[name].nunique(dropna=False) > 1]
    groups = by_name(fold.learn.frame.spine.table["borrower_id"].to_pylist(), _TUNING_FOLDS)
    predict, size = peer.fit(learn[varying], fold.learn.outcome, groups)
    return np.asarray(predict(judge[varying]), dtype=np.float64), size


def _draws(outcome: Floats, probabilities: Sequence[Floats]) -> Floats:
    """AUC of every model on the same resamples: draws × models."""
    random = np.random.default_rng(0)
    ranks = [_Ranked.of(outcome, p) for p in probabilities]
    found = np.empty((RESAMPLES, len(ranks)))
    for number in range(RESAMPLES):
        drawn = random.integers(0, len(outcome), len(outcome))
        weight = np.bincount(drawn, minlength=len(outcome)).astype(np.float64)
        found[number] = [ranked.auc(weight) for ranked in ranks]
    return found


@dataclass(frozen=True)
class _Ranked:
    """Rows by ascending probability; `ends` are the last positions of ties."""

    order: Any
    outcome: Floats
    ends: Any

    @classmethod
    def of(cls, outcome: Floats, probability: Floats) -> _Ranked:
        order = np.argsort(probability, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(probability[order]) > 0, True))
        return cls(order, outcome[order], ends)

    def auc(self, weight: Floats) -> float:
        ordered = weight[self.order]
        bad = np.diff(np.cumsum(ordered * self.outcome)[self.ends], prepend=0.0)
        good = np.diff(np.cumsum(ordered * (1 - self.outcome))[self.ends], prepend=0.0)
        return float(bad @ (np.cumsum(good) - good / 2) / (bad.sum() * good.sum()))


def _beside(result: Result, ours: Result, our_draws: Floats, draws: Floats) -> Result:
    low, high = np.quantile(our_draws - draws, [0.025, 0.975])
    gap = ours.figures["auc"] - result.figures["auc"]
    return replace(result, difference=(gap, float(low), float(high)))


def _line(result: Result) -> str:
    f = result.figures
    return (
        f"  {result.model:18s} AUC {f['auc']:.4f}  KS {f['ks']:.4f}  log loss {f['log_loss']:.4f}  "
        f"predicted {f['mean_predicted']:.4f}  observed {f['observed']:.4f}  "
        f"{result.fit_seconds:6.1f} s"
    )
