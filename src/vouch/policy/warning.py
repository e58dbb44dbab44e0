"""Reading the numbers of the warning rules; a wrong file is refused with its name and key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from vouch.domain.alert import Severity
from vouch.domain.dated import in_order, read_toml, read_validity
from vouch.errors import PolicyError

_OF_THE_VERSION = ("effective_from", "effective_until", "source", "lead_days", "levels")


@dataclass(frozen=True)
class Level:
    """From which figures on a rule has this severity."""

    severity: Severity
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleNumbers:
    """A version of a rule's numbers: usual lead time before compensation, and levels, worst first.

    A threshold that is the same at every level stands in each.
    """

    effective_from: date
    effective_until: date | None
    source: str
    lead_days: int
    levels: tuple[Level, ...]

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The thresholds from which on the rule fires at all: those of its mildest level."""
        return self.levels[-1].thresholds

    @property
    def severity(self) -> Severity:
        """The worst severity that the rule gives."""
        return self.levels[0].severity


def rule_numbers(path: Path) -> dict[str, list[RuleNumbers]]:
    """The versions of each rule's numbers, oldest first, by code.

    Raises:
        PolicyError: the file is wrong; the text names file, rule and key.
    """
    found = {}
    for code, versions in read_toml(path).items():
        place = f"{path}: [[{code}]]"
        if not isinstance(versions, list) or not all(isinstance(v, Mapping) for v in versions):
            raise PolicyError(f"{place}: write each version of a rule's numbers as [[{code}]]")
        found[code] = in_order([_version(place, body) for body in versions], place)
    return found


def _version(place: str, body: Mapping[str, Any]) -> RuleNumbers:
    since, until, source = read_validity(body, place)
    lead, levels = body.get("lead_days"), body.get("levels")
    if type(lead) is not int or lead < 0:
        raise PolicyError(f"{place}: lead_days is {lead!r}; write a whole number of days")
    if not isinstance(levels, list) or not levels:
        raise PolicyError(f'{place}: needs levels = [{{ severity = "orange", … }}]')
    shared = {key: value for key, value in body.items() if key not in _OF_THE_VERSION}
    read = [_level(place, shared, level) for level in levels]
    read.sort(key=lambda level: -level.severity)
    _check_levels(place, read)
    return RuleNumbers(since, until, source, lead, tuple(read))


def _level(place: str, shared: Mapping[str, Any], body: Any) -> Level:
    if not isinstance(body, Mapping) or "severity" not in body:
        raise PolicyError(f"{place}: a level needs a severity: blue, yellow, orange or red")
    try:
        severity = Severity.parse(str(body["severity"]))
    except KeyError:
        known = ", ".join(s.slug for s in Severity)
        raise PolicyError(
            f"{place}: severity {body['severity']!r} is none; write one of {known}"
        ) from None
    numbers = dict(shared) | {key: value for key, value in body.items() if key != "severity"}
    for key, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise PolicyError(f"{place}: {key} is {value!r}; write a number")
    return Level(severity, {key: float(value) for key, value in numbers.items()})


def _check_levels(place: str, levels: Sequence[Level]) -> None:
    if len({level.severity for level in levels}) < len(levels):
        raise PolicyError(f"{place}: two levels have one severity; keep one of each")
    names = set(levels[0].thresholds)
    for level in levels[1:]:
        for name in sorted(names ^ set(level.thresholds)):
            raise PolicyError(f"{place}: {name} stands in one level only; give it in each")
