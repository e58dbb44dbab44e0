"""Exact Shapley values of trees by quadrature: no tables, no approximation, any depth.

The values are the path-dependent ones of Lundberg et al., "From local explanations to global
understanding with explainable AI for trees" (2020). On the way to a leaf of value v a feature i has
two figures: o_i, 1 where the row meets all the leaf's conditions on i and else 0, and r_i, the
share of the training rows that do. Shapley's weights |S|! (D - |S| - 1)! / D! of what is known
beside i are the integrals of t^|S| (1-t)^(D-1-|S|) over [0, 1], so

    value of i = Σ over leaves of v · (o_i - r_i) · ∫ Π_{j ≠ i} (t·o_j + (1-t)·r_j) dt .

The product is a polynomial in t of degree D - 1, D the number of features on the way, and Gauss's
rule with ⌈D/2⌉ points integrates it without error (the integral: Owen 1972; one walk down and up
for all leaves at once: Yu et al., "Linear TreeSHAP", 2022). At each point the walk down carries the
product above a split and the walk up the sum over the leaves below. Eight rows go together, one in
each lane of the processor; a row's figures do not depend on its neighbours, to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vouch.compiled import compiled, compiled_in_place
from vouch.features.asof import Floats
from vouch.scoring.lanes import (
    WIDTH,
    Lanes,
    at_most,
    fused,
    is_missing,
    is_zero,
    load,
    spread,
    store,
)
from vouch.scoring.walk import (
    CATEGORY,
    LEAF,
    MISSING_LEFT,
    ZERO_IS_MISSING,
    Nodes,
    is_in_set,
    plain_zero,
)

_BLOCKS = 16  # blocks of eight rows that meet a tree while it is in the cache


class Paths(NamedTuple):
    """What the way to each split adds to `Nodes`.

    Attributes:
        share: per split and side, the share of training rows that meet all conditions on the
            split's feature down to that child.
        earlier: 1 + the branch (2 · split + side, within the tree) that last asked for the same
            feature on the way here, or 0 where none did.
        before: the share of that branch, or 1.
        points: per tree, the number of points that Gauss's rule needs.
    """

    share: Floats
    earlier: NDArray[np.int32]
    before: Floats
    points: NDArray[np.int64]


class Rules(NamedTuple):
    """Gauss's rules on [0, 1] by number of points, in steps of eight lanes.

    Attributes:
        steps: by number of points, the steps they take.
        at, weight: by number of points, step and lane.
    """

    steps: NDArray[np.int64]
    at: Floats
    weight: Floats


def rules(most: int, *, is_row_alone: bool) -> Rules:
    """The rules of up to `most` points: a step for each point, or for a row alone a lane for each.

    Lanes without a point weigh nothing.
    """
    counts = np.arange(most + 1)
    steps = np.minimum(counts, 1) if is_row_alone else counts
    at = np.full((most + 1, int(steps.max()), WIDTH), 0.5)
    weight = np.zeros(at.shape)
    for count in range(1, most + 1):
        points, weights = np.polynomial.legendre.leggauss(count)
        points, weights = (points + 1) / 2, weights / 2
        if is_row_alone:
            at[count, 0, :count], weight[count, 0, :count] = points, weights
        else:
            at[count, :count], weight[count, :count] = points[:, None], weights[:, None]
    return Rules(steps, at, weight)


@compiled
def explain(nodes: Nodes, paths: Paths, rules: Rules, matrix: Floats, found: Floats) -> None:
    """Write the Shapley values of each row of `matrix`, rows × features, into `found`."""
    above, below, factors = room(nodes, rules)
    meets = aligned(1 + 2 * most_splits(nodes)).reshape(-1, WIDTH)
    meets[0] = 1.0
    values = aligned(_BLOCKS * matrix.shape[1]).reshape(_BLOCKS, matrix.shape[1], WIDTH)
    sums = aligned(_BLOCKS * matrix.shape[1]).reshape(_BLOCKS, matrix.shape[1], WIDTH)
    for first in range(0, len(matrix), _BLOCKS * WIDTH):
        blocks = lay_out(matrix, first, values)
        sums[:] = 0.0
        for tree in range(len(nodes.tree_start) - 1):
            for block in range(blocks):
                decide(nodes, paths, tree, values, block, meets)
                descend(nodes, paths, rules, tree, meets, above, factors)
                ascend(nodes, paths, rules, tree, meets, above, below, factors, sums, block)
        bring_back(sums, first, found)


@compiled
def most_splits(nodes: Nodes) -> int:
    """Of the tree that has most."""
    return int(np.max(np.diff(nodes.tree_start)))


@compiled
def room(nodes: Nodes, rules: Rules) -> tuple[Floats, Floats, Floats]:
    """Space for one tree: two figures by split and step, one by branch and step."""
    places = most_splits(nodes) * rules.at.shape[1]
    spare = rules.at.shape[1]  # a row for leaves, of zeros where it is read
    return aligned(places + spare), aligned(places + spare), aligned(2 * places)


@compiled
def aligned(places: int) -> Floats:
    """Space for lanes, none of which lies across two cache lines."""
    space = np.zeros((places + 1) * WIDTH)
    first = -(space.ctypes.data // space.itemsize) % WIDTH
    return space[first : first + places * WIDTH]


@compiled
def lay_out(matrix: Floats, first: int, values: Floats) -> int:
    """Put rows from `first` on into blocks, side by side; returns the number of blocks."""
    rows = min(len(matrix) - first, values.shape[0] * WIDTH)
    blocks = (rows + WIDTH - 1) // WIDTH
    for place in range(blocks * WIDTH):
        row = first + min(place, rows - 1)
        for feature in range(matrix.shape[1]):
            values[place // WIDTH, feature, place % WIDTH] = plain_zero(matrix[row, feature])
    return int(blocks)


@compiled
def bring_back(sums: Floats, first: int, found: Floats) -> None:
    """Put blocks back into rows from `first` on."""
    for place in range(min(len(found) - first, sums.shape[0] * WIDTH)):
        for feature in range(found.shape[1]):
            found[first + place, feature] = sums[place // WIDTH, feature, place % WIDTH]


@compiled_in_place
def decide(
    nodes: Nodes, paths: Paths, tree: int, values: Floats, block: int, meets: Floats
) -> None:
    """Per branch and lane, 1.0 where the row meets all conditions on its feature down to there."""
    start = nodes.tree_start[tree]
    for local in range(nodes.tree_start[tree + 1] - start):
        node = start + local
        feature = nodes.feature[node]
        if nodes.kind[node] & CATEGORY:
            for lane in range(WIDTH):
                is_left = is_in_set(nodes, node, values[block, feature, lane])
                meets[1 + 2 * local, lane] = 1.0 if is_left else 0.0
            left = load(meets, 1 + 2 * local)
        else:
            left = side(nodes, node, load(values, block * values.shape[1] + feature))
        before = load(meets, paths.earlier[node])
        left = left * before
        store(meets, 1 + 2 * local, left)
        store(meets, 2 + 2 * local, before - left)


@compiled
def side(nodes: Nodes, node: int, column: Lanes) -> Lanes:
    """Per lane, 1.0 where a number goes left."""
    kind = nodes.kind[node]
    missing = is_missing(column)
    if kind & ZERO_IS_MISSING:
        missing = missing + is_zero(column)
    left = at_most(column, nodes.threshold[node]) * (spread(1.0) - missing)
    return left + missing if kind & MISSING_LEFT else left


@compiled_in_place
def descend(
    nodes: Nodes,
    paths: Paths,
    rules: Rules,
    tree: int,
    meets: Floats,
    above: Floats,
    factors: Floats,
) -> None:
    """Per split, the product over the features asked above, the split's own left out.

    `factors` are, per branch, by how much it changes the product.
    """
    start, points, wide = nodes.tree_start[tree], paths.points[tree], rules.at.shape[1]
    steps = rules.steps[points]
    for step in range(steps):
        store(above, step, load(rules.weight, points * wide + step))
    for local in range(nodes.tree_start[tree + 1] - start):
        node = start + local
        before, left_share = spread(paths.before[node]), spread(paths.share[node, 0])
        right_share = spread(paths.share[node, 1])
        met = beyond(meets, paths.earlier[node], before)
        left_met = beyond(meets, 1 + 2 * local, left_share)
        right_met = beyond(meets, 2 + 2 * local, right_share)
        left_row = row_of(nodes.child[node, 0], above, wide)
        right_row = row_of(nodes.child[node, 1], above, wide)
        for step in range(steps):
            place = local * wide + step
            at, product = load(rules.at, points * wide + step), load(above, place)
            without = inverse(at, met, before)
            left = factor(at, left_met, left_share, without)
            right = factor(at, right_met, right_share, without)
            store(factors, 2 * place, left)
            store(factors, 2 * place + 1, right)
            store(above, place, product * without)
            store(above, left_row + step, product * left)
            store(above, right_row + step, product * right)


@compiled
def beyond(meets: Floats, place: int, share: Lanes) -> Lanes:
    """Per lane, whether a branch's conditions are met, less the share of rows that meet them."""
    return load(meets, place) - share


