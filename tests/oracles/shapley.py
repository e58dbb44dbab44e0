"""Shapley values of a LightGBM model by their definition: every subset of features, tree by tree.

Lundberg et al., "From local explanations to global understanding with explainable AI for trees"
(2020), algorithm 1 (path-dependent expectation): a feature outside the subset is averaged over both
branches by the training rows that went each way. Slow and obvious.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import lightgbm
import numpy as np


def shapley_values(booster: lightgbm.Booster, row: np.ndarray) -> np.ndarray:
    """The Shapley value of each feature for one row, in margin."""
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    count = booster.num_feature()
    worth = {
        subset: sum(_expectation(tree, row, set(subset)) for tree in trees)
        for size in range(count + 1)
        for subset in combinations(range(count), size)
    }
    values = np.zeros(count)
    for feature in range(count):
        others = [f for f in range(count) if f != feature]
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for subset in combinations(others, size):
                joined = tuple(sorted((*subset, feature)))
                values[feature] += weight * (worth[joined] - worth[subset])
    return values


def _expectation(node: dict[str, Any], row: np.ndarray, known: set[int]) -> float:
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return _expectation(left if _goes_left(node, row) else right, row, known)
    rows = _rows(left) + _rows(right)
    return (
        _rows(left) * _expectation(left, row, known)
        + _rows(right) * _expectation(right, row, known)
    ) / rows


def _rows(node: dict[str, Any]) -> int:
    return int(node.get("leaf_count", node.get("internal_count", 0)))


def _goes_left(node: dict[str, Any], row: np.ndarray) -> bool:
    value = row[node["split_feature"]]
    if node["decision_type"] == "==":
        return not np.isnan(value) and str(int(value)) in str(node["threshold"]).split("||")
    if np.isnan(value) and node["missing_type"] != "NaN":
        value = 0.0
    if np.isnan(value) or (node["missing_type"] == "Zero" and abs(value) <= 1e-35):
        return bool(node["default_left"])
    return bool(value <= node["threshold"])
