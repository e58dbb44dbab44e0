"""What a portfolio simulation assumes, read from `policy/portfolio.toml`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vouch.domain.dated import read_toml
from vouch.errors import PolicyError
from vouch.policy.reading import SHIPPED
from vouch.policy.schemes import fraction

_KEYS = ("correlation", "scenarios", "seed", "source", "assumption", "timing")


@dataclass(frozen=True)
class Assumptions:
    """How defaults come together and how often they are drawn.

    Args:
        correlation: of any two borrowers' latent worth, in [0, 1): ρ of Vasicek (2002).
        scenarios: how many are drawn; the same seed gives the same ones, and more of them begin
            with the same ones.
        seed: where the random numbers start.
    """

    correlation: float
    scenarios: int = 100_000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.correlation < 1:
            raise ValueError(
                f"correlation is {self.correlation}, must lie in [0, 1); write 8 % as 0.08"
            )
        if self.scenarios < 2:
            raise ValueError(f"scenarios is {self.scenarios}, must be two or more")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, must be zero or more")


def read_assumptions(folder: Path = SHIPPED) -> Assumptions:
    """The assumptions of a policy folder.

    Raises:
        PolicyError: the file is missing or wrong; the text names file, key and remedy.
    """
    path = folder / "portfolio.toml"
    body = read_toml(path)
    for key in body:
        if key not in _KEYS:
            raise PolicyError(f"{path}: {key} is no key here; known are {', '.join(_KEYS)}")
    correlation = fraction(path, "correlation", body.get("correlation"))
    scenarios, seed = (_whole(path, key, body.get(key)) for key in ("scenarios", "seed"))
    try:
        return Assumptions(float(correlation), scenarios, seed)
    except ValueError as error:
        raise PolicyError(f"{path}: {error}") from error


def _whole(path: Path, key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PolicyError(f"{path}: {key} is {value!r}; write a whole number")
    return value
