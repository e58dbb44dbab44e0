"""The pictures that go with a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.run import Judgement


def draw(judgement: Judgement, folder: Path) -> None:
    """Draw the ROC curve, KS and calibration as PNG into `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
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
    middle.legend(frameon=False)
    _calibration(right, judgement)
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
        axis.annotate(level.grade, (x, y), xytext=(5, 5), textcoords="offset points")  # type: ignore[attr-defined]
    top = max(*predicted, *observed, 0.1)
    axis.plot([0, top], [0, top], color="#bbbbbb", linewidth=0.8)  # type: ignore[attr-defined]
    axis.set(title="Calibration by grade", xlabel="predicted, %", ylabel="observed, %")  # type: ignore[attr-defined]
