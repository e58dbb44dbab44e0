"""A part of the book that can go wrong as a whole: a cap, an institution, a vintage, a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_PREFIX = "portfolio:"


class PartKind(StrEnum):
    """What kind of part it is."""

    CAP = "cap"
    GUARANTOR = "guarantor"
    LENDER = "lender"
    VINTAGE = "vintage"
    MODEL = "model"


@dataclass(frozen=True)
class PortfolioPart:
    """One part with the figures that warning rules look at; a figure that is unknown is left out.

    Amounts are yuan, rates and shares lie in [0, 1] unless more is owed than allowed. `title_zh`
    and `title_en` are how people call it; `guarantor_id` whose it is, None for the province's.
    """

    kind: PartKind
    name: str
    title_zh: str
    title_en: str
    guarantor_id: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def subject_id(self) -> str:
        """What its alerts are kept under.

        >>> PortfolioPart(PartKind.LENDER, "L1", "晋商银行", "Jinshang Bank").subject_id
        'portfolio:lender:L1'
        """
        return f"{_PREFIX}{self.kind.value}:{self.name}"


def is_portfolio(subject_id: str) -> bool:
    """Whether alerts kept under this are of a part of the book rather than of one guarantee.

    >>> is_portfolio("portfolio:lender:L1"), is_portfolio("G1")
    (True, False)
    """
    return subject_id.startswith(_PREFIX)
