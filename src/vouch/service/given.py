"""Facts given in a request, made into the rows the as-of engine reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from vouch.book.tables import TABLES
from vouch.domain.stage import Stage
from vouch.errors import FactsError, FieldFault
from vouch.service.payloads import FactsCase, rows_of

if TYPE_CHECKING:
    from vouch.features.facts import Facts

# Stands for an identifier that was not given: no identifier in a book or a payload is empty.
UNNAMED = ""

_IN_LISTS = {"performance": "performance", "signal": "signals"}


@dataclass(frozen=True)
class GivenCase:
    """A case whose facts came with the request."""

    guarantee_id: str
    as_of: date
    facts: Facts
    scheme: str | None


def given_case(case: FactsCase, stage: Stage, today: date) -> GivenCase:
    """Fill in what may be left out, and check what no single field can tell.

    Raises:
        FactsError: facts contradict each other or lie after the day they are to be seen on.
    """
    from vouch.features.facts import Facts

    rows = rows_of(case)
    guarantee = rows["guarantee"][0]
    as_of = case.as_of or (stage is Stage.PRE_LOAN and guarantee["event_at"]) or today
    faults = future(as_of, today)
    faults += _name(rows)
    for name in rows:
        _date(name, rows[name], as_of)
        faults += _misdated(name, rows[name], as_of)
        faults += _repeated(name, rows[name])
    if faults:
        raise FactsError(faults)
    return GivenCase(guarantee["guarantee_id"], as_of, Facts.of_case(rows), case.scheme)


def future(as_of: date, today: date) -> list[FieldFault]:
    """The fault of an as-of date that has not come yet."""
    if as_of <= today:
        return []
    return [FieldFault("as_of", f"{as_of} lies in the future; today is {today}")]


def _name(rows: Mapping[str, list[dict[str, Any]]]) -> list[FieldFault]:
    """Give every row the identifiers it belongs under; say where two differ."""
    faults = []
    guarantee = rows["guarantee"][0]
    for key, tables in {
        "guarantee_id": ("guarantee", "performance"),
        "borrower_id": ("guarantee", "borrower", "signal"),
        "lender_id": ("guarantee", "lender"),
    }.items():
        given = [(name, i, row) for name in tables for i, row in enumerate(rows[name])]
        named = [row[key] for _, _, row in given if row[key] is not None]
        for name, i, row in given:
            if row[key] is not None and row[key] != named[0]:
                reason = f"differs from the {key} {named[0]!r} given elsewhere in this case"
                faults.append(FieldFault(f"{_place(name, i)}.{key}", reason))
        if named or key != "lender_id" or rows["lender"]:
            for _, _, row in given:
                row[key] = named[0] if named else UNNAMED
    guarantee.setdefault("guarantee_id", UNNAMED)
    return faults


def _date(name: str, rows: Sequence[dict[str, Any]], as_of: date) -> None:
    for row in rows:
        if row["event_at"] is None and name not in _IN_LISTS:
            row["event_at"] = row["known_at"] or as_of
        if row["known_at"] is None:
            row["known_at"] = row["event_at"]


def _misdated(name: str, rows: Sequence[dict[str, Any]], as_of: date) -> list[FieldFault]:
    faults = []
    for i, row in enumerate(rows):
        for column in ("event_at", "known_at"):
            if row[column] > as_of:
                late = f"{row[column]} lies after as_of {as_of}"
                faults.append(FieldFault(f"{_place(name, i)}.{column}", late))
        if row["known_at"] < row["event_at"]:
            early = f"{row['known_at']} lies before event_at {row['event_at']}"
            faults.append(FieldFault(f"{_place(name, i)}.known_at", early))
    return faults


def _repeated(name: str, rows: Sequence[dict[str, Any]]) -> list[FieldFault]:
    seen: dict[tuple[Any, ...], int] = {}
    faults = []
    for i, row in enumerate(rows):
        key = tuple(row[column] for column in (*TABLES[name].key, "known_at"))
        first = seen.setdefault(key, i)
        if first != i:
            reason = f"repeats {_place(name, first)}; a correction needs a later known_at"
            faults.append(FieldFault(_place(name, i), reason))
    return faults


def _place(name: str, position: int) -> str:
    return f"{_IN_LISTS[name]}[{position}]" if name in _IN_LISTS else name
