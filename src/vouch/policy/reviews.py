"""What a risk officer decides about human review."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

from vouch.domain.dated import read_toml
from vouch.domain.review import ReviewTerms
from vouch.errors import PolicyError

FILE = "review.toml"


def read_review_terms(folder: Path) -> ReviewTerms:
    """Read the terms of a policy folder.

    Raises:
        PolicyError: the file is missing or wrong.
    """
    path = folder / FILE
    body = read_toml(path)
    try:
        return ReviewTerms(
            outcomes=tuple(str(outcome) for outcome in body["outcomes"]),
            reasons=tuple((code, r["zh"], r["en"]) for code, r in body["reason"].items()),
            second_above=Decimal(body["second_above"]),
            answer_days=int(body["answer_days"]),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation, AttributeError) as error:
        raise PolicyError(
            f"{path}: wrong or missing {error}; it needs outcomes, answer_days, second_above and "
            "[reason.CODE] with zh and en"
        ) from error
