"""Reading the terms of response and the calendar; a wrong file is refused by place and key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from vouch.domain.alert import Severity
from vouch.domain.calendar import WorkCalendar
from vouch.domain.dated import in_order, read_toml, read_validity
from vouch.domain.response import Answer, Role, Step, Terms
from vouch.errors import PolicyError

_COLOUR_KEYS = {"hours", "working_days", "weight", "immediate", "may_be_held"}


def response_terms(path: Path) -> list[Terms]:
    """The versions of the terms of response, oldest first.

    Raises:
        PolicyError: the file is wrong.
    """
    versions = read_toml(path).get("version", [])
    return in_order([_terms(body, f"{path} [[version]]") for body in versions], str(path))


def _terms(body: Mapping[str, Any], place: str) -> Terms:
    since, until, source = read_validity(body, place)
    colours = {severity: _colour(body, severity, place) for severity in Severity}
    subjects = body.get("not_a_source", [])
    if not isinstance(subjects, list) or not all(isinstance(s, str) for s in subjects):
        raise PolicyError(f"{place}: not_a_source must be a list of the letters of rule codes")
    return Terms(
        effective_from=since,
        effective_until=until,
        source=source,
        answers={severity: answer for severity, (answer, _) in colours.items()},
        weights={severity: weight for severity, (_, weight) in colours.items()},
        steps=_steps(body.get("step", []), place),
        least=timedelta(hours=_number(body, "least_hours", place)),
        quiet=timedelta(days=_number(body, "quiet_days", place)),
        combined_within=timedelta(days=_number(body, "combined_within_days", place)),
        left_out=frozenset(subjects),
        daily_budget=_whole(body, "daily_budget", place),
        full_chance_days=_whole(body, "full_chance_days", place),
        catch_up_days=_whole(body, "catch_up_days", place),
        may_be_silent=_silence(body.get("may_be_silent", {}), place),
        portfolio_to=_role(body.get("portfolio_to"), f"{place}: portfolio_to"),
    )


def _colour(body: Mapping[str, Any], severity: Severity, place: str) -> tuple[Answer, float]:
    name = severity.slug
    colour = body.get(name)
    if not isinstance(colour, Mapping):
        raise PolicyError(f"{place}: needs a table [version.{name}]")
    inside = f"{place} [{name}]"
    for key in colour.keys() - _COLOUR_KEYS:
        raise PolicyError(f"{inside}: {key} is no key here; known are {sorted(_COLOUR_KEYS)}")
    if {"hours", "working_days"} <= colour.keys():
        raise PolicyError(f"{inside}: give hours or working_days, not both")
    within = None
    if "hours" in colour:
        within = timedelta(hours=_number(colour, "hours", inside))
    elif "working_days" in colour:
        within = timedelta(days=_number(colour, "working_days", inside))
    answer = Answer(
        within=within,
        in_working_days="working_days" in colour,
        may_be_held=_flag(colour, "may_be_held", True, inside),
        is_immediate=_flag(colour, "immediate", False, inside),
    )
    return answer, _number(colour, "weight", inside)


def _steps(given: Any, place: str) -> tuple[Step, ...]:
    steps = []
    for body in given:
        to = _role(body.get("to"), f"{place}: [[version.step]] to")
        flag = _flag(body, "only_unacknowledged", False, place)
        steps.append(Step(_number(body, "share", place), to, flag))
    if [s.share for s in steps] != sorted(s.share for s in steps):
        raise PolicyError(f"{place}: the steps must rise by their share")
    return tuple(steps)


def _role(name: Any, place: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        roles = ", ".join(role.value for role in Role)
        raise PolicyError(f"{place} must be one of {roles}") from None


def _silence(body: Any, place: str) -> dict[str, int]:
    if not isinstance(body, Mapping):
        raise PolicyError(f"{place}: may_be_silent must be a table of days by table of the book")
    return {table: _whole(body, table, f"{place} [may_be_silent]") for table in body}


def _number(body: Mapping[str, Any], key: str, place: str) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise PolicyError(f"{place}: {key} is {value!r}; give a number above 0")
    return float(value)


def _whole(body: Mapping[str, Any], key: str, place: str) -> int:
    value = _number(body, key, place)
    if value != int(value):
        raise PolicyError(f"{place}: {key} is {value}; give a whole number")
    return int(value)


def _flag(body: Mapping[str, Any], key: str, default: bool, place: str) -> bool:
    value = body.get(key, default)
    if not isinstance(value, bool):
        raise PolicyError(f"{place}: {key} is {value!r}; write true or false")
    return value


def work_calendar(path: Path, zone: tzinfo | None = None) -> WorkCalendar:
    """The calendar of public holidays.

    Args:
        path: the file of holidays by year.
        zone: where people are; without it Asia/Shanghai.

    Raises:
        PolicyError: the file is wrong.
    """
    off: set[date] = set()
    worked: set[date] = set()
    years = read_toml(path)
    for year, body in years.items():
        place = f"{path} [{year}]"
        if not year.isdigit() or not isinstance(body, Mapping) or not body.get("source"):
            raise PolicyError(f"{place}: write [YYYY] with its source, off and worked")
        days = [*_days_off(body, place), *(_date(d, place) for d in body.get("worked", []))]
        for day in days:
            if day.year != int(year):
                raise PolicyError(f"{place}: {day} is of another year")
        worked |= {_date(d, place) for d in body.get("worked", [])}
        off |= set(_days_off(body, place))
    return WorkCalendar(
        zone or ZoneInfo("Asia/Shanghai"),
        frozenset(off),
        frozenset(worked),
        frozenset(int(year) for year in years),
    )


def _days_off(body: Mapping[str, Any], place: str) -> Iterator[date]:
    for span in body.get("off", []):
        if not isinstance(span, list) or len(span) != 2:
            raise PolicyError(f'{place}: write each of off as ["YYYY-MM-DD", "YYYY-MM-DD"]')
        first, last = (_date(day, place) for day in span)
        if last < first:
            raise PolicyError(f"{place}: {last} lies before {first}")
        yield from (first + timedelta(days=n) for n in range((last - first).days + 1))


def _date(text: Any, place: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise PolicyError(f"{place}: {text!r} is no day; write YYYY-MM-DD in quotes") from None
