"""The model card: what a validator asks first, generated from the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.guard import Suspicion
from training.slices import Slice
from vouch.scoring.bundle import Bundle
from vouch.scoring.truth import Truth, signs

if TYPE_CHECKING:
    from training.run import Judgement

_METHODS = {
    "out_of_time": "Out of time: learnt from rows whose whole horizon ended before {first}, judged "
    "on the rows from then on.",
    "cross_fitted": "Cross-fitted over borrowers: the book is too short for an out-of-time window, "
    "so these figures say nothing about stability over time.",
}


_FORMS = {"one": "one sum of terms", "two_causes": "two causes, strain and whatever else"}


def written(
    bundle: Bundle,
    judgement: Judgement,
    left_out: list[str],
    failed: list[str],
    still_open: list[str],
    explained: list[Suspicion],
    kept: Truth,
) -> str:
    """The card in Markdown."""
    parts = {
        f"# {bundle.spec.stage.model_name}": _purpose(bundle),
        "## Data": _data(bundle, left_out),
        "## Performance": _performance(judgement),
        "## Calibration by grade": _grades(judgement),
        "## Level by quarter": _level(bundle, judgement),
        "## Stability": _stability(judgement),
        "## Slices": _slices(judgement.slices),
        "## Truth of the reasons": _reasons(bundle, kept),
        "## Gates": [
            *([f"- failed: {text}" for text in failed] or ["- none failed"]),
            *(f"- not shown, too few cases to tell: {text}" for text in still_open),
        ],
        "## Suspicions of leakage": [f"- {suspicion}" for suspicion in explained] or ["- none"],
        "## Approvals": [
            "Who proposed, approved or rolled back this version, and on what evidence: "
            f"`vouch promotions {bundle.stage.value}`."
        ],
        "## Limits": _limits(bundle),
    }
    blocks = ["\n".join([title, "", *lines]) for title, lines in parts.items()]
    return "\n\n".join(blocks) + "\n"


def _limits(bundle: Bundle) -> list[str]:
    running = "they count as far as they have run." if bundle.spec.running else "they are left out."
    return [
        "- Learnt from guarantees that were granted. Nothing is known of applicants refused "
        "before, and no outcome is made up for them (no reject inference): for applicants unlike "
        "any that was granted, take the probability as too low rather than too high.",
        "- Cases whose horizon has not ended are not learnt from as if they were clear; "
        f"{running} Guarantees released early are clear, since their release ends the risk.",
    ]


def _purpose(bundle: Bundle) -> list[str]:
    return [
        f"Probability that a guarantee is compensated within {bundle.spec.horizon} of the case's "
        "date.",
        "",
        "Purpose: to rank and level the risk of a guarantee for the person who decides. Not for "
        "cases outside the population below, nor to decide without a person.",
        "",
        "Definitions: *compensated*, the guarantor paid the lender within the horizon (a source "
        "without it states what stands for it); *clear*, the horizon ended, or the guarantee was "
        "released, without it. The score is the rounded score of the calibrated probability.",
    ]


def _data(bundle: Bundle, left_out: list[str]) -> list[str]:
    made, spec = bundle.training, bundle.spec
    return [
        f"- Cases: {spec.moment.replace('_', ' ')}, {made.first_case} to {made.last_case}; "
        f"{made.rows:,} rows, {made.compensated:,} compensated; known by {made.known_until}",
        f"- Data hash `{made.data_hash}`, seed {made.seed}: both again give the same model text",
        f"- Features in use: {', '.join(bundle.encoder.names)}",
        f"- Linear base: {_FORMS[spec.linear.get('form', 'one')]}, "
        f"strength C {spec.linear.get('C', 'none')}",
        f"- Features that never vary in this book: {', '.join(left_out) or 'none'}",
    ]


def _performance(judgement: Judgement) -> list[str]:
    return [
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
        "Pictures of rank, KS and calibration are with the run in MLflow, under `figures`.",
    ]


def _grades(judgement: Judgement) -> list[str]:
    return [
        "| grade | rows | compensated | predicted | observed | 95 % interval |",
        "|---|---|---|---|---|---|",
        *(
            f"| {g.grade} | {g.rows:,} | {g.compensated:,} | {g.predicted:.2%} | "
            f"{g.observed.value:.2%} | {g.observed.low:.2%} – {g.observed.high:.2%} |"
            for g in judgement.grades
        ),
    ]


def _stability(judgement: Judgement) -> list[str]:
    found = judgement.figures.get("stability")
    if found is None:
        return ["- Not known: nothing was judged out of time."]
    return [
        "- Stability index of the probabilities, learning rows against judged rows: "
        f"{found.value:.3f}"
    ]


def _slices(slices: list[Slice]) -> list[str]:
    """One row per slice with enough compensations to say something."""
    if not slices:
        return ["- No slice holds enough compensations to say something."]
    return [
        "Of the judged rows. The book keeps neither sex nor age of natural persons, so there is no "
        "slice by them; years in business are the firm's own.",
        "",
        "| slice | rows | compensated | predicted | observed | AUC | 95 % interval |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {s.by} {s.name} | {s.rows:,} | {s.compensated:,} | {s.predicted:.2%} | "
            f"{s.observed:.2%} | {s.figures['auc'].value:.3f} | "
            f"{s.figures['auc'].low:.3f} – {s.figures['auc'].high:.3f} |"
            for s in slices
        ),
    ]


def _reasons(bundle: Bundle, kept: Truth) -> list[str]:
    signed = len(signs(bundle))
    return [
        f"- {kept.rows:,} rows: {kept.points_off} whose points do not sum to the score, "
        f"{kept.scores_off} whose score is not that of the probability, {kept.inversions} whose "
        "order is turned round",
        f"- {signed} signed features, {kept.raised:,} values raised: {kept.turned} moved points or "
        f"score against the sign, {kept.beyond_rounding} moved whole points against it by more "
        "than the one that rounding moves; proven from the trees and weights for every row",
    ]


def _level(bundle: Bundle, judgement: Judgement) -> list[str]:
    """What the level rests on, and how it went."""
    given = [
        f"- `{name}` enters the log-odds with the given weight {weight:g}: every case is levelled "
        "by what was known before its month, unfinished horizons included."
        for name, weight in bundle.spec.given.items()
    ]
    return [
        *(
            given
            or ["The level is that of the training window; across a cycle it has to be watched."]
        ),
        "",
        "| quarter of the case | rows | compensated | predicted | observed |",
        "|---|---|---|---|---|",
        *(
            f"| {q.period} | {q.rows:,} | {q.compensated:,} | {q.predicted:.2%} "
            f"| {q.observed:.2%} |"
            for q in judgement.periods
        ),
    ]
