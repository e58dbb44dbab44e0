"""A LightGBM model as plain arrays, read from its text: margins and exact Shapley values.

Both follow LightGBM to the letter: missing values of all three kinds, default directions, category
sets, and the same order of additions, so that a margin is the one LightGBM gives, bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouch.errors import ModelError
from vouch.features.asof import Floats
from vouch.scoring.alone import explain_alone
from vouch.scoring.handed import hand
from vouch.scoring.lanes import WIDTH
from vouch.scoring.shapley import Paths, explain, rules
from vouch.scoring.walk import (
    CATEGORY,
    LEAF,
    MISSING_LEFT,
    ZERO_IS_MISSING,
    Nodes,
    add_margins,
)

# Fewer rows than this are done before a second thread has woken up.
_WORTH_A_THREAD = 1024
# Up to so many rows it is quicker to explain them one by one.
_FEW = 4


class Forest:
    """All trees of a model, ready to walk and to explain."""

    def __init__(self, nodes: Nodes, paths: Paths, base: float, features: int) -> None:
        self._nodes = nodes
        self._paths = paths
        self._together = rules(most := int(paths.points.max(initial=1)), is_row_alone=False)
        self._alone = hand(nodes, paths, rules(most, is_row_alone=True)) if most <= WIDTH else None
        self._base = base
        self._features = features
        self._has_trees = len(nodes.tree_start) > 1

    @property
    def base(self) -> float:
        """The margin before any feature speaks: every leaf's value by its training rows."""
        return self._base

    @classmethod
    def parse(cls, text: str) -> Forest:
        """Read a model as `Booster.model_to_string` writes it.

        Raises:
            ModelError: the text is damaged, or of a kind whose margin is no sum of leaves.
        """
        try:
            return _forest(text)
        except (KeyError, ValueError, IndexError) as error:
            raise ModelError(f"the model's trees cannot be read: {error!r}") from error

    def margins(self, matrix: Floats, threads: int | None = None) -> Floats:
        """The sum of the leaves each row comes to, as LightGBM's `raw_score`.

        Args:
            threads: all cores where None; the result is the same.
        """
        matrix = self._checked(matrix)
        found = np.zeros(len(matrix))
        if self._has_trees:
            _in_parts(matrix, found, threads, lambda x, y: add_margins(self._nodes, x, y))
        return found

    def contributions(self, matrix: Floats, threads: int | None = None) -> Floats:
        """The Shapley values of each row, rows × features; with `base` they sum to the margin."""
        matrix = self._checked(matrix)
        found = np.zeros(matrix.shape)
        if not self._has_trees:
            return found
        if len(matrix) <= _FEW and self._alone is not None:
            explain_alone(self._alone, matrix, found)
        else:
            with_rule = (self._nodes, self._paths, self._together)
            _in_parts(matrix, found, threads, lambda x, y: explain(*with_rule, x, y))
        return found

    def keeps_sign(self, feature: int, sign: int) -> bool:
        """Whether a larger value of a feature can only move its own contribution by its sign.

        True where at every split on it all leaves on the right lie at or above (sign 1), or at or
        below (sign -1), all leaves on the left. Then every mean over leaves that a Shapley value
        weighs keeps the order too, so the contribution is monotone in the feature with all else
        equal, at most nothing on the low side of all its splits and at least nothing on the high.
        Trees that are monotone as functions need not pass: means on the two sides may weigh
        different leaves.
        """
        low, high = self._spans
        asked = self._nodes.feature == feature
        rising = high[asked, 0] <= low[asked, 1]
        falling = low[asked, 0] >= high[asked, 1]
        return bool((rising if sign > 0 else falling).all())

    @cached_property
    def _spans(self) -> tuple[Floats, Floats]:
        """The least and the largest leaf below each split and side."""
        nodes = self._nodes
        low, high = nodes.value.copy(), nodes.value.copy()
        for start, end in pairwise(nodes.tree_start.tolist()):
            for node in range(end - 1, start - 1, -1):
                for side, child in enumerate(nodes.child[node].tolist()):
                    if child != LEAF:
                        low[node, side] = low[start + child].min()
                        high[node, side] = high[start + child].max()
        return low, high

    def _checked(self, matrix: Floats) -> Floats:
        if matrix.ndim != 2 or matrix.shape[1] != self._features:
            raise ModelError(f"the trees read {self._features} columns, not {matrix.shape[1:]}")
        return np.ascontiguousarray(matrix, dtype=np.float64)


