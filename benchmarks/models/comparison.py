"""Every model on one protocol: the same rows, the same draws, paired differences."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.models.ours import fit_and_judge
from benchmarks.models.peers import Peer
from benchmarks.models.rows import Fold, Protocol, by_name
from vouch.features.asof import Floats
from vouch.monitoring.performance import measure

OURS, TRUTH = "vouch", "truth"
RESAMPLES = 500
_TUNING_FOLDS = 3


@dataclass(frozen=True)
class Result:
    """One model on one protocol; `difference` is Vouch's AUC less this model's, with interval."""

    protocol: str
    model: str
    figures: dict[str, float]
    fit_seconds: float
    size: int
    probability: Floats
    difference: tuple[float, float, float] | None = None

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
    say(_line(found[0]))
    for peer in peers:
        try:
            found.append(_run(protocol, peer.name, outcome, lambda f, p=peer: _peer(p, f)))
        except Exception as error:
            say(f"  {peer.name} failed: {type(error).__name__}: {str(error)[:200]}")
            continue
        say(_line(found[-1]))
    ceilings = [fold.ceiling for fold in protocol.folds if fold.ceiling is not None]
    if ceilings:
        truth = np.concatenate(ceilings)
        found.append(_result(protocol, TRUTH, outcome, truth, 0.0, 0))
        say(_line(found[-1]))
    draws = _draws(outcome, [result.probability for result in found])
    return [
        found[0],
        *(_beside(r, found[0], draws[:, 0], draws[:, n]) for n, r in enumerate(found) if n),
    ]


def _run(
    protocol: Protocol, name: str, outcome: Floats, run: Callable[[Fold], tuple[Floats, int]]
) -> Result:
    started = time.perf_counter()
    parts, sizes = zip(*(run(fold) for fold in protocol.folds), strict=True)
    seconds = time.perf_counter() - started
    return _result(protocol, name, outcome, np.concatenate(parts), seconds, max(sizes))


def _result(
    protocol: Protocol, name: str, outcome: Floats, probability: Floats, seconds: float, size: int
) -> Result:
    figures = {key: figure.value for key, figure in measure(outcome, probability).items()}
    return Result(protocol.name, name, figures, seconds, size, probability)


def _peer(peer: Peer, fold: Fold) -> tuple[Floats, int]:
    learn, judge = fold.learn.fields, fold.judge.fields
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
    return Result(**{**vars(result), "difference": (gap, float(low), float(high))})


def _line(result: Result) -> str:
    f = result.figures
    return (
        f"  {result.model:18s} AUC {f['auc']:.4f}  KS {f['ks']:.4f}  log loss {f['log_loss']:.4f}  "
        f"predicted {f['mean_predicted']:.4f}  observed {f['observed']:.4f}  "
        f"{result.fit_seconds:6.1f} s"
    )
