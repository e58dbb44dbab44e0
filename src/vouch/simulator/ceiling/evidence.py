"""What each case may know: signals and arrears, by month since the start, as known on its day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vouch.book.book import Book, Known
from vouch.simulator.calibration import Section
from vouch.simulator.ceiling.laws import (
    STATES,
    Profile,
    Signals,
    incident_chances,
    signal_weights,
)
from vouch.simulator.ceiling.shown import Applications
from vouch.simulator.months import Flags, Floats, Ints, last_day, month_of
from vouch.simulator.names import Texts

_OF_THE_LOAN = ("late_payment", "account_balance")


@dataclass(frozen=True)
class Evidence:
    """A row for each case, a column for each month since the start of its course.

    `outside` is the log-likelihood of the signals in every state less that of being well;
    `days_past_due` is NaN where not known; `late` says that the month's payment came late and
    did come before the month ended; `account` is the log part of what was due, NaN where unknown.
    `extended` is the number of months by which maturity was moved, 0 for none known.
    """

    outside: Floats
    days_past_due: Floats
    late: Flags
    account: Floats
    extended: Ints


def evidence(
    book: Book,
    province: Section,
    seen: Applications,
    rows: Ints,
    as_of: Ints,
    width: int,
) -> Evidence:
    """Gather the evidence of the guarantees at `rows` of `seen`, each as known on its day."""
    last = book.newest_known_at
    assert last is not None  # noqa: S101 - narrows the type; the cases come from a filled book
    known = book.known(last)
    begin = month_of(seen.start[seen.root[rows]])
    pairs = _Pairs(rows, as_of, begin, width)
    signals = _signals(known, seen)
    days, late_known = _arrears(known, seen, pairs), _short_lates(seen, signals, pairs)
    return Evidence(
        outside=_outside(province, seen, signals, pairs),
        days_past_due=days,
        late=late_known,
        account=_accounts(province, seen, signals, pairs),
        extended=_extensions(known, seen, pairs),
    )


@dataclass(frozen=True)
class _Pairs:
    """The cases: rows of the applications, their days, the month their course began."""

    rows: Ints
    as_of: Ints
    begin: Ints
    width: int

    def __len__(self) -> int:
        return len(self.rows)

    def known(self, owner: Ints, sorted_owner: Ints, day: Ints) -> tuple[Ints, Ints]:
        """Case and fact of every fact of the case's owner that was known on its day.

        `owner` is each case's, `sorted_owner` each fact's, in ascending order.
        """
        low = np.searchsorted(sorted_owner, owner)
        count = np.searchsorted(sorted_owner, owner, "right") - low
        case = np.repeat(np.arange(len(owner)), count)
        fact = np.arange(len(case)) - np.repeat(np.cumsum(count) - count, count) + low[case]
        seen = day[fact] <= self.as_of[case]
        return case[seen], fact[seen]


def _signals(known: Known, seen: Applications) -> Signals:
    ids, number = np.unique(seen.borrower_id.astype(str), return_inverse=True)
    wanted = pa.table({"borrower_id": pa.array(ids.tolist(), pa.string())})
    table = known.query(
        "SELECT borrower_id, kind, value, event_at - DATE '1970-01-01' AS event, "
        "known_at - DATE '1970-01-01' AS known FROM "
        f"{known.versions('signal', 'SELECT borrower_id FROM wanted')} ORDER BY borrower_id",
        given={"wanted": wanted},
    )
    place = np.empty(len(ids), dtype=np.int64)
    place[number] = seen.borrower
    codes = pa.compute.index_in(table["borrower_id"], wanted["borrower_id"].combine_chunks())
    borrower = place[codes.to_numpy().astype(np.int64)]
    event = table["event"].to_numpy().astype(np.int64)
    order = np.argsort(borrower, kind="stable")
    return Signals(
        borrower=borrower[order],
        kind=_texts(table["kind"])[order],
        value=table["value"].to_numpy()[order],
        event=event[order],
        known=table["known"].to_numpy().astype(np.int64)[order],
        month=month_of(event)[order],
    )


def _texts(column: pa.ChunkedArray) -> Texts:
    coded = column.combine_chunks().dictionary_encode()
    names = np.array(coded.dictionary.to_pylist(), dtype=object)
    texts: Texts = names[coded.indices.to_numpy()]
    return texts


def _profile(seen: Applications) -> Profile:
    first = np.unique(seen.borrower, return_index=True)[1]
    return Profile(month_of(seen.applied[first]), seen.revenue[first], seen.headcount[first])


def _outside(province: Section, seen: Applications, signals: Signals, cases: _Pairs) -> Floats:
    weights = signal_weights(province, _profile(seen), signals)
    case, fact = cases.known(seen.borrower[cases.rows], signals.borrower, signals.known)
    month = signals.month[fact] - cases.begin[case]
    inside = (month >= 0) & (month < cases.width)
    cell = case[inside] * cases.width + month[inside]
    size = len(cases) * cases.width
    told = weights[fact[inside]]
    sums = [np.bincount(cell, told[:, state], minlength=size) for state in range(STATES)]
    outside = np.stack(sums, axis=1).reshape(len(cases), cases.width, STATES)
    return outside + _silence(province, seen, signals, cases)


def _silence(province: Section, seen: Applications, signals: Signals, cases: _Pairs) -> Floats:
    """What it says that an incident which would be known by then is not."""
    ends = last_day(cases.begin[:, None] + np.arange(cases.width)[None, :])
    found = np.zeros((len(cases), cases.width, STATES))
    groups: dict[tuple[str, int], Floats] = {}
    for law in province["incident"]:
        quiet = np.log1p(-incident_chances(province, law))
        key = (law["feed"], law["lag"])
        groups[key] = groups.get(key, np.zeros(STATES)) + quiet - quiet[0]
    for (feed, lag), quiet in groups.items():
        told = ends + lag <= cases.as_of[:, None]
        if feed:
            told = (
                told & _has_feed(province, feed, seen, signals)[seen.borrower[cases.rows]][:, None]
            )
        found += told[:, :, None] * quiet
    return found


def _has_feed(province: Section, feed: str, seen: Applications, signals: Signals) -> Flags:
    kinds = [
        law["kind"]
        for name in ("report", "count", "grade")
        for law in province[name]
        if law["feed"] == feed
    ]
    has_feed = np.zeros(int(seen.borrower.max(initial=-1)) + 1, dtype=np.bool_)
    has_feed[signals.borrower[np.isin(signals.kind, kinds)]] = True
    return has_feed


def _arrears(known: Known, seen: Applications, cases: _Pairs) -> Floats:
    """Days past due at every month end, by the newest version known."""
    place = {name: at for at, name in enumerate(seen.guarantee_id)}
    table = known.query(
        "SELECT guarantee_id, days_past_due, event_at - DATE '1970-01-01' AS event, "
        "known_at - DATE '1970-01-01' AS known "
        f"FROM {known.versions('performance', 'SELECT guarantee_id FROM wanted')} "
        "ORDER BY known_at",
        given={"wanted": _ids(seen, cases)},
    )
    owner = np.array([place[name] for name in table["guarantee_id"].to_pylist()], dtype=np.int64)
    order = np.argsort(owner, kind="stable")  # and by the day known within each
    event = table["event"].to_numpy().astype(np.int64)[order]
    value = table["days_past_due"].to_numpy()[order]
    day = table["known"].to_numpy().astype(np.int64)[order]
    case, fact = cases.known(cases.rows, owner[order], day)
    month = month_of(event[fact]) - cases.begin[case]
    inside = (month >= 0) & (month < cases.width)
    days = np.full((len(cases), cases.width), np.nan)
    days[case[inside], month[inside]] = value[fact[inside]]
    return days


def _ids(seen: Applications, cases: _Pairs) -> pa.Table:
    names: Sequence[str] = sorted(set(seen.guarantee_id[cases.rows]))
    return pa.table({"guarantee_id": pa.array(names, pa.string())})


def _short_lates(seen: Applications, signals: Signals, cases: _Pairs) -> Flags:
    """Late payments that came before the month end; longer ones show in the arrears."""
    late = signals.where(signals.kind == "late_payment")
    due = late.event - np.rint(late.value).astype(np.int64)
    case, fact = cases.known(seen.borrower[cases.rows], late.borrower, late.known)
    month = month_of(due[fact]) - cases.begin[case]
    short = late.event[fact] <= last_day(month_of(due[fact]))
    inside = (month >= 0) & (month < cases.width) & short
    found = np.zeros((len(cases), cases.width), dtype=np.bool_)
    found[case[inside], month[inside]] = True
    return found


def _accounts(province: Section, seen: Applications, signals: Signals, cases: _Pairs) -> Floats:
    """The repayment account before maturity, where it is the account of one bullet loan alone."""
    told = signals.where(signals.kind == "account_balance")
    case, fact = cases.known(seen.borrower[cases.rows], told.borrower, told.known)
    rows = cases.rows[case]
    alone = np.bincount(seen.root, minlength=len(seen))[seen.root] == 1
    bullet = province["repayment"]["names"].index("interest_then_principal")
    day = seen.maturity - province["account"]["days_before"]
    fits = alone[rows] & (seen.repayment[rows] == bullet) & (day[rows] == told.event[fact])
    case, fact, rows = case[fits], fact[fits], rows[fits]
    month = month_of(told.event[fact]) - cases.begin[case] - 1
    found = np.full((len(cases), cases.width), np.nan)
    inside = (month >= 0) & (month < cases.width)
    part = np.log(np.maximum(told.value[fact], 0.01) / seen.guaranteed[rows])
    found[case[inside], month[inside]] = part[inside]
    return found


def _extensions(known: Known, seen: Applications, cases: _Pairs) -> Ints:
    """By how many months the maturity had been moved, as known on each day."""
    place = {name: at for at, name in enumerate(seen.guarantee_id)}
    table = known.query(
        "SELECT guarantee_id, known_at - DATE '1970-01-01' AS known, "
        "maturity_on - DATE '1970-01-01' AS maturity "
        f"FROM {known.versions('guarantee', 'SELECT guarantee_id FROM wanted')} "
        "ORDER BY known_at",
        given={"wanted": _ids(seen, cases)},
    )
    owner = np.array([place[name] for name in table["guarantee_id"].to_pylist()], dtype=np.int64)
    order = np.argsort(owner, kind="stable")
    maturity = table["maturity"].to_numpy().astype(np.int64)[order]
    day = table["known"].to_numpy().astype(np.int64)[order]
    case, fact = cases.known(cases.rows, owner[order], day)
    moved = month_of(maturity[fact]) - month_of(seen.maturity[cases.rows[case]])
    found = np.zeros(len(cases), dtype=np.int64)
    found[case] = moved
    return found
