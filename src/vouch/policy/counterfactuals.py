"""What may be changed about an application, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vouch.domain.dated import read_toml
from vouch.errors import PolicyError

FILE = "counterfactual.toml"


@dataclass(frozen=True)
class Changeable:
    """A field of the guarantee; steps are shares of its value or values, as `by` says."""

    field: str
    zh: str
    en: str
    by: Literal["share", "value"]
    steps: tuple[Any, ...]


@dataclass(frozen=True)
class CounterfactualTerms:
    """The changeable fields, and how many may change at once."""

    most: int
    changes: tuple[Changeable, ...]


def read_counterfactual_terms(folder: Path) -> CounterfactualTerms:
    """Read the terms of a policy folder.

    Raises:
        PolicyError: the file is missing or wrong.
    """
    path = folder / FILE
    body = read_toml(path)
    try:
        changes = tuple(
            Changeable(name, row["zh"], row["en"], row["by"], tuple(row["steps"]))
            for name, row in body["change"].items()
        )
        return CounterfactualTerms(int(body["most"]), changes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PolicyError(
            f"{path}: wrong or missing {error}; it needs most and [change.FIELD] with zh, en, by "
            "and steps"
        ) from error
