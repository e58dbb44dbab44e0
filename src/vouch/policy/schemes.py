"""Reading the risk-sharing schemes; a wrong file is refused with its name, key and remedy."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from vouch.domain.compensation_cap import (
    Cap,
    CapBase,
    CapBasis,
    CappedRecovery,
    CapPeriod,
    CapScope,
    Excess,
)
from vouch.domain.dated import in_order, read_toml
from vouch.domain.risk_sharing import LossBase, Party, ReguaranteeFee, Scheme
from vouch.errors import PolicyError

_HIGHEST_FEE = Decimal("0.1")  # a fee above this is a percentage that was not divided by 100
Choice = TypeVar("Choice", bound=StrEnum)


def fraction(place: Path | str, key: str, value: Any) -> Decimal:
    """A rate or share of a policy file, in [0, 1].

    Raises:
        PolicyError: it is missing, no number, or written as a percentage.
    """
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise PolicyError(f'{place}: {key} must be a fraction in quotes such as "0.20"')
    if not 0 <= found <= 1:
        raise PolicyError(f"{place}: {key} is {found}, must lie in [0, 1]; write 20 % as 0.20")
    return found


def scheme_versions(path: Path) -> list[Scheme]:
    """The versions of the scheme that a file declares, oldest first.

    Raises:
        PolicyError: the file is wrong; the text names file, key and remedy.
    """
    file = TomlTable(str(path), "", read_toml(path))
    file.only("name", "about", "version")
    name, versions = file.body.get("name"), file.body.get("version")
    if not (name and isinstance(name, str) and versions and isinstance(versions, list)):
        raise PolicyError(f"{path}: needs a name and at least one [[version]]")
    found = [_scheme(path, name, file.text("about"), version) for version in versions]
    return in_order(found, str(path))


@dataclass(frozen=True)
class TomlTable:
    """A table of a policy file; what is wrong in it is refused by place and key."""

    place: str
    prefix: str
    body: Mapping[str, Any]

    def refusal(self, key: str, reason: str) -> PolicyError:
        """What is wrong with a key, to be raised."""
        return PolicyError(f"{self.place}: {self.prefix}{key} {reason}")

    def only(self, *known: str) -> None:
        """Refuse any key that is not known."""
        for key in self.body:
            if key not in known:
                raise self.refusal(key, f"is no key here; known are {', '.join(known)}")

    def table(self, key: str) -> "TomlTable":
        """The table under a key, empty where there is none."""
        body = self.body.get(key, {})
        if not isinstance(body, Mapping):
            raise self.refusal(key, f"must be a table; write it as [{self.prefix}{key}]")
        return TomlTable(self.place, f"{self.prefix}{key}.", body)

    def tables(self, key: str) -> list["TomlTable"]:
        """The tables under a key."""
        rows = self.body.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise self.refusal(key, f"must be a list of tables; write each as [[version.{key}]]")
        return [TomlTable(self.place, f"{self.prefix}{key}.", row) for row in rows]

    def text(self, key: str) -> str:
        """A text, empty where there is none."""
        value = self.body.get(key, "")
        if not isinstance(value, str):
            raise self.refusal(key, f"is {value!r}; write a text in quotes")
        return value

    def texts(self, key: str, known: Collection[str] | None = None) -> tuple[str, ...]:
        """A list of texts, empty where there is none; each one of `known` where that is given."""
        value = self.body.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refusal(key, f'is {value!r}; write a list of texts such as ["person"]')
        for item in value:
            if known is not None and item not in known:
                raise self.refusal(key, f"names {item!r}; known are {', '.join(known)}")
        return tuple(value)

    def required_text(self, key: str) -> str:
        """A text that must not be empty."""
        text = self.text(key)
        if not text.strip():
            raise self.refusal(key, "is missing; name the document the figures come from")
        return text

    def flag(self, key: str) -> bool:
        """True or false, false where it is not given."""
        value = self.body.get(key, False)
        if not isinstance(value, bool):
            raise self.refusal(key, f"is {value!r}; write true or false")
        return value

    def day(self, key: str) -> date | None:
        """A day, None where it is not given."""
        value = self.body.get(key)
        if value is None:
            return None
        if isinstance(value, datetime) or not isinstance(value, date):
            raise self.refusal(key, f"is {value!r}; write {key} = YYYY-MM-DD without quotes")
        return value

    def whole(self, key: str) -> int | None:
        """A whole number, None where it is not given."""
        value = self.body.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self.refusal(key, f"is {value!r}; write a whole number")
        return value

    def fraction(self, key: str) -> Decimal:
        """A rate or share in [0, 1], which must be given."""
        return fraction(self.place, f"{self.prefix}{key}", self.body.get(key))

    def amount(self, key: str) -> Decimal | None:
        """An amount above zero, None where it is not given."""
        value = self.body.get(key)
        if value is None:
            return None
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite() or found <= 0:
            raise self.refusal(key, f'is {value!r}; write yuan in quotes such as "5000000.00"')
        return found

    def choice(self, key: str, kind: type[Choice], default: Choice | None = None) -> Choice:
        """One of the words of an enumeration."""
        value = self.body.get(key, default)
        known = f"one of {', '.join(kind)}"
        if value is None:
            raise self.refusal(key, f"is missing; write {known}")
        try:
            return kind(value)
        except ValueError:
            raise self.refusal(key, f"is {value!r}; write {known}") from None


_VERSION_KEYS = (
    "effective_from",
    "effective_until",
    "source",
    "memory",
    "assumption",
    "shares",
    "loss_base",
    "follows_lender",
    "cap",
    "reguarantee_fee",
)
_CAP_KEYS = (
    "rate",
    "base",
    "base_weight",
    "days_at_most",
    "scope",
    "period",
    "basis",
    "excess",
    "recovery",
    "source",
    "assumption",
)


def _scheme(path: Path, name: str, about: str, body: Any) -> Scheme:
    if not isinstance(body, Mapping):
        raise PolicyError(f"{path}: version must be tables; write each as [[version]]")
    first = TomlTable(str(path), "", body).day("effective_from")
    if first is None:
        raise PolicyError(f"{path}: a version needs effective_from = YYYY-MM-DD")
    version = TomlTable(f"{path}: version from {first}", "", body)
    version.only(*_VERSION_KEYS)
    try:
        return Scheme(
            name=name,
            about=about,
            shares=_shares(version.table("shares")),
            effective_from=first,
            effective_until=version.day("effective_until"),
            source=version.text("source"),
            memory=version.text("memory"),
            assumption=version.text("assumption"),
            loss_base=version.choice("loss_base", LossBase, LossBase.GROSS_AT_PAYMENT),
            follows_lender=version.flag("follows_lender"),
            cap=_cap(version.table("cap")) if "cap" in body else None,
            reguarantee_fees=_reguarantee_fees(version),
        )
    except ValueError as error:
        raise PolicyError(f"{version.place}: {error}") from error


def _shares(table: TomlTable) -> dict[Party, Decimal]:
    for key in table.body:
        _party(table, key, key)
    return {party: table.fraction(party) for party in Party if party in table.body}


def _party(table: TomlTable, key: str, value: Any) -> Party:
    try:
        return Party(value)
    except ValueError:
        known = ", ".join(Party)
        what = "" if key == value else f"{value!r} "
        raise table.refusal(key, f"{what}is no known party; known are {known}") from None


def _cap(table: TomlTable) -> Cap:
    table.only(*_CAP_KEYS)
    return Cap(
        rate=table.fraction("rate"),
        base=table.choice("base", CapBase),
        base_weight=table.fraction("base_weight") if "base_weight" in table.body else None,
        days_at_most=table.whole("days_at_most"),
        scope=table.choice("scope", CapScope),
        period=table.choice("period", CapPeriod),
        basis=table.choice("basis", CapBasis),
        excess=table.choice("excess", Excess, Excess.BANK_BEARS),
        recovery=table.choice("recovery", CappedRecovery, CappedRecovery.CONTRACT),
        source=table.text("source"),
        assumption=table.text("assumption"),
    )


def _reguarantee_fees(version: TomlTable) -> tuple[ReguaranteeFee, ...]:
    """The fees, those of the smallest clients first, so that the first that fits holds."""
    fees = []
    for table in version.tables("reguarantee_fee"):
        table.only("party", "rate", "ticket_up_to", "source")
        rate = table.fraction("rate")
        if rate > _HIGHEST_FEE:
            raise table.refusal("rate", f"is {rate}, a fee of {rate:.0%}; write 0.3 % as 0.003")
        party = _party(table, "party", table.body.get("party"))
        fees.append(ReguaranteeFee(party, rate, table.amount("ticket_up_to"), table.text("source")))
    steps = [(fee.party, fee.ticket_up_to) for fee in fees]
    if len(set(steps)) < len(steps):
        raise version.refusal("reguarantee_fee", "is given twice for the same party and ticket")
    return tuple(sorted(fees, key=lambda fee: fee.ticket_up_to or Decimal("Infinity")))
