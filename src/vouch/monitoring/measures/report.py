"""Indicators of a book on a day: each with its numerator, its denominator and its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from vouch.book.book import Known
from vouch.errors import NotFoundError
from vouch.monitoring.measures.catalogue import Indicator
from vouch.monitoring.measures.layout import GROUPINGS
from vouch.monitoring.measures.registry import check, measures
from vouch.monitoring.measures.view import Figures, Group, View

_PER_100M = 10**8


@dataclass(frozen=True)
class Figure:
    """One indicator of one group; None stands for what is not known or cannot be divided."""

    indicator: Indicator
    group: Group
    numerator: Fraction | None
    denominator: Fraction | None

    @property
    def value(self) -> Fraction | None:
        """Numerator over denominator, exactly; an amount is its own value."""
        if not self.indicator.denominator:
            return self.numerator
        if self.numerator is None or not self.denominator or self.denominator < 0:
            return None
        scale = _PER_100M if self.indicator.unit == "persons_per_100m" else 1
        return scale * self.numerator / self.denominator

    def as_json(self) -> dict[str, object]:
        """For programs: amounts in yuan as texts to the fen, a ratio as a number."""
        counts_people = self.indicator.counted == "persons"
        numerator = amount(self.numerator, whole=counts_people)
        is_amount = not self.indicator.denominator
        ratio = None if self.value is None else float(self.value)
        return {
            "indicator": self.indicator.id,
            "version": self.indicator.version,
            "group": self.group,
            "numerator": numerator,
            "denominator": amount(self.denominator),
            "value": numerator if is_amount else ratio,
        }


@dataclass(frozen=True)
class Report:
    """Figures by indicator and group, the names of groups, and what could not be counted."""

    figures: list[Figure]
    names: Mapping[str, str]
    notes: list[str]


def decimal(value: Fraction, places: int) -> Decimal:
    """A fraction rounded half up.

    >>> decimal(Fraction(1, 8), 2)
    Decimal('0.13')
    """
    with localcontext() as context:
        context.prec = 50
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def amount(value: Fraction | None, whole: bool = False) -> str | None:
    """An amount as text to the fen, half up; a whole number of persons as such.

    >>> amount(Fraction(1, 3)), amount(Fraction(7), whole=True), amount(None)
    ('0.33', '7', None)
    """
    return None if value is None else str(decimal(value, 0 if whole else 2))


def measure_book(
    known: Known,
    indicators: Mapping[str, Indicator],
    by: str | None = None,
    figures: Figures | None = None,
    only: Sequence[str] = (),
) -> Report:
    """Every indicator (or `only` those named) of what was known on a day, by group.

    Args:
        by: a grouping of `layout.GROUPINGS`; None for the whole.
        figures: what the book does not hold, by guarantor.

    Raises:
        NotFoundError: there is no such grouping or indicator.
        PolicyError: the indicators do not fit the functions.
    """
    check(indicators)
    if by is not None and by not in GROUPINGS:
        raise NotFoundError(f"cannot group by {by!r}; known are {', '.join(GROUPINGS)}")
    for name in only:
        if name not in indicators:
            raise NotFoundError(f"no indicator {name!r}; known are {', '.join(indicators)}")
    view = View(known, by, figures or {})
    chosen = [indicators[name] for name in only] or list(indicators.values())
    found = [figure for indicator in chosen for figure in _of(view, indicator)]
    return Report(found, view.names, view.notes)


def _of(view: View, indicator: Indicator) -> list[Figure]:
    above, below = measures()[indicator.computed_by].function(view, indicator.parameters)
    groups = sorted({*above, *(below or {})}, key=lambda group: group or "")
    if view.by is None:
        groups = [None]
    nothing = Fraction(0)
    return [
        Figure(
            indicator,
            group,
            above.get(group, nothing),
            None if below is None else below.get(group, nothing),
        )
        for group in groups
    ]
