"""Rules that change by date: reading their versions, and which one is in force."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeVar

from vouch.errors import PolicyError


class Dated(Protocol):
    """What holds from one day to another, both included; until further notice where None."""

    @property
    def effective_from(self) -> date:
        """The first day."""
        ...

    @property
    def effective_until(self) -> date | None:
        """The last day."""
        ...


D = TypeVar("D", bound=Dated)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a file of rules.

    Raises:
        PolicyError: it is missing or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(f"policy file {path} is missing") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"policy file {path} is not TOML: {error}") from error


def read_validity(body: Mapping[str, Any], place: str) -> tuple[date, date | None, str]:
    """The first day, the last day if any, and the source of a version or a list.

    Raises:
        PolicyError: the first day or the source is missing, or a day is none.
    """
    since, until = body.get("effective_from"), body.get("effective_until")
    source = body.get("source")
    if type(since) is not date:
        raise PolicyError(f"{place}: needs effective_from = YYYY-MM-DD")
    if until is not None and (type(until) is not date or until < since):
        raise PolicyError(f"{place}: effective_until must be a day from {since} on")
    if not isinstance(source, str) or not source.strip():
        raise PolicyError(f"{place}: needs a source: the document the figures come from")
    return since, until, source


def in_order(versions: Sequence[D], place: str) -> list[D]:
    """The versions, oldest first.

    Raises:
        PolicyError: there is none, or two are in force on one day.
    """
    if not versions:
        raise PolicyError(f"{place}: needs at least one [[version]]")
    found = sorted(versions, key=lambda version: version.effective_from)
    for older, newer in pairwise(found):
        if older.effective_until is None or older.effective_until >= newer.effective_from:
            raise PolicyError(
                f"{place}: the version from {older.effective_from} overlaps the one from "
                f"{newer.effective_from}; give it an effective_until before that"
            )
    return found


def in_force(versions: Sequence[D], on: date) -> D:
    """The version that holds on a day.

    Raises:
        PolicyError: none does.
    """
    for version in versions:
        until = version.effective_until
        if version.effective_from <= on and (until is None or on <= until):
            return version
    first = ", ".join(str(version.effective_from) for version in versions)
    raise PolicyError(f"no version is in force on {on}; there are versions from {first}")
