"""The model card: what a validator asks first, generated from the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.guard import Suspicion
from training.slices import FEWEST_COMPENSATIONS, SLICED, Slice
from vouch.domain.code_list import CodeList
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.truth import Truth, signs

if TYPE_CHECKING:
    from training.run import Judgement
    from vouch.monitoring.performance import Figure

_METHODS = {
    "out_of_time": "Out of time: learnt from rows whose whole horizon ended before {first}, judged "
    "on the rows from then on.",
    "cross_fitted": "Cross-fitted over borrowers: the book is too short for an out-of-time window, "
    "so these figures say nothing about stability over time.",
}

# What each figure is called, and what it says.
_FIGURES = {
    "auc": ("AUC", "how often a compensated case is ranked above a clear one; 0.5 is chance"),
    "ks": ("KS", "the widest gap between the shares of compensated and clear cases reached"),
    "brier": ("Brier score", "mean squared error of the probability; less is better"),
    "log_loss": ("Log loss", "mean surprise at the outcomes, in nats; less is better"),
    "mean_predicted": ("Mean predicted", "the level that was predicted"),
    "observed": ("Observed", "the share that was compensated"),
    "level": ("Level", "\\|log(mean predicted / observed)\\|; 0 is level, 0.69 is twice or half"),
    "stability": ("Stability index", "learning rows against judged rows; 0 is no shift"),
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
    policy: Policy,
) -> str:
    """The card in Markdown."""
    parts = {
        f"# {bundle.spec.stage.model_name}": _purpose(bundle),
        "## Data": _data(bundle, left_out),
        "## Performance": _performance(judgement),
        "## Calibration by grade": _grades(judgement),
        "## Level by quarter": _level(bundle, judgement),
        "## Stability": _stability(judgement),
        "## Slices": slice_rows(judgement.slices, policy.regions),
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
        "| figure | value | 95 % interval | what it says |",
        "|---|---|---|---|",
        *(_figure(name, figure) for name, figure in judgement.figures.items()),
        "",
        "Intervals are of the bootstrap, that of the level is of the observed rate (Jeffreys). "
        "Pictures of rank, KS, calibration and level are with the run in MLflow, under `figures`.",
    ]


def _figure(name: str, figure: Figure) -> str:
    """One row of the table; a figure without an interval says none."""
    called, meaning = _FIGURES[name]
    form = ".2%" if name in ("mean_predicted", "observed") else ".4f"
    low, value, high = (format(x, form) for x in (figure.low, figure.value, figure.high))
    interval = "none" if figure.low == figure.high else f"{low} – {high}"
    return f"| {called} | {value} | {interval} | {meaning} |"


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
        f"{found.value:.3f}, less what chance alone gives (custom: below 0.1 steady, above 0.25 "
        "shifted)"
    ]


def slice_rows(slices: list[Slice], regions: CodeList) -> list[str]:
    """The card's lines on slices: one row per slice with enough compensations to say something."""
    if not slices:
        return ["- No slice holds enough compensations to say something."]
    shown = {part.by for part in slices}
    missing = [by for by in SLICED if by not in shown]
    return [
        "Of the judged rows. The book keeps neither sex nor age of natural persons, so there is no "
        "slice by them; years in business are the firm's own.",
        "",
        f"A slice with fewer than {FEWEST_COMPENSATIONS} compensations, or nothing but "
        f"compensations, says too little and is not shown; so there is none by "
        f"{', '.join(missing)}."
        if missing
        else f"Slices with fewer than {FEWEST_COMPENSATIONS} compensations are not shown.",
        "",
        "| slice | rows | compensated | predicted | observed | AUC | 95 % interval |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {_part(s, regions)} | {s.rows:,} | {s.compensated:,} | {s.predicted:.2%} | "
            f"{s.observed:.2%} | {s.figures['auc'].value:.3f} | "
            f"{s.figures['auc'].low:.3f} – {s.figures['auc'].high:.3f} |"
            for s in slices
        ),
    ]


def _part(part: Slice, regions: CodeList) -> str:
    """A slice by name; a region's code with what the place is called."""
    place = regions.region(part.name) if part.by == "region" else None
    return " ".join([part.by, part.name, *([place.zh, place.en] if place else [])])


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
