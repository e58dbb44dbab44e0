"""How long each class of record is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from vouch.domain.dated import read_toml
from vouch.errors import PolicyError

FILE = "retention.toml"
CLASSES = ("decisions", "bases", "idempotency", "alerts")


def read_periods(folder: Path) -> Mapping[str, timedelta]:
    """The period of each class.

    Raises:
        PolicyError: the file is missing or wrong.
    """
    path = folder / FILE
    body = read_toml(path).get("class", {})
    found = {}
    for name in CLASSES:
        days = body.get(name, {}).get("days")
        if type(days) is not int or days < 1:
            raise PolicyError(f"{path}: [class.{name}] needs days = a whole number from 1")
        found[name] = timedelta(days=days)
    if found["bases"] > found["decisions"]:
        raise PolicyError(f"{path}: bases cannot be kept longer than their decisions")
    return found
