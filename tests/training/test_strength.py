"""How strongly the linear base is held back: chosen inside the learning rows, by later windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from tests.scoring.conftest import SPEC
from training.fit import given_terms, learn_encoder
from training.frame import Frame
from training.strength import with_strength
from vouch.errors import SpecError
from vouch.features.facts import to_days
from vouch.features.spine import Spine
from vouch.scoring.spec import Horizon, Spec

ROWS, NAMES = 6_000, ["amount", "headcount"]
SPEC_OF_SEVERAL = replace(
    Spec.parse(SPEC), linear={"C": [0.0001, 1.0]}, horizon=Horizon(days=30), calibration_folds=3
)


def frame(days: float = 3_000.0) -> Frame:
    """Rows over a stretch of days, a larger amount failing more often."""
    random = np.random.default_rng(5)
    as_of = np.sort(to_days(date(2015, 1, 1)) + np.floor(random.uniform(0, days, ROWS)))
    amount, staff = random.lognormal(12, 1, ROWS), random.integers(1, 50, ROWS).astype(float)
    margin = np.log(0.1) + np.log(amount) - 12
    outcome = (random.random(ROWS) < 1 / (1 + np.exp(-margin))).astype(float)
    ids = [f"G{i}" for i in range(ROWS)]
    table = pa.table(
        {
            "guarantee_id": ids,
            "borrower_id": ids,
            "as_of": pa.array(as_of.astype(np.int32)).view(pa.date32()),
        }
    )
    columns = {"amount": amount, "headcount": staff}
    return Frame(Spine(table), columns, outcome, None)  # type: ignore[arg-type]


def test_one_strength_stays_as_it_is() -> None:
    spec = Spec.parse(SPEC)
    assert with_strength(spec, frame(), NAMES) is spec


def test_of_strengths_that_rank_alike_the_smallest_is_kept() -> None:
    # with one feature any weight of the right sign orders the later rows the same
    chosen = with_strength(SPEC_OF_SEVERAL, frame(), ["amount"])
    assert chosen.linear["C"] == 0.0001


def test_too_few_on_either_side_asks_for_the_loss_across_borrowers() -> None:
    # within 40 days no horizon of 30 days ends before the cuts with 20 compensations on each side;
    # the loss wants the probabilities right, which a base held back that hard cannot give
    chosen = with_strength(SPEC_OF_SEVERAL, frame(days=40.0), NAMES)
    assert chosen.linear["C"] == 1.0


@pytest.mark.parametrize("given", [[], [0.1, -1], ["0.1"], [0]])
def test_a_strength_that_is_no_positive_number_is_refused(given: list[object]) -> None:
    spec = replace(SPEC_OF_SEVERAL, linear={"C": given})
    with pytest.raises(SpecError, match="write a positive number, or several"):
        with_strength(spec, frame(), NAMES)


def test_a_given_term_without_any_value_to_learn_from_is_silent() -> None:
    spec = replace(Spec.parse(SPEC), given={"headcount": 0.5})
    nothing = {"amount": np.ones(4), "headcount": np.full(4, np.nan)}
    encoder = learn_encoder(nothing, NAMES)
    terms = given_terms(spec, encoder, encoder.matrix(nothing))
    later = encoder.matrix({"amount": np.ones(2), "headcount": np.array([3.0, np.nan])})
    assert terms.margins(later).tolist() == [0.0, 0.0]
