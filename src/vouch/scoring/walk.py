"""Rows walking down trees: what a split decides, and the margin at the end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vouch.compiled import compiled, compiled_in_place
from vouch.features.asof import Floats

LEAF = -1

# Bits of Nodes.kind.
MISSING_LEFT, ZERO_IS_MISSING, CATEGORY = 1, 2, 4

_ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold: what is nearer to zero is zero
_CODES_END = 2.0**31


class Nodes(NamedTuple):
    """The splits of all trees, one after another; a child is left (0) or right (1).

    A tree that never splits is a split between two leaves of one value.

    Attributes:
        tree_start: where each tree's splits begin, and at last their number.
        feature, threshold, kind: per split; `kind` is made of the bits above.
        child: per split and side, the place of the next split within its tree, or LEAF.
        value: per split and side, the leaf's value where `child` is LEAF.
        words_start: per split, where its set of categories begins in `words`; one more at the end.
        words: the sets as bits, 32 codes a word; codes in the set go left.
    """

    tree_start: NDArray[np.int64]
    feature: NDArray[np.int32]
    threshold: Floats
    kind: NDArray[np.uint8]
    child: NDArray[np.int32]
    value: Floats
    words_start: NDArray[np.int64]
    words: NDArray[np.uint32]


@compiled_in_place
def plain_zero(value: float) -> float:
    """The value as LightGBM reads it from a dense row."""
    return 0.0 if -_ZERO <= value <= _ZERO else value


@compiled_in_place
def is_in_set(nodes: Nodes, node: int, value: float) -> bool:
    """Whether a category code is in the split's set; missing and negative codes never are."""
    if not -1.0 < value < _CODES_END:
        return False
    code = int(value)
    word = nodes.words_start[node] + code // 32
    if word >= nodes.words_start[node + 1]:
        return False
    return bool((nodes.words[word] >> np.uint32(code % 32)) & np.uint32(1) == 1)


@compiled
def goes_left(nodes: Nodes, node: int, value: float) -> bool:
    """Which way a value goes at a split."""
    kind = nodes.kind[node]
    if kind & CATEGORY:
        return is_in_set(nodes, node, value)
    # without branches: which way a row goes is what a processor cannot guess
    is_missing = np.isnan(value) | ((kind & ZERO_IS_MISSING != 0) & (value == 0.0))
    is_left = is_missing & (kind & MISSING_LEFT != 0)
    return bool(is_left | (~is_missing & (value <= nodes.threshold[node])))


@compiled
def add_margins(nodes: Nodes, matrix: Floats, found: Floats) -> None:
    """Add every tree's value to each row's place in `found`, tree after tree."""
    for tree in range(len(nodes.tree_start) - 1):
        start = nodes.tree_start[tree]
        for row in range(len(matrix)):
            node = start
            while True:
                value = plain_zero(matrix[row, nodes.feature[node]])
                side = 0 if goes_left(nodes, node, value) else 1
                if nodes.child[node, side] == LEAF:
                    found[row] += nodes.value[node, side]
                    break
                node = start + nodes.child[node, side]