def _in_parts(
    matrix: Floats, found: Floats, threads: int | None, work: Callable[..., None]
) -> None:
    """Do the rows on as many threads as are worth it."""
    parts = len(matrix) // _WORTH_A_THREAD
    if parts > 1:
        parts = min(threads or os.cpu_count() or 1, parts)
    if parts <= 1:
        work(matrix, found)
        return
    with ThreadPoolExecutor(parts) as workers:
        list(workers.map(work, np.array_split(matrix, parts), np.array_split(found, parts)))


@dataclass(frozen=True)
class _Tree:
    """One tree as LightGBM writes it; a child below zero is leaf -1 - child."""

    feature: NDArray[np.int64]
    threshold: Floats
    decision: NDArray[np.int64]
    child: NDArray[np.int64]
    leaf_value: Floats
    leaf_count: NDArray[np.int64]
    count: NDArray[np.int64]
    set_start: NDArray[np.int64]
    words: NDArray[np.uint32]

    @classmethod
    def read(cls, body: Mapping[str, str], features: int) -> _Tree:
        """From its fields, held to what walking it relies on."""
        if body.get("is_linear", "0") != "0":
            raise ValueError("linear trees have no leaf values")
        if body["num_leaves"] == "1":
            return _unsplit(float(body["leaf_value"]))
        child = np.column_stack([_whole(body["left_child"]), _whole(body["right_child"])])
        tree = cls(
            feature=_whole(body["split_feature"]),
            threshold=_real(body["threshold"]),
            decision=_whole(body["decision_type"]),
            child=child,
            leaf_value=_real(body["leaf_value"]),
            leaf_count=_whole(body["leaf_count"]),
            count=_whole(body["internal_count"]),
            set_start=_whole(body.get("cat_boundaries", "0")),
            words=_whole(body.get("cat_threshold", "")).astype(np.uint32),
        )
        tree.check(int(body["num_leaves"]), features)
        return tree

    def check(self, leaves: int, features: int) -> None:
        """Raise ValueError where a walk would leave the arrays or a share be undefined."""
        lists = (self.feature, self.threshold, self.decision, self.child, self.count)
        if {len(found) for found in lists} != {leaves - 1}:
            raise ValueError("a tree's lists differ in length")
        if len(self.leaf_value) != leaves or len(self.leaf_count) != leaves:
            raise ValueError("a tree has not as many leaves as it says")
        order = np.arange(leaves - 1)[:, None]
        if ((self.child >= 0) & (self.child <= order)).any() or self.child.max() > leaves - 2:
            raise ValueError("a split comes before the one above it")
        if sorted(self.child.ravel()) != [*range(-leaves, 0), *range(1, leaves - 1)]:
            raise ValueError("a tree's branches do not meet each split and leaf once")
        if not ((self.feature >= 0) & (self.feature < features)).all():
            raise ValueError("a tree asks for a feature that is not there")
        if (self.leaf_count <= 0).any() or (self.count <= 0).any():
            raise ValueError("a tree has a branch without training rows: it cannot be explained")

    @property
    def is_category(self) -> NDArray[np.bool_]:
        """Per split, whether it asks for a set of categories."""
        found: NDArray[np.bool_] = self.decision & 1 == 1
        return found

    def sets(self) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Per split the number of words of its category set, and the words of all, in order."""
        starts = self.threshold[self.is_category].astype(np.int64)
        parts = [self.words[self.set_start[i] : self.set_start[i + 1]] for i in starts]
        lengths = np.zeros(len(self.feature), np.int64)
        lengths[self.is_category] = [len(part) for part in parts]
        return lengths, np.concatenate([*parts, np.zeros(0, np.uint32)])

    def kinds(self) -> NDArray[np.uint8]:
        """Per split the bits of `Nodes.kind`.

        A missing value where training saw none, or where missing is written as zero, is a zero.
        """
        missing_kind = self.decision >> 2 & 3
        goes_left = np.where(missing_kind == 0, self.threshold >= 0, self.decision & 2 == 2)
        kinds = MISSING_LEFT * goes_left + ZERO_IS_MISSING * (missing_kind == 1)
        return np.where(self.is_category, CATEGORY, kinds).astype(np.uint8)

    def by_branch(self, of_split: NDArray[Any], of_leaf: NDArray[Any]) -> NDArray[Any]:
        """Per split and side, the figure of what is there."""
        at_split = of_split[np.maximum(self.child, 0)]
        return np.where(self.child < 0, of_leaf[np.maximum(-1 - self.child, 0)], at_split)

    @property
    def base(self) -> float:
        """The mean of the leaves by training rows."""
        return float(self.leaf_count @ self.leaf_value / self.count[0])


def _unsplit(value: float) -> _Tree:
    none = np.zeros(1, np.int64)
    return _Tree(
        feature=none,
        threshold=np.zeros(1),
        decision=none,
        child=np.array([[-1, -2]]),
        leaf_value=np.full(2, value),
        leaf_count=np.ones(2, np.int64),
        count=none + 2,
        set_start=none,
        words=np.zeros(0, np.uint32),
    )


def _whole(text: str) -> NDArray[np.int64]:
    return np.array(text.split(), dtype=np.int64)


def _real(text: str) -> Floats:
    return np.array(text.split(), dtype=np.float64)


def _fields(block: str) -> dict[str, str]:
    lines = (line.partition("=") for line in block.splitlines())
    return {name: value for name, equals, value in lines if equals}


def _forest(text: str) -> Forest:
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    header = _fields(head)
    if header["num_tree_per_iteration"] != "1" or "average_output" in head.splitlines():
        raise ValueError("only one class and one sum of trees can be scored")
    features = int(header["max_feature_idx"]) + 1
    if len(blocks) != len(header.get("tree_sizes", "").split()):
        raise ValueError(f"{len(blocks)} trees of {header.get('tree_sizes')!r}")
    trees = [_Tree.read(_fields(block), features) for block in blocks]
    return Forest(_nodes(trees), _paths(trees), sum(tree.base for tree in trees), features)


def _nodes(trees: Sequence[_Tree]) -> Nodes:
    sets = [tree.sets() for tree in trees]
    return Nodes(
        tree_start=_starts([len(tree.feature) for tree in trees]),
        feature=_joined([tree.feature for tree in trees], np.zeros(0, np.int32)),
        threshold=_joined([tree.threshold for tree in trees], np.zeros(0)),
        kind=_joined([tree.kinds() for tree in trees], np.zeros(0, np.uint8)),
        child=_joined([np.maximum(tree.child, LEAF) for tree in trees], np.zeros((0, 2), np.int32)),
        value=_joined(
            [tree.by_branch(np.zeros(len(tree.feature)), tree.leaf_value) for tree in trees],
            np.zeros((0, 2)),
        ),
        words_start=_starts(_joined([lengths for lengths, _ in sets], np.zeros(0, np.int64))),
        words=_joined([words for _, words in sets], np.zeros(0, np.uint32)),
    )


def _starts(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _joined(parts: Sequence[NDArray[Any]], none: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([none, *parts]).astype(none.dtype)


def _paths(trees: Sequence[_Tree]) -> Paths:
    ways = [_way(tree) for tree in trees]
    points = np.array([most for *_, most in ways], dtype=np.int64)
    return Paths(
        share=_joined([share for share, *_ in ways], np.zeros((0, 2))),
        earlier=_joined([earlier for _, earlier, *_ in ways], np.zeros(0, np.int32)),
        before=_joined([before for *_, before, _ in ways], np.zeros(0)),
        points=points,
    )


def _way(tree: _Tree) -> tuple[Floats, NDArray[np.int64], Floats, int]:
    """`Paths` of one tree: shares, earlier branches and theirs, and the points needed."""
    splits = len(tree.feature)
    share = tree.by_branch(tree.count, tree.leaf_count) / tree.count[:, None]
    earlier, before = np.zeros(splits, np.int64), np.ones(splits)
    asked: list[dict[int, int]] = [{} for _ in range(splits)]
    for split, feature in enumerate(tree.feature.tolist()):
        earlier[split] = asked[split].get(feature, 0)
        if earlier[split]:
            before[split] = share[divmod(earlier[split] - 1, 2)]
        share[split] *= before[split]
        for side, child in enumerate(tree.child[split].tolist()):
            if child >= 0:
                asked[child] = asked[split] | {feature: 1 + 2 * split + side}
    most = max(len(way | {f: 0}) for way, f in zip(asked, tree.feature.tolist(), strict=True))
    return share, earlier, before, (most + 1) // 2
