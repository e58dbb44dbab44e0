"""What a warning rule is, what it looks at, and the list of all of them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np

import vouch.warning.rules as package
from vouch.domain.alert import Signal
from vouch.domain.portfolio_part import PortfolioPart
from vouch.errors import PolicyError
from vouch.features.asof import Flags, Floats
from vouch.features.facts import Cases, Views
from vouch.policy.reading import Policy


class Of(StrEnum):
    """What a rule looks at."""

    GUARANTEE = "guarantee"
    PORTFOLIO = "portfolio"


class Seen(Protocol):
    """Subjects of one kind with what rules ask for, one value per subject."""

    @property
    def subject_ids(self) -> Sequence[str]:
        """What their alerts are kept under."""
        ...

    @property
    def of(self) -> Of:
        """Which rules look at it."""
        ...

    def view(self, name: str) -> Any:
        """What a parameter of this name means."""
        ...


@dataclass(frozen=True)
class PartsSeen:
    """Parts of the book; what rules ask for are their figures, NaN where a part has none."""

    parts: Sequence[PortfolioPart]
    of = Of.PORTFOLIO

    @property
    def subject_ids(self) -> Sequence[str]:
        """What their alerts are kept under."""
        return [part.subject_id for part in self.parts]

    def view(self, name: str) -> Floats:
        """A figure of every part."""
        return np.array([part.figures.get(name, np.nan) for part in self.parts], dtype=np.float64)


@dataclass(frozen=True)
class Snapshot:
    """Guarantees in force, each on its date; what rules ask for by the names of their parameters.

    Any view that features can ask for (`performance`, `borrower`, a kind of signal, …), `as_of`,
    and the arrays here, one value per guarantee, NaN where unknown. `scores_before` are the scores
    so many days earlier as the rule MD01 looks back, NaN for a guarantee not in force then.
    """

    cases: Cases
    views: Views
    scores: Floats
    scores_before: Floats
    default_probabilities: Floats
    of = Of.GUARANTEE

    def __len__(self) -> int:
        """Number of guarantees."""
        return len(self.cases)

    @property
    def subject_ids(self) -> Sequence[str]:
        """The guarantees."""
        return self.cases.guarantee_ids

    @property
    def as_of(self) -> Floats:
        """The date of each guarantee, in days."""
        return self.cases.as_of

    def view(self, name: str) -> Any:
        """What a parameter of this name means, made once."""
        if name not in self._made:
            own = name in (*_ARRAYS, "as_of")
            self._made[name] = getattr(self, name) if own else self.views.view(name)
        return self._made[name]

    @cached_property
    def _made(self) -> dict[str, Any]:
        return {}


_ARRAYS = ("scores", "scores_before", "default_probabilities")


@dataclass(frozen=True)
class Finding:
    """For which subjects a rule fires, and the figures it looked at; one value per subject."""

    fires: Flags
    evidence: Mapping[str, Floats]


Thresholds = Mapping[str, float]
Function = Callable[..., Finding]


@dataclass(frozen=True)
class Rule:
    """A declared rule.

    `inputs` are the views its function takes before the thresholds, of what it looks at (`of`):
    guarantees, or parts of the book. `thresholds` are the numbers it takes from policy; names may
    hold them in braces, and what was seen may hold figures of the evidence. Rules of one `cause`
    make one alert between them.
    """

    code: str
    cause: str
    zh: str
    en: str
    seen_zh: str
    seen_en: str
    action_zh: str
    action_en: str
    thresholds: tuple[str, ...]
    function: Function
    about: str
    inputs: tuple[str, ...] = ()
    of: Of = Of.GUARANTEE

    def finding(self, seen: Seen, thresholds: Thresholds) -> Finding:
        """For which subjects the rule fires at these thresholds."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.function(*(seen.view(name) for name in self.inputs), thresholds)


_RULES: dict[str, Rule] = {}


def rule(
    code: str,
    *,
    cause: str,
    thresholds: tuple[str, ...],
    zh: str,
    en: str,
    seen_zh: str,
    seen_en: str,
    action_zh: str,
    action_en: str,
    of: Of = Of.GUARANTEE,
) -> Callable[[Function], Function]:
    """Declare a function as the rule of this code; its docstring says when it fires."""

    def declare(function: Function) -> Function:
        if code in _RULES:
            raise ValueError(f"two rules have the code {code}")
        about = inspect.cleandoc(function.__doc__ or "")
        said = (zh, en, seen_zh, seen_en, action_zh, action_en)
        inputs = tuple(inspect.signature(function).parameters)[:-1]
        _RULES[code] = Rule(code, cause, *said, thresholds, function, about, inputs, of)
        return function

    return declare


@cache
def rules() -> dict[str, Rule]:
    """Every rule by code, from every module of `vouch.warning.rules`."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_RULES.items()))


def check_numbers(policy: Policy) -> None:
    """Hold rules and policy against each other.

    Raises:
        PolicyError: a rule lacks a number, or policy has numbers that no rule reads.
    """
    path = policy.folder / "warning.toml"
    for code in policy.rules.keys() ^ rules().keys():
        what = "no rule has this code" if code in policy.rules else "this rule has no numbers"
        raise PolicyError(f"{path}: [[{code}]]: {what}; the rules are {', '.join(rules())}")
    for code, declared in rules().items():
        for version in policy.rules[code]:
            given, wanted = set(version.thresholds), set(declared.thresholds)
            for name in sorted(given ^ wanted):
                what = "is missing" if name in wanted else "is read by nothing"
                since = version.effective_from
                raise PolicyError(f"{path}: [[{code}]] from {since}: {name} {what}")


def signals(seen: Seen, policy: Policy, on: date) -> list[Signal]:
    """Everything that any rule sees, by rule and row, each at the worst level that it reaches.

    Args:
        on: the day whose numbers hold.
    """
    found = []
    subject_ids = seen.subject_ids
    for code, declared in rules().items():
        if declared.of is not seen.of:
            continue
        numbers = policy.rule(code, on)
        is_open = np.ones(len(subject_ids), dtype=np.bool_)
        for level in numbers.levels:
            finding = declared.finding(seen, level.thresholds)
            fires = finding.fires & is_open
            is_open &= ~fires
            found += [
                Signal(
                    guarantee_id=subject_ids[row],
                    cause=declared.cause,
                    rule=code,
                    severity=level.severity,
                    lead_days=numbers.lead_days,
                    evidence=_known(finding.evidence, row),
                )
                for row in np.flatnonzero(fires).tolist()
            ]
    return found


def _known(evidence: Mapping[str, Floats], row: int) -> dict[str, float]:
    """The figures of one subject; what is not known is no figure."""
    figures = {name: float(values[row]) for name, values in evidence.items()}
    return {name: value for name, value in figures.items() if np.isfinite(value)}


def worded(template: str, evidence: Mapping[str, float]) -> str:
    """What was seen, in words; a figure that is not known is a dash.

    >>> worded("{claim:,.0f} yuan, {share:.0%} of revenue", {"claim": 5000.0})
    '5,000 yuan, – of revenue'
    """
    return template.format_map(_Figures(evidence))


class _Figures(dict[str, float]):
    def __missing__(self, name: str) -> _Dash:
        return _Dash()


class _Dash:
    def __format__(self, how: str) -> str:
        return "–"
