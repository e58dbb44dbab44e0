"""What each indicator is called, means and rests on, read from policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vouch.domain.dated import read_toml
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED

FOLDER = SHIPPED / "indicators"
UNITS = ("share", "times", "yuan", "persons_per_100m")
COUNTED = ("yuan", "persons")
_TEXTS = ("id", "zh", "en", "formula", "numerator", "source", "unit", "counted", "computed_by")

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Indicator:
    """One indicator as policy declares it.

    `numerator`, `denominator` and `formula` are words; `denominator` is empty for a plain amount,
    whose value is its numerator. `unit` is the value's, `counted` the numerator's. `parts_add_up`
    where the numerators of groups sum to that of the whole (a maximum does not). `computed_by`
    names the function, `parameters` are its numbers, those taken from other indicators included;
    `own_parameters` are the names of those that its own file gives.
    """

    id: str
    version: int
    zh: str
    en: str
    formula: str
    numerator: str
    denominator: str
    source: str
    assumption: str
    unit: str
    counted: str
    parts_add_up: bool
    computed_by: str
    parameters: Numbers
    own_parameters: tuple[str, ...]


def catalogue(folder: Path = FOLDER) -> dict[str, Indicator]:
    """Every indicator of a folder by id.

    Raises:
        PolicyError: a file is wrong; the text names it, the key and the remedy.
    """
    bodies = {path.stem: read_toml(path) for path in sorted(folder.glob("*.toml"))}
    if not bodies:
        raise PolicyError(f"{folder} has no indicator; each is a file <id>.toml")
    return {name: _indicator(folder, name, bodies) for name in bodies}


def _indicator(folder: Path, name: str, bodies: Mapping[str, Mapping[str, Any]]) -> Indicator:
    path, body = folder / f"{name}.toml", bodies[name]
    for key in _TEXTS:
        if not isinstance(body.get(key), str) or not body[key]:
            raise PolicyError(f"{path}: {key} must be a text that is not empty")
    if body["id"] != name:
        raise PolicyError(f"{path}: id is {body['id']!r}; call the file {body['id']}.toml")
    version = body.get("version")
    if not isinstance(version, int) or version < 1:
        raise PolicyError(
            f"{path}: version must be a whole number from 1 on; raise it with a change"
        )
    for key, known in (("unit", UNITS), ("counted", COUNTED)):
        if body[key] not in known:
            raise PolicyError(f"{path}: {key} is {body[key]!r}; known are {', '.join(known)}")
    return Indicator(
        **{key: body[key] for key in _TEXTS},
        version=version,
        denominator=str(body.get("denominator", "")),
        assumption=str(body.get("assumption", "")),
        parts_add_up=bool(body.get("parts_add_up", True)),
        parameters=_parameters(folder, name, bodies, ()),
        own_parameters=tuple(body.get("parameters", {})),
    )


def _parameters(
    folder: Path, name: str, bodies: Mapping[str, Mapping[str, Any]], seen: tuple[str, ...]
) -> dict[str, Any]:
    """An indicator's own numbers over those of the indicator that it shares numbers with."""
    body = bodies[name]
    other = body.get("parameters_of")
    if other is None:
        return dict(body.get("parameters", {}))
    if other not in bodies or other in (*seen, name):
        raise PolicyError(
            f"{folder / name}.toml: parameters_of is {other!r}, which is no other indicator here "
            "or comes back to this one; name one that has parameters of its own"
        )
    shared = _parameters(folder, other, bodies, (*seen, name))
    return shared | dict(body.get("parameters", {}))
