"""The list of all features, made by the `feature` decorator."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

import vouch.features as package
from vouch.errors import SpecError
from vouch.features.asof import Feature, Unit

_FEATURES: dict[str, Feature] = {}


def feature(
    *, zh: str, en: str, unit: Unit, inputs: tuple[str, ...] | None = None
) -> Callable[[Any], Any]:
    """Declare a function as a feature: its name is the column, its parameters are its inputs.

    Args:
        zh: what it is called in a Chinese reason.
        en: what it is called in an English reason.
        unit: how its value is written; "category" for texts.
        inputs: names of the inputs where the function takes any number of them.
    """

    def declare(function: Any) -> Any:
        name = function.__name__
        if name in _FEATURES:
            raise ValueError(f"two features are called {name}")
        _FEATURES[name] = Feature(
            name=name,
            function=function,
            inputs=inputs or tuple(inspect.signature(function).parameters),
            zh=zh,
            en=en,
            unit=unit,
            about=inspect.cleandoc(function.__doc__ or ""),
        )
        return function

    return declare


@cache
def features() -> dict[str, Feature]:
    """Every feature by name, from every module of this package."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_FEATURES.items()))


def named(names: list[str]) -> list[Feature]:
    """The features of these names, in this order.

    Raises:
        SpecError: there is no feature of a name.
    """
    known = features()
    missing = [name for name in names if name not in known]
    if missing:
        raise SpecError(
            f"no feature is called {', '.join(missing)}; `vouch features` lists those there are"
        )
    return [known[name] for name in names]
