"""The model card: what a validator asks first, generated from the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.guard import Suspicion
from vouch.scoring.bundle import Bundle

if TYPE_CHECKING:
    from training.run import Judgement

_METHODS = {
    "out_of_time": "Out of time: learnt from rows whose whole horizon ended before {first}, judged "
    "on the rows from then on.",
    "cross_fitted": "Cross-fitted over borrowers: the book is too short for an out-of-time window, "
    "so these figures say nothing about stability over time.",
}


def written(
    bundle: Bundle,
    judgement: Judgement,
    left_out: list[str],
    failed: list[str],
    still_open: list[str],
    explained: list[Suspicion],
) -> str:
    """The card in Markdown."""
    made, spec = bundle.training, bundle.spec
    rows = [
        f"# {spec.stage.model_name}",
        "",
        f"Probability that a guarantee is compensated within {spec.horizon} of the case's date.",
        "",
        "## Data",
        "",
        f"- Cases: {spec.moment.replace('_', ' ')}, {made.first_case} to {made.last_case}; "
        f"{made.rows:,} rows, {made.compensated:,} compensated; known by {made.known_until}",
        f"- Data hash `{made.data_hash}`, seed {made.seed}",
        f"- Features in use: {', '.join(bundle.encoder.names)}",
        f"- Strength of the linear base: C {spec.linear.get('C', 'none')}",
        f"- Features that never vary in this book: {', '.join(left_out) or 'none'}",
        "",
        "## Performance",
        "",
        _METHODS[judgement.method].format(first=judgement.judged_from),
        f"{judgement.rows:,} rows, {judgement.compensated:,} compensated.",
        "",
        "| figure | value | 95 % interval |",
        "|---|---|---|",
        *(
            f"| {name} | {f.value:.4f} | {f.low:.4f} – {f.high:.4f} |"
            for name, f in judgement.figures.items()
        ),
        "",
        "## Calibration by grade",
        "",
        "| grade | rows | compensated | predicted | observed | 95 % interval |",
        "|---|---|---|---|---|---|",
        *(
            f"| {g.grade} | {g.rows:,} | {g.compensated:,} | {g.predicted:.2%} | "
            f"{g.observed.value:.2%} | {g.observed.low:.2%} – {g.observed.high:.2%} |"
            for g in judgement.grades
        ),
        "",
        "## Level by quarter",
        "",
        *_level(bundle),
        "",
        "| quarter of the case | rows | compensated | predicted | observed |",
        "|---|---|---|---|---|",
        *(
            f"| {q.period} | {q.rows:,} | {q.compensated:,} | {q.predicted:.2%} "
            f"| {q.observed:.2%} |"
            for q in judgement.periods
        ),
        "",
        "## Gates",
        "",
        *([f"- failed: {text}" for text in failed] or ["- none failed"]),
        *(f"- not shown, too few cases to tell: {text}" for text in still_open),
        "",
        "## Suspicions of leakage",
        "",
        *([f"- {suspicion}" for suspicion in explained] or ["- none"]),
        "",
        "## Limits",
        "",
        "- Learnt from guarantees that were granted. Nothing is known of applicants refused "
        "before, and no outcome is made up for them (no reject inference): for applicants unlike "
        "any that was granted, take the probability as too low rather than too high.",
        "- Cases whose horizon has not ended are not learnt from as if they were clear; "
        + ("they count as far as they have run. " if spec.running else "they are left out. ")
        + "Guarantees released early are clear, since their release ends the risk.",
    ]
    return "\n".join(rows) + "\n"


def _level(bundle: Bundle) -> list[str]:
    """What the level rests on."""
    given = bundle.spec.given
    if not given:
        return ["The level is that of the training window; across a cycle it has to be watched."]
    return [
        f"- `{name}` enters the log-odds with the given weight {weight:g}: every case is levelled "
        "by what was known before its month, unfinished horizons included."
        for name, weight in given.items()
    ]
