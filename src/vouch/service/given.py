"""Facts given in a request, made into the rows the as-of engine reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import Any

from vouch.book.tables import TABLES
from vouch.domain.access import PROVINCE, Institution, Level
from vouch.domain.stage import Stage
from vouch.errors import FactsError, FieldFault
from vouch.features.facts import Facts
from vouch.service.payloads import EARLIEST, FactsCase, rows_of

Rows = Mapping[str, list[dict[str, Any]]]

# Begins an identifier that was not given: one in a book or a payload holds no such character.
_UNNAMED = "\0"
# Begins one that was given but must not meet the book's of the same name.
_APART = "\1"

_IN_LISTS = {"performance": "performance", "signal": "signals"}


@dataclass(frozen=True)
class GivenCase:
    """A case whose facts came with the request, from place `number` of it."""

    number: int
    as_of: date
    rows: Rows
    scheme: str | None

    @property
    def guarantee_id(self) -> str:
        """The guarantee, or what stands for it."""
        return str(self.rows["guarantee"][0]["guarantee_id"])

    def apart(self) -> GivenCase:
        """The same case under an identifier that no book holds."""
        for name in _ABOUT["guarantee_id"]:
            for row in self.rows[name]:
                row["guarantee_id"] = _APART + row["guarantee_id"]
        return self


def given_case(
    case: FactsCase, number: int, stage: Stage, today: date, institution: Institution = PROVINCE
) -> GivenCase:
    """Fill in what may be left out, and check what no single field can tell.

    Raises:
        FactsError: facts contradict each other or lie after the day they are to be seen on.
    """
    rows = rows_of(case)
    applied = rows["guarantee"][0]["event_at"] if stage is Stage.PRE_LOAN else None
    as_of = case.as_of or applied or today
    faults = future(as_of, today) + _claim(rows, institution)
    faults += _name(rows, f"{_UNNAMED}{number}")
    for name in rows:
        _date(name, rows[name], as_of)
        faults += _misdated(name, rows[name], as_of)
        faults += _repeated(name, rows[name])
    if faults:
        raise FactsError(faults)
    return GivenCase(number, as_of, rows, case.scheme)


def named(identifier: str | None) -> str | None:
    """An identifier as given, None for what only stands for one."""
    if identifier is None or identifier.startswith(_UNNAMED):
        return None
    return identifier.removeprefix(_APART)


# Which tables speak about a guarantee, a borrower, a lender.
_ABOUT = {
    "guarantee_id": ("guarantee", "performance"),
    "borrower_id": ("borrower", "signal"),
    "lender_id": ("lender",),
}


@dataclass
class Batch:
    """Cases whose facts can stand side by side: none says otherwise than another of the same."""

    cases: list[GivenCase] = field(default_factory=list)
    _said: dict[tuple[str, str], Rows] = field(default_factory=dict)

    def takes(self, case: GivenCase) -> bool:
        """Whether the case is about others, or says just the same of the same."""
        return all(self._said.get(about, said) == said for about, said in _sayings(case))

    def add(self, case: GivenCase) -> None:
        """Take a case in."""
        self.cases.append(case)
        self._said.update(_sayings(case))

    def facts(self) -> Facts:
        """The facts of all cases."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for said in self._said.values():
            for name, given in said.items():
                rows.setdefault(name, []).extend(given)
        return Facts.of_case(rows)


def _sayings(case: GivenCase) -> Iterator[tuple[tuple[str, str], Rows]]:
    guarantee = case.rows["guarantee"][0]
    for key, tables in _ABOUT.items():
        if guarantee[key] is not None:
            yield (key, guarantee[key]), {name: case.rows[name] for name in tables}


def batches(cases: Sequence[GivenCase]) -> list[Batch]:
    """As few batches as it takes: the engine is as quick for many cases as for one."""
    made: list[Batch] = []
    for case in cases:
        batch = next((batch for batch in made if batch.takes(case)), None)
        if batch is None:
            made.append(batch := Batch())
        batch.add(case)
    return made


def future(as_of: date, today: date) -> list[FieldFault]:
    """The fault of an as-of date that has not come yet."""
    if as_of <= today:
        return []
    return [FieldFault("as_of", f"{as_of} lies in the future; today is {today}")]


def _claim(rows: Rows, institution: Institution) -> list[FieldFault]:
    """Put the caller's own institution where none was given; say where another was."""
    if institution.level is Level.PROVINCE:
        return []
    key = f"{institution.level.value}_id"
    guarantee = rows["guarantee"][0]
    if guarantee[key] is None:
        guarantee[key] = institution.id
    if guarantee[key] == institution.id:
        return []
    return [FieldFault(f"guarantee.{key}", "is not your institution")]


def _name(rows: Rows, unnamed: str) -> list[FieldFault]:
    """Give every row the identifiers it belongs under; say where two differ."""
    faults = []
    for key, tables in {
        "guarantee_id": ("guarantee", "performance"),
        "borrower_id": ("guarantee", "borrower", "signal"),
        "lender_id": ("guarantee", "lender"),
    }.items():
        given = [(name, i, row) for name in tables for i, row in enumerate(rows[name])]
        known = [row[key] for _, _, row in given if row[key] is not None]
        for name, i, row in given:
            if row[key] is not None and row[key] != known[0]:
                reason = f"differs from the {key} {known[0]!r} given elsewhere in this case"
                faults.append(FieldFault(f"{_place(name, i)}.{key}", reason))
        if known or key != "lender_id" or rows["lender"]:
            for _, _, row in given:
                row[key] = known[0] if known else unnamed
    return faults


def _date(name: str, rows: Sequence[dict[str, Any]], as_of: date) -> None:
    for row in rows:
        if row["event_at"] is None:
            # what a borrower or lender is, they have been all along
            row["event_at"] = row["known_at"] or (as_of if name == "guarantee" else EARLIEST)
        if row["known_at"] is None:
            row["known_at"] = row["event_at"]


def _misdated(name: str, rows: Sequence[dict[str, Any]], as_of: date) -> list[FieldFault]:
    faults = []
    for i, row in enumerate(rows):
        if row["event_at"] <= row["known_at"] <= as_of:
            continue
        for column in ("event_at", "known_at"):
            if row[column] > as_of:
                late = f"{row[column]} lies after as_of {as_of}"
                faults.append(FieldFault(f"{_place(name, i)}.{column}", late))
        if row["known_at"] < row["event_at"]:
            early = f"{row['known_at']} lies before event_at {row['event_at']}"
            faults.append(FieldFault(f"{_place(name, i)}.known_at", early))
    return faults


def _repeated(name: str, rows: Sequence[dict[str, Any]]) -> list[FieldFault]:
    keys = list(map(itemgetter(*TABLES[name].key, "known_at"), rows))
    if len(set(keys)) == len(keys):
        return []
    seen: dict[tuple[Any, ...], int] = {}
    faults = []
    for i, key in enumerate(keys):
        first = seen.setdefault(key, i)
        if first != i:
            reason = f"repeats {_place(name, first)}; a correction needs a later known_at"
            faults.append(FieldFault(_place(name, i), reason))
    return faults


def _place(name: str, position: int) -> str:
    return f"{_IN_LISTS[name]}[{position}]" if name in _IN_LISTS else name
