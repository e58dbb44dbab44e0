"""Who may see what: roles, institutions, and the rows an institution sees."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller does for a living; the access table says what that allows."""

    UNDERWRITER = "underwriter"
    ACCOUNT_MANAGER = "account_manager"
    RISK = "risk"
    AUDITOR = "auditor"
    ADMIN = "admin"
    BANK = "bank"


class Level(StrEnum):
    """Where an institution stands: the province, a city or county guarantor, a bank."""

    PROVINCE = "province"
    GUARANTOR = "guarantor"
    LENDER = "lender"


@dataclass(frozen=True, slots=True)
class Institution:
    """The institution a caller belongs to; the province has no identifier.

    >>> str(Institution.parse("guarantor:CZ01"))
    'guarantor:CZ01'
    """

    level: Level
    id: str = ""

    def __post_init__(self) -> None:
        if (self.level is Level.PROVINCE) != (self.id == ""):
            raise ValueError("write province, guarantor:IDENTIFIER or lender:IDENTIFIER")

    def __str__(self) -> str:
        return f"{self.level.value}:{self.id}" if self.id else self.level.value

    @classmethod
    def parse(cls, text: str) -> "Institution":
        """Read an institution as written in keys and tokens.

        Raises:
            ValueError: it is neither province, guarantor:IDENTIFIER nor lender:IDENTIFIER.
        """
        level, _, identifier = text.partition(":")
        if level not in list(Level):
            raise ValueError("write province, guarantor:IDENTIFIER or lender:IDENTIFIER")
        return cls(Level(level), identifier)

    def sees(self, guarantor_id: str | None, lender_id: str | None) -> bool:
        """Whether a row of this guarantor and lender is the institution's to see.

        >>> Institution(Level.GUARANTOR, "CZ01").sees("CZ01", "ICBC"), \
            Institution(Level.LENDER, "ABC").sees("CZ01", "ICBC"), \
            Institution(Level.PROVINCE).sees(None, None)
        (True, False, True)
        """
        match self.level:
            case Level.PROVINCE:
                return True
            case Level.GUARANTOR:
                return guarantor_id == self.id
            case Level.LENDER:
                return lender_id == self.id


PROVINCE = Institution(Level.PROVINCE)


def check_pairing(role: Role, institution: Institution) -> None:
    """A bank's role goes with a bank, every other role with the province or a guarantor.

    Raises:
        ValueError: they do not go together.
    """
    if (role is Role.BANK) != (institution.level is Level.LENDER):
        raise ValueError("the role bank goes with lender:IDENTIFIER, and nothing else does")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `id` outlives the rotation of a key, so retries and limits follow the caller."""

    id: str
    name: str
    role: Role
    institution: Institution
    rate_per_minute: int | None = None


def operator(name: str) -> Caller:
    """Whoever is logged in where the commands run: they see everything."""
    return Caller(f"operator:{name}", name, Role.ADMIN, PROVINCE)
