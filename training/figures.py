"""The pictures that go with a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.run import Judgement

_MOST_NAMED = 8


def draw(judgement: Judgement, folder: Path) -> None:
    """Draw the ROC curve, KS, calibration and level by quarter as PNG into `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    (left, middle), (right, last) = axes
    order = np.argsort(-judgement.probability, kind="stable")
    bad = np.cumsum(judgement.outcome[order]) / judgement.outcome.sum()
    good = np.cumsum(1 - judgement.outcome[order]) / (1 - judgement.outcome).sum()
    auc, ks = judgement.figures["auc"], judgement.figures["ks"]
    left.plot(good, bad, color="#1f4e79")
    left.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
    left.set(title=f"ROC, AUC {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]")
    left.set(xlabel="share of clear cases", ylabel="share of compensated cases")
    share = np.arange(1, len(order) + 1) / len(order)
    middle.plot(share, bad, color="#b03a2e", label="compensated")
    middle.plot(share, good, color="#1f4e79", label="clear")
    middle.set(title=f"KS {ks.value:.3f}", xlabel="share of cases, riskiest first")
    middle.set(ylabel="share reached")
    middle.legend(frameon=False)
    _calibration(right, judgement)
    _level(last, judgement)
    figure.savefig(folder / "performance.png", dpi=110)
    plt.close(figure)


def _calibration(axis: object, judgement: Judgement) -> None:
    levels = judgement.grades
    predicted = [100 * level.predicted for level in levels]
    observed = [100 * level.observed.value for level in levels]
    low = [100 * (g.observed.value - g.observed.low) for g in levels]
    high = [100 * (g.observed.high - g.observed.value) for g in levels]
    axis.errorbar(predicted, observed, yerr=[low, high], fmt="o", color="#1f4e79", capsize=3)  # type: ignore[attr-defined]
    for level, x, y in zip(levels, predicted, observed, strict=True):
        axis.annotate(level.grade, (x, y), xytext=(7, -4), textcoords="offset points")  # type: ignore[attr-defined]
    top = max(*predicted, *observed, 0.1)
    axis.plot([0, top], [0, top], color="#bbbbbb", linewidth=0.8)  # type: ignore[attr-defined]
    axis.set(title="Calibration by grade", xlabel="predicted, %", ylabel="observed, %")  # type: ignore[attr-defined]


def _level(axis: object, judgement: Judgement) -> None:
    """Predicted against observed by quarter of the case, with every so many quarters named."""
    periods = [level.period for level in judgement.periods]
    observed = [100 * level.observed for level in judgement.periods]
    predicted = [100 * level.predicted for level in judgement.periods]
    axis.plot(periods, observed, "o", color="#b03a2e", label="observed")  # type: ignore[attr-defined]
    axis.plot(periods, predicted, color="#1f4e79", label="predicted")  # type: ignore[attr-defined]
    axis.set_xticks(range(0, len(periods), -(-len(periods) // _MOST_NAMED)))  # type: ignore[attr-defined]
    axis.set_ylim(bottom=0)  # type: ignore[attr-defined]
    axis.set(title="Level by quarter of the case", ylabel="compensated, %")  # type: ignore[attr-defined]
    axis.legend(frameon=False)  # type: ignore[attr-defined]
