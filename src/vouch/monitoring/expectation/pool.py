"""The guarantees that count together against one cap, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vouch.errors import FactsError, FieldFault

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Column = ArrayLike | Sequence[Decimal]

_ANY_DAY = 2**31 - 1  # later than the end of any horizon
_LARGEST = 2.0**62 / 100  # yuan; all exposures together, counted in fen, must fit 64 bits


@dataclass(frozen=True)
class Pool:
    """Guarantees by column; made and checked by `Pool.of`.

    `claim_days` has a row for each guarantee: should it be claimed, the quantiles of the days until
    then, for probabilities evenly spaced from 0 to 1, straight lines between them.
    """

    default_probabilities: FloatArray
    exposures: FloatArray
    claim_days: FloatArray

    @classmethod
    def of(
        cls,
        default_probabilities: Column,
        exposures: Column,
        days: Column | None = None,
        claim_days: FloatArray | None = None,
    ) -> Pool:
        """A pool from columns of equal length.

        Args:
            default_probabilities: that a guarantee is claimed until the end of the horizon, in
                [0, 1].
            exposures: the whole loan in yuan, the bank's part included.
            days: from today, within which a guarantee may be claimed, each as likely, 1 or more.
                Anywhere in the horizon where None.
            claim_days: the quantiles themselves instead, guarantees x probabilities.

        Raises:
            FactsError: a value is wrong; the fault names column and row, counted from 0.
        """
        probability = _column("default_probabilities", default_probabilities)
        exposure = _column("exposures", exposures)
        life = np.full(len(probability), _ANY_DAY, float) if days is None else _column("days", days)
        faults = [
            *_lengths(len(probability), {"exposures": exposure, "days": life}),
            *_range("default_probabilities", probability, 1.0, "in [0, 1]; write 2 % as 0.02"),
            *_range("exposures", exposure, _LARGEST, "a yuan amount of zero or more"),
            *_days(life),
            *_quantiles(claim_days, len(probability)),
        ]
        if not faults and exposure.sum() > _LARGEST:
            faults = [FieldFault("exposures", f"sum to {exposure.sum():.3g} yuan, too much")]
        if faults:
            raise FactsError(faults)
        if claim_days is None:
            claim_days = np.column_stack((np.zeros(len(life)), np.minimum(life, _ANY_DAY)))
        return cls(probability, exposure, np.ascontiguousarray(claim_days))

    def __len__(self) -> int:
        return len(self.default_probabilities)

    def losses_in_fen(self, severity: float = 1.0) -> IntArray:
        """What each guarantee costs all parties together if it is claimed, to the fen."""
        return np.rint(self.exposures * severity * 100).astype(np.int64)

    def expected_losses(self, severity: float = 1.0) -> FloatArray:
        """Probability · exposure · severity of each guarantee, in yuan, before any cap."""
        return self.default_probabilities * self.losses_in_fen(severity) / 100


def _column(name: str, values: Column) -> FloatArray:
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise FactsError([FieldFault(name, "must be numbers")]) from None
    if column.ndim != 1:
        raise FactsError([FieldFault(name, f"has {column.ndim} dimensions, must be one column")])
    return column


def _lengths(rows: int, columns: dict[str, FloatArray]) -> list[FieldFault]:
    return [
        FieldFault(name, f"has {len(column)} rows, default_probabilities has {rows}")
        for name, column in columns.items()
        if len(column) != rows
    ]


def _range(name: str, column: FloatArray, highest: float, wanted: str) -> list[FieldFault]:
    wrong = np.flatnonzero(~((column >= 0) & (column <= highest)))
    return _faults(name, column, wrong, wanted)


def _days(column: FloatArray) -> list[FieldFault]:
    wrong = np.flatnonzero(~((column >= 1) & (column == np.floor(column))))
    return _faults("days", column, wrong, "a whole number of 1 or more; leave ended guarantees out")


def _quantiles(claim_days: FloatArray | None, rows: int) -> list[FieldFault]:
    if claim_days is None:
        return []
    if claim_days.ndim != 2 or len(claim_days) != rows or claim_days.shape[1] < 2:
        wanted = f"must have {rows} rows of two quantiles or more"
        return [FieldFault("claim_days", f"has shape {claim_days.shape}, {wanted}")]
    sound = (claim_days[:, 0] >= 0) & (np.diff(claim_days, axis=1) >= 0).all(axis=1)
    wanted = "must be days of zero or more that do not fall"
    return [FieldFault(f"claim_days[{row}]", wanted) for row in np.flatnonzero(~sound)[:1]]


def _faults(name: str, column: FloatArray, wrong: IntArray, wanted: str) -> list[FieldFault]:
    """The first wrong row; a column that is wrong throughout is one mistake."""
    return [
        FieldFault(f"{name}[{row}]", f"is {column[row]}, must be {wanted}") for row in wrong[:1]
    ]