@compiled
def inverse(at: Lanes, met: Lanes, share: Lanes) -> Lanes:
    """What takes a feature asked for earlier out of the product."""
    return spread(1.0) / fused(at, met, share)


@compiled
def factor(at: Lanes, met: Lanes, share: Lanes, without: Lanes) -> Lanes:
    """What a branch adds to the product: at · (1 if met else 0) + (1 - at) · share."""
    return fused(at, met, share) * without


@compiled
def weighed(left: Lanes, left_weight: Lanes, right: Lanes, right_weight: Lanes) -> Lanes:
    """Two sides, each with its weight."""
    return fused(left_weight, left, right_weight * right)


@compiled
def row_of(child: int, space: Floats, wide: int) -> int:
    """Where a child's figures are; leaves share the last row, which is quicker than a branch that
    the processor cannot guess.
    """
    return child * wide if child != LEAF else len(space) // WIDTH - wide


@compiled_in_place
def ascend(
    nodes: Nodes,
    paths: Paths,
    rules: Rules,
    tree: int,
    meets: Floats,
    above: Floats,
    below: Floats,
    factors: Floats,
    sums: Floats,
    block: int,
) -> None:
    """Sum the leaves below each split, and add what knowing its feature tells to that's sum.

    Split by split, and of each split point by point.
    """
    start, wide = nodes.tree_start[tree], rules.at.shape[1]
    steps = rules.steps[paths.points[tree]]
    for local in range(nodes.tree_start[tree + 1] - start - 1, -1, -1):
        node = start + local
        left_row = row_of(nodes.child[node, 0], below, wide)
        right_row = row_of(nodes.child[node, 1], below, wide)
        left_value, right_value = spread(nodes.value[node, 0]), spread(nodes.value[node, 1])
        unmet = spread(paths.before[node]) - load(meets, paths.earlier[node])
        left_met = beyond(meets, 1 + 2 * local, spread(paths.share[node, 0]))
        right_met = beyond(meets, 2 + 2 * local, spread(paths.share[node, 1]))
        whole = spread(0.0)
        for step in range(steps):
            place = local * wide + step
            left = left_value + load(below, left_row + step)
            right = right_value + load(below, right_row + step)
            leaves = weighed(left, load(factors, 2 * place), right, load(factors, 2 * place + 1))
            told = fused(unmet, leaves, weighed(left, left_met, right, right_met))
            store(below, place, leaves)
            told = told * load(above, place)
            whole = told if step == 0 else whole + told
        place = block * sums.shape[1] + nodes.feature[node]
        store(sums, place, load(sums, place) + whole)
