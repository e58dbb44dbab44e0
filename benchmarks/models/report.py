"""The table and the picture kept in docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.models.comparison import FEATURES, OURS, RUNNING, TRUTH, Result
from benchmarks.models.kept import Measured

PICTURE = "benchmarks.png"
START, END = "<!-- models: begin -->", "<!-- models: end -->"
_ABOUT = (
    "AUC difference: Vouch less the other, with the 95 % interval of 500 paired resamples of the "
    "judged rows. |log|: absolute logarithm of mean predicted over observed. Names ending in "
    f"`{FEATURES}` are peers that learnt from Vouch's features beside the plain fields: what is "
    "left of the difference there is the fit, the rest the features. "
    f"`{OURS}{RUNNING}` learns as well from cases whose horizon had not ended, as far as they had "
    "run, as the shipped model does; they are no rows for the others."
)

_RATIOS = (0.1, 0.2, 0.5, 1, 2, 5)  # named on the axis of the level


def markdown(command: str, done: Sequence[Measured], notes: Sequence[str]) -> str:
    """The section on models: the command, where Vouch stands, every figure, one picture."""
    lines = [START, "", f"Made by `{command}`.", "", *notes, ""]
    lines += [
        "| protocol | rows learnt from | rows judged | bad | what is asked | measured at |",
        "|---|---|---|---|---|---|",
        *(_asked(measured) for measured in done),
        "",
        _ABOUT,
        "",
        "| protocol | Vouch's AUC | best peer | difference | best with Vouch's features "
        "| difference | \\|log\\| | best peer's \\|log\\| |",
        "|---|---|---|---|---|---|---|---|",
        *(_standing(measured.results) for measured in done),
        "",
        "| protocol | model | AUC | difference | KS | Brier | log loss | predicted | observed "
        "| \\|log\\| | fit s | size KB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(_row(result) for measured in done for result in measured.results),
        "",
        f"![AUC of every model by protocol, with Vouch marked]({PICTURE})",
        "",
        END,
    ]
    return "\n".join(lines)


def _asked(measured: Measured) -> str:
    return (
        f"| `{measured.name}` | {measured.learnt:,} | {measured.judged:,} | {measured.bad:.2%} "
        f"| {measured.about} | {measured.stamp.commit}, code {measured.stamp.code} |"
    )


def _standing(results: Sequence[Result]) -> str:
    ours = next(r for r in results if r.model == OURS)
    others = [r for r in results if not r.model.startswith((OURS, TRUTH))]
    plain = [r for r in others if not r.model.endswith(FEATURES)]
    featured = [r for r in others if r.model.endswith(FEATURES)]
    cells = [f"`{ours.protocol}`", f"{ours.figures['auc']:.4f}", *_best(plain), *_best(featured)]
    level = min(plain, key=lambda r: r.miss, default=None)
    cells += [f"{ours.miss:.2f}", f"{level.miss:.2f} ({level.model})" if level else "-"]
    return "| " + " | ".join(cells) + " |"


def _best(results: Sequence[Result]) -> tuple[str, str]:
    best = max(results, key=lambda r: r.figures["auc"], default=None)
    if best is None:
        return "-", "-"
    return f"{best.figures['auc']:.4f} ({best.model})", _gap(best)


def _gap(result: Result) -> str:
    gap = result.difference
    return "" if gap is None else f"{gap[0]:+.4f} [{gap[1]:+.4f}, {gap[2]:+.4f}]"


def _row(result: Result) -> str:
    f = result.figures
    name = f"**{OURS}**" if result.model == OURS else result.model
    cost = (
        "| |"
        if result.model == TRUTH
        else f"| {result.fit_seconds:.1f} | {result.size / 1000:,.0f} |"
    )
    return (
        f"| `{result.protocol}` | {name} | {f['auc']:.4f} | {_gap(result)} | {f['ks']:.4f} "
        f"| {f['brier']:.5f} | {f['log_loss']:.5f} | {f['mean_predicted']:.4f} "
        f"| {f['observed']:.4f} | {result.miss:.2f} {cost}"
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


def draw(done: Sequence[Measured], target: Path) -> None:
    """AUC and level of every model on the plain fields, one row for each protocol."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    every = [result for measured in done for result in measured.results]
    results = [result for result in every if not result.model.endswith((FEATURES, RUNNING))]
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
    right.set_xticks(_RATIOS, [f"{ratio:g}" for ratio in _RATIOS])
    right.minorticks_off()
    for axis in (left, right):
        axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="lower center", ncols=5, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.13, 1, 1))
    figure.savefig(target, dpi=110)
    plt.close(figure)
