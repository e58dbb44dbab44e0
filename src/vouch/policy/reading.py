"""Reading the policy files; a wrong file is refused with its name, the key and the remedy."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from vouch.domain.alert import Severity
from vouch.domain.risk_sharing import Party, Scheme
from vouch.domain.scale import ScoreScale
from vouch.errors import PolicyError

SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class Grade:
    """A grade holds from `lowest_score` on; `band` is the advice: approve, refer or decline."""

    name: str
    lowest_score: int
    band: str


@dataclass(frozen=True)
class RuleNumbers:
    """A warning rule's severity, usual lead time before compensation, and its own thresholds."""

    severity: Severity
    lead_days: int
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """All policy of one folder.

    Raises:
        PolicyError: on reading a file that is wrong.
    """

    folder: Path = SHIPPED

    @cached_property
    def schemes(self) -> Mapping[str, list[Scheme]]:
        """The versions of each risk-sharing scheme, oldest first, by name."""
        found: dict[str, list[Scheme]] = {}
        for path in sorted((self.folder / "risk_sharing").glob("*.toml")):
            versions = _scheme_versions(path)
            if versions[0].name in found:
                raise PolicyError(f"{path}: another file already declares {versions[0].name!r}")
            found[versions[0].name] = versions
        return found

    def scheme(self, name: str | None, on: date) -> Scheme:
        """The version of a scheme in force on a day; the default scheme where `name` is None.

        Raises:
            PolicyError: no such scheme, or none in force on that day.
        """
        name = name or self.default_scheme
        versions = self.schemes.get(name)
        if versions is None:
            raise PolicyError(
                f"no risk-sharing scheme is called {name!r}; known are {', '.join(self.schemes)}"
            )
        for version in versions:
            until = version.effective_until
            if version.effective_from <= on and (until is None or on <= until):
                return version
        raise PolicyError(
            f"scheme {name!r} is not in force on {on}; its first version holds from "
            f"{versions[0].effective_from}"
        )

    @cached_property
    def scale(self) -> ScoreScale:
        """The score scale."""
        values = self._score["scale"]
        try:
            return ScoreScale(
                *(float(values[key]) for key in ("anchor_score", "anchor_odds", "points_to_double"))
            )
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"{self.folder / 'score.toml'}: [scale] lacks {error}") from error

    @cached_property
    def grades(self) -> list[Grade]:
        """The grades, best first."""
        try:
            grades = [
                Grade(str(g["name"]), int(g["lowest_score"]), str(g["band"]))
                for g in self._score["grade"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"{self.folder / 'score.toml'}: a grade lacks {error}") from error
        return sorted(grades, key=lambda grade: -grade.lowest_score)

    def grade(self, score: int) -> Grade:
        """The grade of a score."""
        return next((g for g in self.grades if score >= g.lowest_score), self.grades[-1])

    @cached_property
    def loss_given_default(self) -> Decimal:
        """The share of an exposure that is lost, in [0, 1]."""
        return _share(self.folder / "loss.toml", "loss_given_default", self._loss)

    @cached_property
    def default_scheme(self) -> str:
        """The scheme used where an application names none."""
        return str(self._loss["default_scheme"])

    @cached_property
    def rules(self) -> Mapping[str, RuleNumbers]:
        """The numbers of each warning rule by code."""
        path = self.folder / "warning.toml"
        return {code: _rule_numbers(path, code, body) for code, body in _read(path).items()}

    @cached_property
    def _score(self) -> dict[str, Any]:
        return _read(self.folder / "score.toml")

    @cached_property
    def _loss(self) -> dict[str, Any]:
        return _read(self.folder / "loss.toml")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(f"policy file {path} is missing") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"policy file {path} is not TOML: {error}") from error


def _share(path: Path, key: str, body: Mapping[str, Any]) -> Decimal:
    try:
        value = Decimal(str(body[key]))
    except (KeyError, InvalidOperation):
        raise PolicyError(f'{path}: {key} must be a fraction in quotes such as "0.20"') from None
    if not 0 <= value <= 1:
        raise PolicyError(f"{path}: {key} is {value}, must lie in [0, 1]; write 20 % as 0.20")
    return value


def _scheme_versions(path: Path) -> list[Scheme]:
    body = _read(path)
    if "name" not in body or not body.get("version"):
        raise PolicyError(f"{path}: needs a name and at least one [[version]]")
    versions = sorted(body["version"], key=lambda v: str(v.get("effective_from")))
    found = [_scheme(path, str(body["name"]), version) for version in versions]
    for older, newer in pairwise(found):
        if older.effective_until is None or older.effective_until >= newer.effective_from:
            raise PolicyError(
                f"{path}: the version from {older.effective_from} overlaps the one from "
                f"{newer.effective_from}; give it an effective_until before that"
            )
    return found


def _scheme(path: Path, name: str, version: Mapping[str, Any]) -> Scheme:
    shares = {}
    for key in version.get("shares", {}):
        if key not in list(Party):
            known = ", ".join(Party)
            raise PolicyError(f"{path}: shares.{key} is no known party; known are {known}")
        shares[Party(key)] = _share(path, key, version["shares"])
    if not isinstance(version.get("effective_from"), date):
        raise PolicyError(f"{path}: a version needs effective_from = YYYY-MM-DD")
    try:
        return Scheme(
            name=name,
            shares=dict(sorted(shares.items(), key=lambda item: list(Party).index(item[0]))),
            effective_from=version["effective_from"],
            effective_until=version.get("effective_until"),
            source=str(version.get("source", "")),
        )
    except ValueError as error:
        raise PolicyError(f"{path}: version from {version['effective_from']}: {error}") from error


def _rule_numbers(path: Path, code: str, body: Mapping[str, Any]) -> RuleNumbers:
    try:
        return RuleNumbers(
            severity=Severity.parse(str(body["severity"])),
            lead_days=int(body["lead_days"]),
            thresholds={
                key: float(value)
                for key, value in body.items()
                if key not in ("severity", "lead_days")
            },
        )
    except (KeyError, ValueError, TypeError) as error:
        raise PolicyError(f"{path}: [{code}] has a wrong or missing {error}") from error
