"""What a warning rule is, what it looks at, and the list of all of them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

import vouch.warning.rules as package
from vouch.domain.alert import Signal
from vouch.errors import PolicyError
from vouch.features.asof import Flags, Floats
from vouch.policy.reading import Policy


@dataclass(frozen=True)
class Snapshot:
    """Guarantees in force on one date, one value per guarantee in every array, NaN where unknown.

    `scores_before` are the scores so many days earlier as the rule MD01 looks back, NaN for a
    guarantee that was not in force then.
    """

    guarantee_ids: Sequence[str]
    scores: Floats
    scores_before: Floats
    default_probabilities: Floats
    days_past_due: Floats

    def __len__(self) -> int:
        """Number of guarantees."""
        return len(self.guarantee_ids)


@dataclass(frozen=True)
class Finding:
    """For which guarantees a rule fires, and the figures it looked at; one value per guarantee."""

    fires: Flags
    evidence: Mapping[str, Floats]


Thresholds = Mapping[str, float]


@dataclass(frozen=True)
class Rule:
    """A declared rule.

    `thresholds` are the numbers it takes from policy; names may hold them in braces, and what was
    seen may hold figures of the evidence. Rules of one `cause` make one alert between them.
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
    function: Callable[[Snapshot, Thresholds], Finding]
    about: str


_RULES: dict[str, Rule] = {}

_Function = Callable[[Snapshot, Thresholds], Finding]


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
) -> Callable[[_Function], _Function]:
    """Declare a function as the rule of this code; its docstring says when it fires."""

    def declare(function: _Function) -> _Function:
        if code in _RULES:
            raise ValueError(f"two rules have the code {code}")
        about = inspect.cleandoc(function.__doc__ or "")
        _RULES[code] = Rule(
            code, cause, zh, en, seen_zh, seen_en, action_zh, action_en, thresholds, function, about
        )
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
        raise PolicyError(f"{path}: [{code}]: {what}; the rules are {', '.join(rules())}")
    for code, declared in rules().items():
        given, wanted = set(policy.rules[code].thresholds), set(declared.thresholds)
        for name in sorted(given ^ wanted):
            what = "is missing" if name in wanted else "is read by nothing"
            raise PolicyError(f"{path}: [{code}] {name} {what}")


def signals(snapshot: Snapshot, policy: Policy) -> list[Signal]:
    """Everything that any rule sees, by rule and row."""
    found = []
    for code, declared in rules().items():
        numbers = policy.rules[code]
        finding = declared.function(snapshot, numbers.thresholds)
        for row in np.flatnonzero(finding.fires).tolist():
            evidence = {name: float(values[row]) for name, values in finding.evidence.items()}
            found.append(
                Signal(
                    guarantee_id=snapshot.guarantee_ids[row],
                    cause=declared.cause,
                    rule=code,
                    severity=numbers.severity,
                    lead_days=numbers.lead_days,
                    evidence=evidence,
                )
            )
    return found
