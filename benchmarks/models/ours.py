"""Vouch's own training on a protocol's rows: the pipeline as shipped, nothing special."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.models.rows import Fold
from training.fit import seen_features
from training.run import make_bundle
from vouch.features.asof import Floats
from vouch.policy.reading import Policy
from vouch.scoring.spec import Spec


def fit_and_judge(spec: Spec, fold: Fold) -> tuple[Floats, int]:
    """The probabilities of the judged rows, and the bytes of the trees, terms and encoder."""
    names = seen_features(fold.learn.frame.columns, spec.feature_names)
    bundle = make_bundle(spec, Policy(), fold.learn.frame, names, fold.until)
    judged = {name: fold.judge.frame.columns[name] for name in bundle.encoder.names}
    probability = bundle.probabilities(bundle.encoder.matrix(judged))
    with TemporaryDirectory() as folder:
        bundle.save(Path(folder))
        size = sum((Path(folder) / name).stat().st_size for name in ("bundle.json", "trees.txt"))
    return np.asarray(probability), size
