"""Reading the policy files; a wrong file is refused with its name, the key and the remedy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from vouch.domain.advice.terms import DecisionTerms, Outcome
from vouch.domain.calendar import WorkCalendar
from vouch.domain.classification import ClassificationStandard, read_classification_standards
from vouch.domain.code_list import CodeList, read_code_list
from vouch.domain.dated import in_force, read_toml
from vouch.domain.lender_fit import FitTerms
from vouch.domain.ranking import Ranking
from vouch.domain.response import Terms
from vouch.domain.risk_sharing import Scheme
from vouch.domain.scale import ScoreScale
from vouch.domain.size_class import SizeStandard, read_size_standards
from vouch.errors import PolicyError
from vouch.policy.decisions import decision_versions
from vouch.policy.lenders import fit_versions
from vouch.policy.ranking import rankings
from vouch.policy.response import response_terms, work_calendar
from vouch.policy.schemes import fraction, scheme_versions
from vouch.policy.warning import RuleNumbers, rule_numbers

SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class Grade:
    """A grade holds from `lowest_score` on; `band` is what the score alone advises."""

    name: str
    lowest_score: int
    band: Outcome


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
        return {name: versions for name, (_, versions) in self._scheme_files.items()}

    def scheme(self, name: str | None, on: date) -> Scheme:
        """The version of a scheme in force on a day; the default scheme where `name` is None.

        Raises:
            PolicyError: no such scheme, or none in force on that day.
        """
        name = name or self.default_scheme
        if name not in self._scheme_files:
            raise PolicyError(
                f"no risk-sharing scheme is called {name!r}; known are {', '.join(self.schemes)}"
            )
        file, versions = self._scheme_files[name]
        for version in versions:
            if version.in_force(on):
                return version
        held = ", ".join(
            f"{v.effective_from} to {v.effective_until}"
            if v.effective_until
            else f"{v.effective_from} on"
            for v in versions
        )
        raise PolicyError(
            f"scheme {name!r} is not in force on {on}, it holds {held}; choose another day or "
            f"add a [[version]] with its effective_from to {file}"
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
        """The grades, best first.

        Raises:
            PolicyError: one is wrong, or a better grade has a worse band.
        """
        path = self.folder / "score.toml"
        try:
            grades = [_grade(path, body) for body in self._score["grade"]]
        except (KeyError, TypeError, ValueError) as error:
            raise PolicyError(f"{path}: a grade lacks {error}") from error
        grades.sort(key=lambda grade: -grade.lowest_score)
        for better, worse in pairwise(grades):
            if better.band > worse.band:
                raise PolicyError(
                    f"{path}: grade {better.name} is better than {worse.name}, but its band "
                    f"{better.band.word} is worse than {worse.band.word}"
                )
        return grades

    def grade(self, score: int) -> Grade:
        """The grade of a score."""
        return next((g for g in self.grades if score >= g.lowest_score), self.grades[-1])

    def decision(self, on: date) -> DecisionTerms:
        """The numbers of the decision in force on a day.

        Raises:
            PolicyError: none are, or the file is wrong.
        """
        try:
            return in_force(self._decisions, on)
        except PolicyError as error:
            raise PolicyError(f"{self.folder / 'decision.toml'}: {error}") from error

    def lender_fit(self, on: date) -> FitTerms:
        """By what banks are ranked on a day.

        Raises:
            PolicyError: no version is in force, or the file is wrong.
        """
        try:
            return in_force(self._lender_fits, on)
        except PolicyError as error:
            raise PolicyError(f"{self.folder / 'lenders.toml'}: {error}") from error

    @cached_property
    def loss_given_default(self) -> Decimal:
        """The share of an exposure that is lost, in [0, 1]."""
        path, key = self.folder / "loss.toml", "loss_given_default"
        return fraction(path, key, self._loss.get(key))

    @cached_property
    def default_scheme(self) -> str:
        """The scheme used where an application names none."""
        if "default_scheme" not in self._loss:
            path = self.folder / "loss.toml"
            raise PolicyError(f"{path}: default_scheme is missing; write the name of a scheme")
        return str(self._loss["default_scheme"])

    @cached_property
    def rules(self) -> Mapping[str, list[RuleNumbers]]:
        """The versions of each warning rule's numbers, oldest first, by code."""
        return rule_numbers(self.folder / "warning.toml")

    def rule(self, code: str, on: date) -> RuleNumbers:
        """The numbers of a warning rule in force on a day.

        Raises:
            PolicyError: there are none, or none in force on that day.
        """
        if code not in self.rules:
            raise PolicyError(f"{self.folder / 'warning.toml'}: there is no [[{code}]]")
        return in_force(self.rules[code], on)

    @property
    def guard(self) -> dict[str, Any]:
        """The limits of the guard against leakage, by stage."""
        return read_toml(self.folder / "guard.toml")

    @property
    def four_eyes(self) -> bool:
        """Whether a second person has to approve before a version answers.

        Raises:
            PolicyError: the file does not say so in one word.
        """
        path = self.folder / "promotion.toml"
        found = read_toml(path).get("four_eyes")
        if not isinstance(found, bool):
            raise PolicyError(f"{path}: four_eyes is {found!r}; write true or false")
        return found

    def response(self, on: date) -> Terms:
        """The terms of response in force on a day.

        Raises:
            PolicyError: there are none.
        """
        return in_force(self._response, on)

    def ranking(self, on: date) -> Ranking:
        """By what alerts are ranked on a day.

        Raises:
            PolicyError: there is nothing.
        """
        return in_force(self._rankings, on)

    @cached_property
    def _rankings(self) -> list[Ranking]:
        return rankings(self.folder / "ranking.toml")

    def calendar(self, zone: tzinfo | None = None) -> WorkCalendar:
        """Which days are worked; `zone` is where people are, by default Asia/Shanghai."""
        return work_calendar(self.folder / "holidays.toml", zone)

    @cached_property
    def _response(self) -> list[Terms]:
        return response_terms(self.folder / "response.toml")

    def read_all(self) -> None:
        """Read every file now, so that a later change of one does not mix into this policy.

        Raises:
            PolicyError: a file is wrong.
        """
        for name, member in vars(type(self)).items():
            if isinstance(member, cached_property):
                getattr(self, name)

    @cached_property
    def regions(self) -> CodeList:
        """The regions of GB/T 2260: the cities of Shanxi and every province."""
        return read_code_list(self.folder / "regions.toml")

    @cached_property
    def industries(self) -> CodeList:
        """The sections of GB/T 4754-2017."""
        return read_code_list(self.folder / "industries.toml")

    @cached_property
    def size_standards(self) -> list[SizeStandard]:
        """The versions of the thresholds of size classes, oldest first."""
        return read_size_standards(self.folder / "size_classes.toml")

    @cached_property
    def classification_standards(self) -> list[ClassificationStandard]:
        """The versions of the five classes of risk, oldest first."""
        return read_classification_standards(self.folder / "classification.toml")

    @cached_property
    def _scheme_files(self) -> dict[str, tuple[str, list[Scheme]]]:
        """The file inside the policy folder and the versions of each scheme, by name."""
        found: dict[str, tuple[str, list[Scheme]]] = {}
        for path in sorted((self.folder / "risk_sharing").glob("*.toml")):
            versions = scheme_versions(path)
            name = versions[0].name
            if name in found:
                raise PolicyError(
                    f"{path}: {found[name][0]} already declares {name!r}; choose another name, or "
                    f"add a [[version]] there"
                )
            found[name] = (f"{path.parent.name}/{path.name}", versions)
        return found

    @cached_property
    def _decisions(self) -> list[DecisionTerms]:
        return decision_versions(self.folder / "decision.toml")

    @cached_property
    def _lender_fits(self) -> list[FitTerms]:
        return fit_versions(self.folder / "lenders.toml")

    @cached_property
    def _score(self) -> dict[str, Any]:
        return read_toml(self.folder / "score.toml")

    @cached_property
    def _loss(self) -> dict[str, Any]:
        return read_toml(self.folder / "loss.toml")


def _grade(path: Path, body: Mapping[str, Any]) -> Grade:
    name = str(body["name"])
    try:
        return Grade(name, int(body["lowest_score"]), Outcome.parse(str(body["band"])))
    except ValueError as error:
        raise PolicyError(f"{path}: grade {name}: band {error}") from error
