"""Eight numbers at once, in compiled functions: one processor instruction each where it can.

Left to itself the compiler does not put loops of eight into vector registers, since it cannot know
that arrays do not overlap. `Lanes` says so. Each lane is rounded as a number alone would be.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, TypeAlias, cast

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 8

Lanes: TypeAlias = Any  # outside compiled functions there are none

_NUMBERS = ir.VectorType(ir.DoubleType(), WIDTH)


class LanesType(types.Type):  # type: ignore[misc]
    """The type of eight float64 side by side."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _NUMBERS)


def _generated(declare: Callable[..., Any]) -> Callable[..., Any]:
    return cast(Callable[..., Any], intrinsic(declare))


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    start = builder.mul(index, ir.Constant(index.type, WIDTH))
    return builder.bitcast(builder.gep(data, [start]), ir.PointerType(_NUMBERS))


@_generated
def load(typing: Any, array: Any, index: Any) -> Any:
    """The eight numbers from 8 · index on of a contiguous array of any shape."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(
            _place(context, builder, signature.args[0], *given), align=8, typ=_NUMBERS
        )

    return LANES(array, types.intp), generate


@_generated
def store(typing: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write eight numbers from 8 · index on of a contiguous array of any shape."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array, index, lanes = given
        builder.store(lanes, _place(context, builder, signature.args[0], array, index), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES), generate


@_generated
def spread(typing: Any, number: Any) -> Any:
    """One number in every lane."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _spread(builder, given[0])

    return LANES(types.float64), generate


def _spread(builder: Any, number: Any) -> Any:
    index = ir.IntType(32)
    empty = ir.Constant(_NUMBERS, ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(index, 0))
    everywhere = ir.Constant(ir.VectorType(index, WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(first, empty, everywhere)


@_generated
def at_most(typing: Any, lanes: Any, number: Any) -> Any:
    """1.0 in each lane that holds at most `number`, else 0.0, as where it holds NaN."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        found = builder.fcmp_ordered("<=", given[0], _spread(builder, given[1]))
        return builder.uitofp(found, _NUMBERS)

    return LANES(LANES, types.float64), generate


@_generated
def is_missing(typing: Any, lanes: Any) -> Any:
    """1.0 in each lane that holds NaN, else 0.0."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.uitofp(builder.fcmp_unordered("uno", given[0], given[0]), _NUMBERS)

    return LANES(LANES), generate


@_generated
def is_zero(typing: Any, lanes: Any) -> Any:
    """1.0 in each lane that holds zero, else 0.0."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        zero = ir.Constant(_NUMBERS, [0.0] * WIDTH)
        return builder.uitofp(builder.fcmp_ordered("==", given[0], zero), _NUMBERS)

    return LANES(LANES), generate


@_generated
def fused(typing: Any, one: Any, other: Any, more: Any) -> Any:
    """one · other + more, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(_NUMBERS, [_NUMBERS] * 3)
        name = f"llvm.fma.v{WIDTH}f64"
        return builder.call(get_or_insert_function(builder.module, kind, name), given)

    return LANES(LANES, LANES, LANES), generate


def _in_order(lanes: int) -> Callable[..., Any]:
    def declare(typing: Any, given: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            index = ir.IntType(32)
            parts = [builder.extract_element(given[0], index(lane)) for lane in range(lanes)]
            return reduce(builder.fadd, parts)

        return types.float64(LANES), generate

    return _generated(declare)


# The sum of the lanes, or of the first half of them, one after another.
total, half_total = _in_order(WIDTH), _in_order(WIDTH // 2)


def _arithmetic(name: str) -> Callable[..., Any]:
    def declare(typing: Any, one: Any, other: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return getattr(builder, name)(*given)

        return LANES(LANES, LANES), generate

    return _generated(declare)


def _overload(sign: Callable[..., Any], compute: Any) -> None:
    def choose(one: Any, other: Any) -> Any:
        def apply(one: Any, other: Any) -> Any:
            return compute(one, other)

        return apply if one == other == LANES else None

    overload(sign)(choose)


for _sign, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _overload(_sign, _arithmetic(_name))
