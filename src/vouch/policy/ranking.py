"""Reading the weights by which alerts are ranked; a wrong file is refused by place and key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vouch.domain.dated import in_order, read_toml, read_validity
from vouch.domain.ranking import INPUTS, Ranking
from vouch.errors import PolicyError


def rankings(path: Path) -> list[Ranking]:
    """The versions of the weights, oldest first.

    Raises:
        PolicyError: the file is wrong.
    """
    versions = read_toml(path).get("version", [])
    return in_order([_ranking(body, f"{path} [[version]]") for body in versions], str(path))


def _ranking(body: Mapping[str, Any], place: str) -> Ranking:
    since, until, source = read_validity(body, place)
    weights = body.get("weights")
    if not isinstance(weights, Mapping) or weights.keys() != INPUTS.keys():
        raise PolicyError(f"{place}: weights must have a number for each of {', '.join(INPUTS)}")
    days, again = _number(body, "again_after_days", place), _number(body, "again_from", place)
    if days < 0 or days != int(days) or again < 1:
        raise PolicyError(
            f"{place}: again_after_days must be whole days, again_from one or more; "
            f"they are {days} and {again}"
        )
    return Ranking(
        effective_from=since,
        effective_until=until,
        source=source,
        intercept=_number(body, "intercept", place),
        weights={name: _number(weights, name, place) for name in INPUTS},
        money_power=_number(body, "money_power", place),
        again_after_days=int(days),
        again_from=again,
    )


def _number(body: Mapping[str, Any], key: str, place: str) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        raise PolicyError(f"{place}: {key} is {value!r}; write a number")
    return float(value)
