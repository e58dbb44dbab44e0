"""The UCI file of Taiwanese card clients: six months of behaviour, default in the next.

The file has no days and no source of its own. Its columns become features declared here, for the
benchmark alone, so that the pipeline reads them as it reads any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.models.rows import Fold, Part, Protocol, read_spec
from training.frame import Frame
from vouch.features.asof import Floats
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import feature, features
from vouch.features.spine import Spine

FILE = "uci_taiwan_credit_card.csv.gz"
FOLDS = 5
_OUTCOME = "default_next_month"
_DAY = date(2005, 9, 30)
_MONTHS = range(1, 7)  # 1 is September, the newest


def taiwan(data: Path, scratch: Path) -> Protocol:
    """Five-fold cross-validation over clients."""
    raw = pd.read_csv(data / FILE)
    columns = _columns(raw)
    _declare(columns)
    part = _part(raw, columns)
    fold = np.random.default_rng(1).permutation(len(raw)) % FOLDS
    folds = [Fold(part.take(fold != n), part.take(fold == n), _DAY) for n in range(FOLDS)]
    about = "UCI Taiwan: default next month, 5-fold cross-validation"
    return Protocol("taiwan", about, read_spec("taiwan"), folds)


def _columns(raw: pd.DataFrame) -> dict[str, Floats]:
    """What the specification reads: the file's columns, and level and change over its months."""
    plain = {
        name.lower(): raw[name].to_numpy(np.float64) for name in raw if name not in ("ID", _OUTCOME)
    }
    limit = plain["limit_bal"]
    late = np.column_stack([plain[f"pay_{n}"] for n in (0, 2, 3, 4, 5, 6)])
    bills = np.column_stack([plain[f"bill_amt{n}"] for n in _MONTHS])
    paid = np.column_stack([plain[f"pay_amt{n}"] for n in _MONTHS])
    made = {
        "months_late": (late > 0).sum(axis=1),
        "worst_late": late.max(axis=1),
        "late_change": late[:, 0] - late[:, 3:].max(axis=1),
        "utilisation": bills[:, 0] / limit,
        "mean_utilisation": bills.mean(axis=1) / limit,
        "utilisation_change": (bills[:, 0] - bills[:, 5]) / limit,
        "paid_of_bill": paid[:, :5].sum(axis=1) / np.maximum(bills[:, 1:].sum(axis=1), 1.0),
        "paid_of_limit": paid.sum(axis=1) / limit,
        "smallest_payment": paid.min(axis=1),
        "months_unpaid": (paid == 0).sum(axis=1),
    }
    return plain | {name: np.asarray(values, np.float64) for name, values in made.items()}


def _declare(columns: Mapping[str, Any]) -> None:
    for name in columns:
        if name in features():
            continue

        def read(guarantee: Any) -> Floats:
            """A column of the file; never computed from a book."""
            raise NotImplementedError

        read.__name__ = name
        feature(zh=name, en=name.replace("_", " "), unit="count")(read)
    features.cache_clear()


def _part(raw: pd.DataFrame, columns: Mapping[str, Floats]) -> Part:
    names = [f"TW-{number}" for number in raw["ID"]]
    spine = Spine(
        pa.table(
            {
                "guarantee_id": names,
                "borrower_id": names,
                "lender": ["-"] * len(names),
                "as_of": pa.array([_DAY] * len(names), pa.date32()),
                "amount": raw["LIMIT_BAL"].to_numpy(np.float64),
            }
        )
    )
    outcome = raw[_OUTCOME].to_numpy(np.float64)
    frame = Frame(spine, columns, outcome, PortfolioIndex(pa.table({})))
    plain = {name: raw[name].to_numpy(np.float64) for name in raw if name not in ("ID", _OUTCOME)}
    return Part(frame, pd.DataFrame(plain))
