"""From features to the numbers a model reads; the encoder is stored with the model.

A category becomes its position in the list learnt in training, from 1; a level unseen or rare there
becomes 0; a missing one stays missing. So a row is encoded alike alone and among a million.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """Column order, and the known levels of each category column."""

    names: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, columns: Mapping[str, NDArray[Any]], fewest: int) -> Encoder:
        """Learn the levels that occur at least `fewest` times, most frequent first."""
        levels = {}
        for name, values in columns.items():
            if values.dtype == object:
                found, counts = np.unique(
                    np.array([v for v in values if v is not None], dtype=str), return_counts=True
                )
                order = np.lexsort((found, -counts))
                levels[name] = tuple(str(found[i]) for i in order if counts[i] >= fewest)
        return cls(tuple(columns), levels)

    @cached_property
    def _codes(self) -> dict[str, dict[str | None, float]]:
        return {
            name: {level: float(code) for code, level in enumerate(levels, 1)} | {None: np.nan}
            for name, levels in self.levels.items()
        }

    @property
    def categories(self) -> list[int]:
        """Positions of the category columns."""
        return [i for i, name in enumerate(self.names) if name in self.levels]

    def matrix(self, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Matrix:
        """Rows × columns, float64, NaN where missing."""
        encoded = []
        for name in self.names:
            values = columns[name]
            if name in self.levels:
                codes = self._codes[name]
                values = np.array([codes.get(value, 0.0) for value in values], dtype=np.float64)
            encoded.append(np.asarray(values, dtype=np.float64))
        return np.ascontiguousarray(np.column_stack(encoded))
