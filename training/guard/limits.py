"""The limits of the guard, from the policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from vouch.domain.stage import Stage
from vouch.errors import PolicyError
from vouch.policy.reading import Policy


@dataclass(frozen=True)
class Limits:
    """What is plausible of one feature by itself; beyond it the guard suspects a leak.

    `auc`, `missing_auc` and `rounding_auc` are limits for the lower end of a 95 % interval.
    `value_odds` is that of the odds ratio of a single value. `missing_rise` is the rise of the
    share of missing values from training to serving, `stability_index` the shift of the others,
    `lost_association` the least correlation of a category's profile before and after, and
    `twin_share` the share of cases that stand a second time on the other side of a split.
    """

    auc: float
    information: float
    missing_auc: float
    rounding_auc: float
    value_odds: float
    missing_rise: float
    stability_index: float
    lost_association: float
    twin_share: float


def limits(policy: Policy, stage: Stage) -> Limits:
    """The limits of a stage: those of `[every_stage]`, with the stage's own in their place.

    Raises:
        PolicyError: a limit is missing, unknown or no number.
    """
    path, body = policy.folder / "guard.toml", policy.guard
    given: dict[str, Any] = {**body.get("every_stage", {}), **body.get(stage.value, {})}
    names = {field.name for field in fields(Limits)}
    wrong = sorted(names ^ set(given)) or sorted(n for n in names if not _is_number(given[n]))
    if wrong:
        raise PolicyError(
            f"{path}: limits of {stage.value} missing, unknown or no number: {', '.join(wrong)}"
        )
    return Limits(**_floats(given))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _floats(given: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in given.items()}
