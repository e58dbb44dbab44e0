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

from vouch.compiled import compiled
from vouch.features.asof import Floats
from vouch.scoring.lanes import (
    WIDTH,
    Lanes,
    add_in_order,
    at_most,
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
    goes_left,
    is_in_set,
    plain_zero,
)

_BLOCKS = 32  # blocks of eight rows that meet a tree while it is in the cache


class Paths(NamedTuple):
    """What the way to each split adds to `Nodes`.

    Attributes:
        share: per split and side, the share of training rows that meet all conditions on the
            split's feature down to that child.
        earlier: the branch (2 · split + side, within the tree) that last asked for the same
            feature on the way here, or -1.
        points: per tree, the number of points that Gauss's rule needs.
    """

    share: Floats
    earlier: NDArray[np.int32]
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
    """The rules of up to `most` points: a step for each point, or for a row alone eight points."""
    counts = np.arange(most + 1)
    steps = -(-counts // WIDTH) if is_row_alone else counts
    at = np.full((most + 1, int(steps.max()), WIDTH), 0.5)
    weight = np.zeros(at.shape)
    for count in range(1, most + 1):
        points, weights = np.polynomial.legendre.leggauss(count)
        points, weights = (points + 1) / 2, weights / 2
        if is_row_alone:
            at[count].ravel()[:count], weight[count].ravel()[:count] = points, weights
        else:
            at[count, :count], weight[count, :count] = points[:, None], weights[:, None]
    return Rules(steps, at, weight)


@compiled
def explain(nodes: Nodes, paths: Paths, rules: Rules, matrix: Floats, found: Floats) -> None:
    """Write the Shapley values of each row of `matrix`, rows × features, into `found`."""
    meets, above, below, inverses = room(nodes, rules)
    values = aligned(_BLOCKS * matrix.shape[1]).reshape(_BLOCKS, matrix.shape[1], WIDTH)
    sums = aligned(_BLOCKS * matrix.shape[1]).reshape(_BLOCKS, matrix.shape[1], WIDTH)
    for first in range(0, len(matrix), _BLOCKS * WIDTH):
        blocks = lay_out(matrix, first, values)
        sums[:] = 0.0
        for tree in range(len(nodes.tree_start) - 1):
            for block in range(blocks):
                decide(nodes, paths, tree, values, block, meets)
                descend(nodes, paths, rules, tree, meets, above, inverses)
                ascend(nodes, paths, rules, tree, meets, above, below, inverses)
                add(nodes, paths, rules, tree, above, sums, block)
        bring_back(sums, first, found)


@compiled
def explain_alone(nodes: Nodes, paths: Paths, rules: Rules, matrix: Floats, found: Floats) -> None:
    """As `explain`, one row at a time with a point in each lane: quicker for a few rows."""
    meets, above, below, inverses = room(nodes, rules)
    for row in range(len(matrix)):
        for tree in range(len(nodes.tree_start) - 1):
            decide_alone(nodes, paths, tree, matrix[row], meets)
            descend(nodes, paths, rules, tree, meets, above, inverses)
            ascend(nodes, paths, rules, tree, meets, above, below, inverses)
            add_alone(nodes, paths, rules, tree, above, found[row])


@compiled
def room(nodes: Nodes, rules: Rules) -> tuple[Floats, Floats, Floats, Floats]:
    """Space for one tree: what is met by branch, and three figures by split and step."""
    splits = np.max(np.diff(nodes.tree_start))
    places = (splits + 1) * rules.at.shape[1]  # and a row for leaves, of zeros where it is read
    meets = aligned(2 * splits).reshape(2 * splits, WIDTH)
    return meets, aligned(places), aligned(places), aligned(places)


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


@compiled
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
                meets[2 * local, lane] = 1.0 if is_left else 0.0
            left = load(meets, 2 * local)
        else:
            left = side(nodes, node, load(values, block * values.shape[1] + feature))
        earlier = paths.earlier[node]
        before = spread(1.0) if earlier < 0 else load(meets, earlier)
        store(meets, 2 * local, before * left)
        store(meets, 2 * local + 1, before * (spread(1.0) - left))


@compiled
def side(nodes: Nodes, node: int, column: Lanes) -> Lanes:
    """Per lane, 1.0 where a number goes left."""
    kind = nodes.kind[node]
    missing = is_missing(column)
    if kind & ZERO_IS_MISSING:
        missing = missing + is_zero(column)
    left = at_most(column, nodes.threshold[node]) * (spread(1.0) - missing)
    return left + missing if kind & MISSING_LEFT else left


@compiled
def decide_alone(nodes: Nodes, paths: Paths, tree: int, row: Floats, meets: Floats) -> None:
    """As `decide` for one row, the same in every lane."""
    start = nodes.tree_start[tree]
    for local in range(nodes.tree_start[tree + 1] - start):
        node = start + local
        is_left = goes_left(nodes, node, plain_zero(row[nodes.feature[node]]))
        earlier = paths.earlier[node]
        before = 1.0 if earlier < 0 else meets[earlier, 0]
        store(meets, 2 * local, spread(before if is_left else 0.0))
        store(meets, 2 * local + 1, spread(0.0 if is_left else before))


@compiled
def descend(
    nodes: Nodes,
    paths: Paths,
    rules: Rules,
    tree: int,
    meets: Floats,
    above: Floats,
    inverses: Floats,
) -> None:
    """Per split, the product over the features asked above, the split's own left out."""
    start, points = nodes.tree_start[tree], paths.points[tree]
    steps, wide = rules.steps[points], rules.at.shape[1]
    for step in range(steps):
        store(above, step, load(rules.weight, points * wide + step))
    for local in range(nodes.tree_start[tree + 1] - start):
        node = start + local
        earlier = paths.earlier[node]
        if earlier >= 0:
            share = spread(paths.share[start + earlier // 2, earlier % 2])
            for step in range(steps):
                place = local * wide + step
                at = load(rules.at, points * wide + step)
                inverse = spread(1.0) / factor(at, load(meets, earlier), share)
                store(inverses, place, inverse)
                store(above, place, load(above, place) * inverse)
        for side in range(2):
            child = nodes.child[node, side]
            if child == LEAF and steps > 1:
                continue
            row = row_of(child, above, wide)
            met, share = load(meets, 2 * local + side), spread(paths.share[node, side])
            for step in range(steps):
                at = load(rules.at, points * wide + step)
                product = load(above, local * wide + step) * factor(at, met, share)
                store(above, row + step, product)


@compiled
def row_of(child: int, space: Floats, wide: int) -> int:
    """Where a child's figures are; leaves share the last row, which for one step is quicker than
    a branch that the processor cannot guess.
    """
    return child * wide if child != LEAF else len(space) // WIDTH - wide


@compiled
def factor(at: Lanes, met: Lanes, share: Lanes) -> Lanes:
    """What a feature asked for adds to the product: at · met + (1 - at) · share."""
    return share + at * (met - share)


@compiled
def ascend(
    nodes: Nodes,
    paths: Paths,
    rules: Rules,
    tree: int,
    meets: Floats,
    above: Floats,
    below: Floats,
    inverses: Floats,
) -> None:
    """Sum the leaves below each split, and multiply into `above` what knowing its feature tells."""
    start, points = nodes.tree_start[tree], paths.points[tree]
    steps, wide = rules.steps[points], rules.at.shape[1]
    for local in range(nodes.tree_start[tree + 1] - start - 1, -1, -1):
        node = start + local
        left_row = row_of(nodes.child[node, 0], below, wide)
        right_row = row_of(nodes.child[node, 1], below, wide)
        left_value, right_value = spread(nodes.value[node, 0]), spread(nodes.value[node, 1])
        left_share, right_share = spread(paths.share[node, 0]), spread(paths.share[node, 1])
        left_met, right_met = load(meets, 2 * local), load(meets, 2 * local + 1)
        is_inner_left = steps == 1 or nodes.child[node, 0] != LEAF
        is_inner_right = steps == 1 or nodes.child[node, 1] != LEAF
        earlier = paths.earlier[node]
        before = load(meets, max(earlier, 0))
        share_before = spread(paths.share[start + max(earlier, 0) // 2, max(earlier, 0) % 2])
        for step in range(steps):
            place = local * wide + step
            left, right = left_value, right_value
            if is_inner_left:
                left = left + load(below, left_row + step)
            if is_inner_right:
                right = right + load(below, right_row + step)
            unknown = left_share * left + right_share * right
            told = left_met * left + right_met * right - unknown
            at = load(rules.at, points * wide + step)
            total = unknown + at * told
            if earlier >= 0:
                total = total * load(inverses, place)
                told = told - (before - share_before) * total
            store(below, place, total)
            store(above, place, told * load(above, place))


@compiled
def add(
    nodes: Nodes, paths: Paths, rules: Rules, tree: int, above: Floats, sums: Floats, block: int
) -> None:
    """Add what each split tells to its feature's sum, split by split and point by point."""
    start, wide = nodes.tree_start[tree], rules.at.shape[1]
    steps = rules.steps[paths.points[tree]]
    for local in range(nodes.tree_start[tree + 1] - start - 1, -1, -1):
        total = load(above, local * wide)
        for step in range(1, steps):
            total = total + load(above, local * wide + step)
        place = block * sums.shape[1] + nodes.feature[start + local]
        store(sums, place, load(sums, place) + total)


@compiled
def add_alone(
    nodes: Nodes, paths: Paths, rules: Rules, tree: int, above: Floats, sums: Floats
) -> None:
    """As `add` for one row; points are added in the same order, so to the same bit."""
    start, wide = nodes.tree_start[tree], rules.at.shape[1]
    steps = rules.steps[paths.points[tree]]
    for local in range(nodes.tree_start[tree + 1] - start - 1, -1, -1):
        total = 0.0
        for step in range(steps):
            total = add_in_order(total, load(above, local * wide + step))
        sums[nodes.feature[start + local]] += total
