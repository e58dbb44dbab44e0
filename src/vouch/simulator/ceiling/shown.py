"""What the book shows of guarantees when they are applied for, as the simulator's law reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from vouch.book.book import Book
from vouch.simulator.history import World
from vouch.simulator.months import Floats, Ints
from vouch.simulator.names import Texts
from vouch.simulator.terms import Shown, shown_risk, usual_interest

_COLUMNS = {
    "guarantee_id": "g.guarantee_id",
    "borrower_id": "g.borrower_id",
    "lender_id": "g.lender_id",
    "product": "g.product",
    "kind": "b.kind",
    "industry": "b.industry",
    "region": "b.region",
    "repayment": "g.repayment",
    "applied": "g.event_at::DATE - DATE '1970-01-01'",
    "start": "g.start_on - DATE '1970-01-01'",
    "maturity": "g.maturity_on - DATE '1970-01-01'",
    "founded": "b.established_on - DATE '1970-01-01'",
    "tenor": "g.tenor_months",
    "amount": "g.amount::DOUBLE",
    "guaranteed": "g.guaranteed_amount::DOUBLE",
    "revenue": "b.annual_revenue::DOUBLE",
    "headcount": "b.headcount::DOUBLE",
    "interest": "g.interest_rate",
    "collateral": "g.has_collateral",
    "is_new": "b.is_new_business",
}


@dataclass(frozen=True)
class Applications:
    """Guarantees with all others of their borrowers, ordered by borrower and day of application.

    `root` is the row of the guarantee whose course a row follows: its own, or that of the main
    guarantee it was taken up beside. `risk` is the log-intensity of trouble that shows (of the
    root), `view` what the interest says of the borrower's standing with the lender, in standard
    deviations.
    """

    guarantee_id: Texts
    borrower: Ints
    borrower_id: Texts
    applied: Ints
    start: Ints
    maturity: Ints
    tenor: Ints
    repayment: Ints
    city: Ints
    guaranteed: Floats
    revenue: Floats
    headcount: Floats
    root: Ints
    risk: Floats
    view: Floats

    def __len__(self) -> int:
        return len(self.applied)

    def take(self, rows: Ints) -> Applications:
        """The guarantees at `rows`; their `root` keeps counting the rows of this table."""
        return Applications(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def applications(book: Book, world: World, guarantee_ids: Sequence[str]) -> Applications:
    """Read the wanted guarantees, and all others of their borrowers, as first applied for."""
    last = book.newest_known_at
    assert last is not None  # noqa: S101 - narrows the type; the world was read from a filled book
    known = book.known(last)
    columns = ", ".join(f"{sql} AS {name}" for name, sql in _COLUMNS.items())
    wanted = {"wanted": pa.table({"guarantee_id": pa.array(guarantee_ids, pa.string())})}
    first = (
        f"(SELECT * FROM {known.versions('guarantee')} QUALIFY row_number() OVER "
        "(PARTITION BY guarantee_id ORDER BY known_at) = 1)"
    )
    table = known.query(
        f"""SELECT {columns} FROM {first} g
        JOIN (SELECT DISTINCT borrower_id FROM {first} JOIN wanted USING (guarantee_id)) w
            ON w.borrower_id = g.borrower_id
        LEFT JOIN {known.versions("borrower")} b
            ON b.borrower_id = g.borrower_id AND b.known_at = g.known_at
        ORDER BY g.borrower_id, g.event_at, g.guarantee_id""",
        given=wanted,
    )
    return _applications(world, {name: _array(table[name]) for name in _COLUMNS})


def _array(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=object)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _applications(world: World, seen: dict[str, np.ndarray]) -> Applications:
    province, lenders = world.province, world.network.lenders
    borrower = np.unique(seen["borrower_id"].astype(str), return_inverse=True)[1]
    maturity, start = seen["maturity"].astype(np.int64), seen["start"].astype(np.int64)
    root, is_repeat = _roots(borrower, maturity)
    lender = _index(lenders.ids, seen["lender_id"])
    city = _index(province["city"]["codes"], seen["region"])
    shown = Shown(
        segment=segments(seen["kind"], seen["product"], seen["amount"]),
        industry=_index(province["industry"]["codes"], seen["industry"]),
        city=city,
        lender=lender,
        amount=seen["amount"],
        revenue=seen["revenue"],
        headcount=seen["headcount"],
        age=(seen["applied"] - seen["founded"]) / 365.25,
        is_new=seen["is_new"].astype(np.bool_),
        tenor=seen["tenor"].astype(np.int64),
        collateral=seen["collateral"].astype(np.bool_),
        is_repeat=is_repeat,
    )
    interest = province["interest"]
    usual = usual_interest(interest, world.until - start, lenders.interest_add[lender])
    return Applications(
        guarantee_id=seen["guarantee_id"],
        borrower=borrower,
        borrower_id=seen["borrower_id"],
        applied=seen["applied"].astype(np.int64),
        start=start,
        maturity=maturity,
        tenor=shown.tenor,
        repayment=_index(province["repayment"]["names"], seen["repayment"]),
        city=city,
        guaranteed=seen["guaranteed"],
        revenue=seen["revenue"],
        headcount=seen["headcount"],
        root=root,
        risk=shown_risk(province, world.network, shown)[root],
        view=(usual - seen["interest"]) / interest["lender_view"],
    )


def _index(names: Sequence[str] | Texts, values: Texts) -> Ints:
    place = {name: at for at, name in enumerate(names)}
    return np.array([place[value] for value in values], dtype=np.int64)


def segments(kind: Texts, product: Texts, amount: Floats) -> Ints:
    """The segment of each guarantee, which kind, product and amount in yuan tell."""
    by_amount = np.select([amount <= 3_000_000, amount <= 5_000_000], [1, 2], 3)
    by_kind = np.where(np.isin(kind, ["sole_trader", "owner", "person"]), 0, by_amount)
    by_kind = np.where(np.isin(kind, ["farmer", "cooperative"]), 4, by_kind)
    return np.where(product == "tech", 5, by_kind).astype(np.int64)


def _roots(borrower: Ints, maturity: Ints) -> tuple[Ints, np.ndarray]:
    """The first row of each borrower and maturity, and whether the borrower had an earlier one."""
    _, first, place = np.unique(
        np.stack([borrower, maturity]), axis=1, return_index=True, return_inverse=True
    )
    root = first[place.ravel()]
    starts = np.searchsorted(borrower, borrower)  # rows are ordered by borrower
    return root, root > starts[root]


def standing(world: World, seen: Applications, rows: Ints, as_of: Ints) -> tuple[Floats, Floats]:
    """Mean and variance of the hidden quality given every interest rate known by each day."""
    risk, interest = world.province["risk"], world.province["interest"]
    span = 1_000_000  # days: keeps borrowers apart in one sorted key
    key = seen.borrower * span + seen.applied
    total = np.concatenate([[0.0], np.cumsum(seen.view)])
    low = np.searchsorted(key, seen.borrower[rows] * span)
    high = np.searchsorted(key, seen.borrower[rows] * span + as_of, "right")
    count = np.maximum(high - low, 1)
    mean = np.where(high > low, (total[high] - total[low]) / count, seen.view[rows])
    noise = (interest["spread"] / interest["lender_view"]) ** 2 / count
    shrink = 1 / (1 + noise)
    tie = risk["seen_by_lender"]
    return tie * shrink * mean, 1 - tie**2 * shrink
