"""Reading which bank fits which borrower; a wrong file is refused with name, key and remedy."""

from pathlib import Path

from vouch.domain.dated import in_order, read_toml
from vouch.domain.lender_fit import Appetite, Criterion, FitTerms, Reach
from vouch.domain.vocabulary import BORROWER_KINDS, LENDER_KINDS
from vouch.errors import PolicyError
from vouch.policy.schemes import TomlTable

_KEYS = ("effective_from", "effective_until", "source", "assumption", "weights", "appetite")
_APPETITE_KEYS = (
    "lenders",
    "lender_kinds",
    "borrower_kinds",
    "grades",
    "ticket_from",
    "ticket_to",
    "reach",
    "source",
    "assumption",
)


def fit_versions(path: Path) -> list[FitTerms]:
    """The versions of weights and appetites, oldest first.

    Raises:
        PolicyError: the file is wrong; the text names file, key and remedy.
    """
    file = TomlTable(str(path), "", read_toml(path))
    file.only("version")
    return in_order([_version(path, table) for table in file.tables("version")], str(path))


def _version(path: Path, body: TomlTable) -> FitTerms:
    first = body.day("effective_from")
    if first is None:
        raise PolicyError(f"{path}: a version needs effective_from = YYYY-MM-DD")
    table = TomlTable(f"{path}: version from {first}", "", body.body)
    table.only(*_KEYS)
    weights = table.table("weights")
    weights.only(*Criterion)
    return FitTerms(
        effective_from=first,
        effective_until=table.day("effective_until"),
        source=table.required_text("source"),
        weights={criterion: _weight(weights, criterion) for criterion in Criterion},
        appetites=tuple(_appetite(appetite) for appetite in table.tables("appetite")),
    )


def _weight(weights: TomlTable, criterion: Criterion) -> int:
    found = weights.whole(criterion)
    if found is None or found < 0:
        raise weights.refusal(criterion, "is missing or below zero; write whole points such as 20")
    return found


def _appetite(table: TomlTable) -> Appetite:
    table.only(*_APPETITE_KEYS)
    lenders, kinds = table.texts("lenders"), table.texts("lender_kinds", LENDER_KINDS)
    if not lenders and not kinds:
        raise table.refusal("lender_kinds", "is missing; say of which banks this holds")
    low, high = table.amount("ticket_from"), table.amount("ticket_to")
    if low is not None and high is not None and low > high:
        raise table.refusal("ticket_from", f"is {low}, above ticket_to, {high}")
    return Appetite(
        lenders=lenders,
        lender_kinds=kinds,
        borrower_kinds=table.texts("borrower_kinds", BORROWER_KINDS),
        grades=table.texts("grades"),
        ticket_from=low,
        ticket_to=high,
        reach=table.choice("reach", Reach, Reach.ANYWHERE),
        source=table.required_text("source"),
    )
