"""The access table: which role may call which endpoint, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vouch.domain.access import Caller, Role
from vouch.domain.dated import read_toml
from vouch.errors import PolicyError

FILE = "access.toml"


@dataclass(frozen=True)
class Endpoint:
    """One thing a caller may be allowed."""

    name: str
    zh: str
    en: str
    roles: frozenset[Role]


@dataclass(frozen=True)
class AccessTable:
    """Endpoints by name and the usual limit of each role."""

    endpoints: Mapping[str, Endpoint]
    rates: Mapping[Role, int]

    @classmethod
    def read(cls, folder: Path) -> AccessTable:
        """Read the table of a policy folder.

        Raises:
            PolicyError: it is missing or wrong.
        """
        path = folder / FILE
        body = read_toml(path)
        rates = body.get("rate_per_minute", {})
        for role in Role:
            if type(rates.get(role)) is not int or rates[role] < 1:
                raise PolicyError(f"{path}: [rate_per_minute] needs {role} = a whole number")
        found = {name: _endpoint(path, name, row) for name, row in body.get("endpoint", {}).items()}
        return cls(found, {role: rates[role] for role in Role})

    def allows(self, role: Role, endpoint: str) -> bool:
        """Whether a role may call an endpoint."""
        return role in self.endpoints[endpoint].roles

    def rate(self, caller: Caller) -> int:
        """Requests a minute for a caller."""
        return caller.rate_per_minute or self.rates[caller.role]


def _endpoint(path: Path, name: str, row: Any) -> Endpoint:
    try:
        roles = frozenset(Role(role) for role in row["roles"])
        return Endpoint(name, str(row["zh"]), str(row["en"]), roles)
    except (KeyError, TypeError, ValueError) as error:
        known = ", ".join(Role)
        raise PolicyError(
            f"{path}: [endpoint.{name}] has a wrong or missing {error}; it needs zh, en and roles "
            f"of {known}"
        ) from error
