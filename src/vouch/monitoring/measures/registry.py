"""The list of all functions that compute an indicator, made by the `measure` decorator."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import vouch.monitoring.measures as package
from vouch.errors import PolicyError
from vouch.monitoring.measures.catalogue import Indicator, Numbers
from vouch.monitoring.measures.view import Sums, View

Parts = tuple[Sums, Sums | None]
Function = Callable[[View, Numbers], Parts]


@dataclass(frozen=True)
class Measure:
    """A function with the parameters it reads; it gives numerators and denominators by group."""

    name: str
    function: Function
    parameters: tuple[str, ...]
    about: str


_MEASURES: dict[str, Measure] = {}


def measure(*parameters: str) -> Callable[[Function], Function]:
    """Declare a function as one that indicators can name; `parameters` are what it reads."""

    def declare(function: Function) -> Function:
        name = function.__name__
        if name in _MEASURES:
            raise ValueError(f"two measures are called {name}")
        about = inspect.cleandoc(function.__doc__ or "")
        _MEASURES[name] = Measure(name, function, parameters, about)
        return function

    return declare


@cache
def measures() -> dict[str, Measure]:
    """Every function by name, from every module of this package."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_MEASURES.items()))


def check(indicators: Mapping[str, Indicator]) -> None:
    """Hold indicators and functions against each other.

    Raises:
        PolicyError: an indicator names no function, or its parameters are not what it reads.
    """
    for indicator in indicators.values():
        found = measures().get(indicator.computed_by)
        if found is None:
            raise PolicyError(
                f"indicator {indicator.id}: computed_by is {indicator.computed_by!r}, which is no "
                f"function; known are {', '.join(measures())}"
            )
        for name in found.parameters:
            if name not in indicator.parameters:
                raise PolicyError(f"indicator {indicator.id}: parameters.{name} is missing")
        for name in indicator.own_parameters:
            if name not in found.parameters:
                raise PolicyError(
                    f"indicator {indicator.id}: parameters.{name} is read by nothing; "
                    f"{found.name} reads {', '.join(found.parameters) or 'none'}"
                )
