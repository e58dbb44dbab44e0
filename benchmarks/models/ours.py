"""Vouch's own training on a protocol's rows: the pipeline as shipped, nothing special."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.models.rows import Fold
from training.fit import seen_features
from training.run import make_bundle
from vouch.features.asof import Floats
from vouch.policy.reading import Policy
from vouch.scoring.spec import Spec


def fit_and_judge(spec: Spec, fold: Fold, and_running: bool = False) -> tuple[Floats, int]:
    """The probabilities of the judged rows, and the bytes of the trees, terms and encoder.

    Args:
        and_running: learn from cases as well whose horizon had not ended, which no peer can use.
    """
    learn = fold.learn.frame
    if and_running and fold.running:
        spec = replace(spec, running=True)
        learn = replace(learn, running=fold.running.frame)
    names = seen_features(learn.columns, spec.feature_names)
    bundle = make_bundle(spec, Policy(), learn, names, fold.until)
    judged = {name: fold.judge.frame.columns[name] for name in bundle.encoder.names}
    probability = bundle.probabilities(bundle.encoder.matrix(judged))
    with TemporaryDirectory() as folder:
        bundle.save(Path(folder))
        size = sum((Path(folder) / name).stat().st_size for name in ("bundle.json", "trees.txt"))
    return np.asarray(probability), size
