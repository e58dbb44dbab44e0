"""What a model is: population, features and their signs, label, estimator, gates."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vouch.domain.calendar import add_months
from vouch.domain.stage import Stage
from vouch.errors import SpecError
from vouch.features.registry import named
from vouch.scoring.causes import FORMS
from vouch.scoring.linear import TRANSFORMS

# What a gate may be set on; with `_at_most` behind it the limit is an upper one.
GATED = ("auc", "ks", "brier", "log_loss", "mean_predicted", "observed", "level", "stability")

Moment = Literal["application", "quarter_end", "month_end"]


@dataclass(frozen=True)
class Horizon:
    """How far ahead the outcome lies: `months` for calendar months, else `days`."""

    months: int = 0
    days: int = 0

    def end(self, start: date) -> date:
        """The last day that counts."""
        return add_months(start, self.months) + timedelta(days=self.days)

    def start(self, end: date) -> date:
        """The latest day whose horizon has ended on `end`."""
        day = add_months(end, -self.months) - timedelta(days=self.days)
        while self.end(day + timedelta(days=1)) <= end:
            day += timedelta(days=1)
        while self.end(day) > end:
            day -= timedelta(days=1)
        return day

    def __str__(self) -> str:
        """As written in a model card."""
        return f"{self.months} months" if self.months else f"{self.days} days"


@dataclass(frozen=True)
class Limits:
    """A population keeps cases whose feature lies in [lowest, highest] (missing stays)."""

    lowest: float = float("-inf")
    highest: float = float("inf")


@dataclass(frozen=True)
class Spec:
    """A model's specification as read from `models/<stage>/spec.toml`.

    `running` says that cases whose horizon has not ended are learnt from as far as they have run;
    `signs` gives +1 where a larger value can only raise the risk, -1 where it can only lower it,
    0 where either may be; `transforms` how the linear part reads it; `linear` its strength `C` and
    its `form`, one sum of terms or two causes (`scoring.causes`); `given` the weights of terms
    that are set, not learnt; `gates` the limits of the whole, `slice_gates` of every slice;
    `allowed` the suspicions of leakage that are sound, by field and check, each with the reason;
    `text` is the file itself.
    """

    stage: Stage
    moment: Moment
    limits: Mapping[str, Limits]
    horizon: Horizon
    running: bool
    signs: Mapping[str, int]
    transforms: Mapping[str, str]
    given: Mapping[str, float]
    linear: Mapping[str, Any]
    trees: Mapping[str, Any]
    calibration_folds: int
    validation_months: int
    gates: Mapping[str, float]
    slice_gates: Mapping[str, float]
    allowed: Mapping[str, Mapping[str, str]]
    seed: int
    text: str

    @property
    def feature_names(self) -> list[str]:
        """The model's features, in their order."""
        return list(self.signs)

    def within_limits(self, columns: Mapping[str, Any], rows: int) -> NDArray[np.bool_]:
        """Which of `rows` cases belong to the population; a missing value stays in."""
        keep = np.ones(rows, dtype=bool)
        for name, limits in self.limits.items():
            values = columns[name]
            keep &= np.isnan(values) | ((values >= limits.lowest) & (values <= limits.highest))
        return keep

    @classmethod
    def read(cls, path: Path) -> Spec:
        """Read a specification file.

        Raises:
            SpecError: the file is missing or wrong; the text names the key and the remedy.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise SpecError(f"cannot read the specification {path}: {error}") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, origin: str = "spec.toml") -> Spec:
        """Read a specification from its text."""
        try:
            body = tomllib.loads(text)
            spec = cls._of(body, text)
        except tomllib.TOMLDecodeError as error:
            raise SpecError(f"{origin} is not TOML: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"{origin}: wrong or missing {error}") from error
        named([*spec.signs, *spec.limits])
        return spec

    @classmethod
    def _of(cls, body: Mapping[str, Any], text: str) -> Spec:
        moment = body["population"]["moment"]
        if moment not in ("application", "quarter_end", "month_end"):
            raise ValueError(f"population.moment {moment!r}")
        horizon = Horizon(**body["label"]["horizon"])
        if (horizon.months > 0) == (horizon.days > 0):
            raise ValueError("label.horizon: give either months or days")
        signs = {name: int(value.get("sign", 0)) for name, value in body["features"].items()}
        if not signs or set(signs.values()) - {-1, 0, 1}:
            raise ValueError("[features]: name at least one, with signs -1, 0 or 1")
        transforms = {n: str(v.get("transform", "none")) for n, v in body["features"].items()}
        if set(transforms.values()) - set(TRANSFORMS):
            raise ValueError(f"[features]: transform must be one of {', '.join(TRANSFORMS)}")
        gates = dict(body.get("gates", {}))
        slice_gates = gates.pop("slices", {})
        given = {n: float(v["weight"]) for n, v in body["features"].items() if "weight" in v}
        if any(weight * signs[name] <= 0 for name, weight in given.items()):
            raise ValueError("[features]: a weight that is given must agree with its sign")
        return cls(
            stage=Stage.parse(body["stage"]),
            moment=moment,
            limits={k: Limits(**v) for k, v in body["population"].get("limits", {}).items()},
            horizon=horizon,
            running=bool(body["label"].get("running", False)),
            signs=signs,
            transforms=transforms,
            given=given,
            linear=_linear(body.get("linear", {})),
            trees=dict(body["trees"]),
            calibration_folds=int(body["calibration"]["folds"]),
            validation_months=int(body["split"]["validation_months"]),
            gates=_gates("gates", gates, GATED),
            slice_gates=_gates("gates.slices", slice_gates, GATED[:-1]),
            allowed=_allowed(body.get("guard", {}).get("allow", {})),
            seed=int(body["seed"]),
            text=text,
        )


def _linear(body: Mapping[str, Any]) -> dict[str, Any]:
    if body and (unknown := (set(body) - {"form"}) ^ {"C"}):
        raise ValueError(f"[linear]: {', '.join(sorted(unknown))}; write C and, if at all, form")
    if body.get("form", "one") not in FORMS:
        raise ValueError(f"[linear]: form {body['form']!r} must be one of {', '.join(FORMS)}")
    return dict(body)


def _gates(table: str, body: Mapping[str, Any], known: Sequence[str]) -> dict[str, float]:
    unknown = {name.removesuffix("_at_most") for name in body} - set(known)
    if unknown:
        raise ValueError(f"[{table}]: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    return {name: float(limit) for name, limit in body.items()}


def _allowed(body: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    for field, reasons in body.items():
        if not isinstance(reasons, dict) or not all(
            isinstance(reason, str) and reason.strip() for reason in reasons.values()
        ):
            raise ValueError(f'[guard.allow]: write {field} = {{ check = "the reason" }}')
    return {field: dict(reasons) for field, reasons in body.items()}
