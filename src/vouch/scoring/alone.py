"""Shapley values of one row by itself: the points of Gauss's rule lie in the lanes.

The arithmetic is that of `shapley`, step for step, so a row's values are the same to the last bit;
only what fills a lane differs. It holds for trees that need no more points than there are lanes.
"""

from __future__ import annotations

import numpy as np

from vouch.compiled import compiled
from vouch.features.asof import Floats
from vouch.scoring.handed import Handed
from vouch.scoring.lanes import WIDTH, Lanes, fused, half_total, load, spread, store, total
from vouch.scoring.shapley import Paths, aligned, factor, inverse, most_splits, weighed
from vouch.scoring.walk import LEAF, Nodes, goes_left, plain_zero


@compiled
def explain_alone(handed: Handed, matrix: Floats, found: Floats) -> None:
    """As `shapley.explain`, one row at a time: quicker for a few rows."""
    nodes, paths, rules = handed.nodes, handed.paths, handed.rules
    splits = most_splits(nodes)
    above, below, factors = aligned(splits + 1), aligned(splits + 1), aligned(2 * splits)
    meets, values = np.ones(1 + 2 * splits), np.empty(matrix.shape[1])
    for row in range(len(matrix)):
        for feature in range(len(values)):
            values[feature] = plain_zero(matrix[row, feature])
        sums = found[row]
        for tree in range(len(nodes.tree_start) - 1):
            at = load(rules.at, paths.points[tree])
            store(above, 0, load(rules.weight, paths.points[tree]))
            decide(nodes, paths, tree, values, meets)
            descend(nodes, paths, tree, at, meets, above, factors)
            ascend(nodes, paths, tree, meets, above, below, factors, sums)


@compiled
def decide(nodes: Nodes, paths: Paths, tree: int, values: Floats, meets: Floats) -> None:
    """Per branch, 1 where the row meets all conditions on its feature down to there, else 0."""
    start = nodes.tree_start[tree]
    for local in range(nodes.tree_start[tree + 1] - start):
        node = start + local
        before = meets[paths.earlier[node]]
        left = before if goes_left(nodes, node, values[nodes.feature[node]]) else 0.0
        meets[1 + 2 * local] = left
        meets[2 + 2 * local] = before - left


@compiled
def descend(
    nodes: Nodes, paths: Paths, tree: int, at: Lanes, meets: Floats, above: Floats, factors: Floats
) -> None:
    """Per split, the product over the features asked above, and per branch how it changes."""
    start = nodes.tree_start[tree]
    for local in range(nodes.tree_start[tree + 1] - start):
        node = start + local
        share, left_share, right_share = (
            paths.before[node],
            paths.share[node, 0],
            paths.share[node, 1],
        )
        met = meets[paths.earlier[node]] - share
        left_met, right_met = meets[1 + 2 * local] - left_share, meets[2 + 2 * local] - right_share
        product, without = load(above, local), inverse(at, spread(met), spread(share))
        left = factor(at, spread(left_met), spread(left_share), without)
        right = factor(at, spread(right_met), spread(right_share), without)
        store(factors, 2 * local, left)
        store(factors, 2 * local + 1, right)
        store(above, local, product * without)
        store(above, place_of(nodes.child[node, 0], above), product * left)
        store(above, place_of(nodes.child[node, 1], above), product * right)


@compiled
def place_of(child: int, space: Floats) -> int:
    """Where a child's figure is; leaves share the last place, as rows in `shapley.row_of`."""
    return child if child != LEAF else len(space) // WIDTH - 1


@compiled
def ascend(
    nodes: Nodes,
    paths: Paths,
    tree: int,
    meets: Floats,
    above: Floats,
    below: Floats,
    factors: Floats,
    sums: Floats,
) -> None:
    """Sum the leaves below each split, and add what knowing its feature tells to that's sum."""
    start, is_half = nodes.tree_start[tree], paths.points[tree] <= WIDTH // 2
    for local in range(nodes.tree_start[tree + 1] - start - 1, -1, -1):
        node = start + local
        left = load(below, place_of(nodes.child[node, 0], below)) + spread(nodes.value[node, 0])
        right = load(below, place_of(nodes.child[node, 1], below)) + spread(nodes.value[node, 1])
        leaves = weighed(left, load(factors, 2 * local), right, load(factors, 2 * local + 1))
        store(below, local, leaves)
        unmet = spread(paths.before[node] - meets[paths.earlier[node]])
        left_met = spread(meets[1 + 2 * local] - paths.share[node, 0])
        right_met = spread(meets[2 + 2 * local] - paths.share[node, 1])
        told = fused(unmet, leaves, weighed(left, left_met, right, right_met)) * load(above, local)
        # lanes beyond the points hold nothing
        sums[nodes.feature[node]] += half_total(told) if is_half else total(told)
