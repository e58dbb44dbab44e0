"""The table and the picture kept in docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.models.comparison import OURS, TRUTH, Result
from benchmarks.models.rows import Protocol

PICTURE = "benchmarks.png"
START, END = "<!-- models: begin -->", "<!-- models: end -->"


def markdown(
    command: str, protocols: Sequence[Protocol], results: Sequence[Result], notes: Sequence[str]
) -> str:
    """The section on models: the command, one table, one picture."""
    lines = [START, "", f"Made by `{command}`.", "", *notes, ""]
    lines += [
        "| protocol | rows learnt from | rows judged | bad | what is asked |",
        "|---|---|---|---|---|",
    ]
    lines += [_asked(protocol) for protocol in protocols]
    lines += [
        "",
        "AUC difference: Vouch less the other, with the 95 % interval of 500 paired resamples of "
        "the judged rows. |log|: absolute logarithm of mean predicted over observed.",
        "",
        "| protocol | model | AUC | difference | KS | Brier | log loss | predicted | observed "
        "| \\|log\\| | fit s | size KB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(_row(result) for result in results),
        "",
        f"![AUC of every model by protocol, with Vouch marked]({PICTURE})",
        "",
        END,
    ]
    return "\n".join(lines)


def _asked(protocol: Protocol) -> str:
    learn = sum(len(fold.learn.outcome) for fold in protocol.folds) // len(protocol.folds)
    judged = np.concatenate([fold.judge.outcome for fold in protocol.folds])
    return (
        f"| `{protocol.name}` | {learn:,} | {len(judged):,} | {judged.mean():.2%} "
        f"| {protocol.about} |"
    )


def _row(result: Result) -> str:
    f, gap = result.figures, result.difference
    beside = "" if gap is None else f"{gap[0]:+.4f} [{gap[1]:+.4f}, {gap[2]:+.4f}]"
    name = f"**{OURS}**" if result.model == OURS else result.model
    level = abs(np.log(f["mean_predicted"] / f["observed"]))
    cost = (
        "| |"
        if result.model == TRUTH
        else f"| {result.fit_seconds:.1f} | {result.size / 1000:,.0f} |"
    )
    return (
        f"| `{result.protocol}` | {name} | {f['auc']:.4f} | {beside} | {f['ks']:.4f} "
        f"| {f['brier']:.5f} | {f['log_loss']:.5f} | {f['mean_predicted']:.4f} "
        f"| {f['observed']:.4f} | {level:.2f} {cost}"
    )


def write(text: str, target: Path) -> None:
    """Put the section in its place in the document; what stands around it stays."""
    whole = (
        target.read_text(encoding="utf-8")
        if target.exists()
        else f"# Benchmarks\n\n{START}\n{END}\n"
    )
    if START not in whole:
        whole = f"{whole.rstrip()}\n\n{START}\n{END}\n"
    before, rest = whole.split(START, 1)
    target.write_text(before + text + rest.split(END, 1)[1], encoding="utf-8")


def draw(results: Sequence[Result], target: Path) -> None:
    """AUC and level of every model, one row of panels for each."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    protocols = list(dict.fromkeys(result.protocol for result in results))
    models = list(dict.fromkeys(result.model for result in results if result.model != TRUTH))
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 0.62 * len(protocols) + 1.8), sharey=True
    )
    colours = plt.get_cmap("tab10")
    for number, model in enumerate(models):
        own = {r.protocol: r for r in results if r.model == model}
        ys = [protocols.index(name) for name in own]
        style = (
            {"s": 90, "marker": "D", "color": "black", "zorder": 3}
            if model == OURS
            else {"s": 36, "color": colours(number)}
        )
        left.scatter([r.figures["auc"] for r in own.values()], ys, label=model, **style)
        ratio = [r.figures["mean_predicted"] / r.figures["observed"] for r in own.values()]
        right.scatter(ratio, ys, **style)
    ceilings = [r for r in results if r.model == TRUTH]
    left.scatter(
        [r.figures["auc"] for r in ceilings],
        [protocols.index(r.protocol) for r in ceilings],
        marker="|",
        s=220,
        color="black",
        label="truth (ceiling)",
    )
    left.set(yticks=range(len(protocols)), yticklabels=protocols, xlabel="AUC")
    left.invert_yaxis()
    right.axvline(1, color="#999999", linewidth=0.8)
    right.set(xscale="log", xlabel="mean predicted / observed")
    for axis in (left, right):
        axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="lower center", ncols=5, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.13, 1, 1))
    figure.savefig(target, dpi=110)
    plt.close(figure)
