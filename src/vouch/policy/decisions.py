"""Reading the numbers of the decision; a wrong file is refused with its name, key and remedy."""

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from vouch.domain.advice.terms import (
    CapUse,
    DecisionTerms,
    FeeTerms,
    LeverageLimit,
    Outcome,
    Review,
    ShareLimit,
    Target,
    Ticket,
)
from vouch.domain.dated import in_order, read_toml
from vouch.domain.stage import Stage
from vouch.domain.vocabulary import BORROWER_KINDS
from vouch.errors import PolicyError
from vouch.policy.schemes import TomlTable

_KEYS = (
    "effective_from",
    "effective_until",
    "source",
    "assumption",
    "limit_step",
    "natural_person",
    "single_client",
    "group",
    "leverage",
    "ticket",
    "cap",
    "fee",
    "target",
    "review",
)


def decision_versions(path: Path) -> list[DecisionTerms]:
    """The versions of the decision's numbers, oldest first.

    Raises:
        PolicyError: the file is wrong; the text names file, key and remedy.
    """
    file = TomlTable(str(path), "", read_toml(path))
    file.only("version")
    return in_order([_version(path, table) for table in file.tables("version")], str(path))


def _version(path: Path, body: TomlTable) -> DecisionTerms:
    first = body.day("effective_from")
    if first is None:
        raise PolicyError(f"{path}: a version needs effective_from = YYYY-MM-DD")
    table = TomlTable(f"{path}: version from {first}", "", body.body)
    table.only(*_KEYS)
    persons = _section(table, "natural_person", "kinds")
    return DecisionTerms(
        effective_from=first,
        effective_until=_until(table, first),
        source=table.required_text("source"),
        natural_kinds=persons.texts("kinds", BORROWER_KINDS),
        natural_source=persons.required_text("source"),
        single_client=_share_limit(table, "single_client"),
        group=_share_limit(table, "group"),
        leverage=_leverage(table),
        tickets=tuple(_ticket(ticket) for ticket in table.tables("ticket")),
        cap=_cap(table),
        fee=_fee(table),
        target=_target(table),
        review=_review(table),
        limit_step=_amount(table, "limit_step"),
    )


def _section(table: TomlTable, key: str, *keys: str) -> TomlTable:
    """A table that has to be there, with no other keys than these and its notes."""
    if key not in table.body:
        raise table.refusal(key, f"is missing; write it as [version.{key}]")
    section = table.table(key)
    section.only(*keys, "source", "assumption")
    return section


def _until(table: TomlTable, first: date) -> date | None:
    until = table.day("effective_until")
    if until is not None and until < first:
        raise table.refusal("effective_until", f"must be a day from {first} on")
    return until


def _outcome(table: TomlTable) -> Outcome:
    try:
        return Outcome.parse(table.text("outcome"))
    except ValueError as error:
        raise table.refusal("outcome", str(error)) from None


def _amount(table: TomlTable, key: str) -> Decimal:
    amount = table.amount(key)
    if amount is None:
        raise table.refusal(key, 'is missing; write yuan in quotes such as "10000.00"')
    return amount


def _positive(table: TomlTable, key: str) -> Decimal:
    """A share above zero."""
    found = table.fraction(key)
    if not found:
        raise table.refusal(key, "is zero, must be above it")
    return found


def _multiple(table: TomlTable, key: str, least: int) -> Decimal:
    try:
        found = Decimal(str(table.body.get(key)))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < least:
        raise table.refusal(key, f'must be a number from {least} on in quotes such as "10"')
    return found


def _share_limit(table: TomlTable, key: str) -> ShareLimit:
    section = _section(table, key, "share", "outcome")
    share, outcome = _positive(section, "share"), _outcome(section)
    return ShareLimit(share, outcome, section.required_text("source"))


def _leverage(table: TomlTable) -> LeverageLimit:
    keys = ("times", "times_small", "small_balance", "small_clients", "outcome")
    section = _section(table, "leverage", *keys)
    times = _multiple(section, "times", 1)
    times_small = _multiple(section, "times_small", 1)
    if times_small < times:
        raise section.refusal("times_small", f"is {times_small}, must be {times} (times) or more")
    return LeverageLimit(
        times,
        times_small,
        section.fraction("small_balance"),
        section.fraction("small_clients"),
        _outcome(section),
        section.required_text("source"),
    )


def _ticket(table: TomlTable) -> Ticket:
    table.only("at_most", "products", "kinds", "outcome", "source", "assumption")
    return Ticket(
        table.texts("products"),
        table.texts("kinds", BORROWER_KINDS),
        _amount(table, "at_most"),
        _outcome(table),
        table.required_text("source"),
    )


def _cap(table: TomlTable) -> CapUse:
    section = _section(table, "cap", "refer_from")
    return CapUse(_positive(section, "refer_from"), section.required_text("source"))


def _fee(table: TomlTable) -> FeeTerms:
    section = _section(table, "fee", "highest", "step", "outcome")
    highest, step = _positive(section, "highest"), _positive(section, "step")
    return FeeTerms(highest, step, _outcome(section), section.required_text("source"))


def _target(table: TomlTable) -> Target:
    stages = [stage for stage in Stage if stage is not Stage.POST_LOAN]
    section = _section(table, "target", *stages, "outcome")
    rates: dict[Stage, Decimal] = {stage: _positive(section, stage.value) for stage in stages}
    return Target(rates, _outcome(section), section.required_text("source"))


def _review(table: TomlTable) -> Review:
    section = _section(table, "review", "raise_grades", "raise_at_most")
    grades = section.texts("raise_grades")
    return Review(grades, _multiple(section, "raise_at_most", 1), section.required_text("source"))
