"""Functions compiled to machine code: one way for the whole package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile with numba at the first call; without keeping it where there is no folder for it.

    The code lets other threads run, and it keeps to the order of additions as written, so that a
    result does not depend on how many rows are computed together.
    """
    return _compiled(function)


def compiled_in_place(function: Function) -> Function:
    """As `compiled`, put into each caller: for short steps that are handed many arrays.

    A call hands on every field of every array by itself, which can take longer than the step.
    """
    return _compiled(function, forceinline=True)


def _compiled(function: Function, **more: Any) -> Function:
    try:
        found = numba.njit(nogil=True, cache=True, error_model="numpy", **more)(function)
    except RuntimeError:
        found = numba.njit(nogil=True, error_model="numpy", **more)(function)
    return cast(Function, found)
