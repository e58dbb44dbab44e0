"""All that explains a row, handed to compiled code as one object.

Handed over array by array, a call takes longer to unpack them than to explain a row of a small
model.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from numba import types
from numba.experimental import structref

from vouch.scoring.shapley import Paths, Rules
from vouch.scoring.walk import Nodes

Handed: TypeAlias = Any  # has `nodes`, `paths` and `rules` in compiled functions, nothing outside


@structref.register
class HandedType(types.StructRef):  # type: ignore[misc]
    """The type of `hand`'s result."""


class _Handed(structref.StructRefProxy):  # type: ignore[misc]
    def __new__(cls, nodes: Nodes, paths: Paths, rules: Rules) -> Any:
        return structref.StructRefProxy.__new__(cls, nodes, paths, rules)


structref.define_proxy(_Handed, HandedType, ["nodes", "paths", "rules"])


def hand(nodes: Nodes, paths: Paths, rules: Rules) -> Handed:
    """One object of the three, which keeps their arrays."""
    return _Handed(nodes, paths, rules)
