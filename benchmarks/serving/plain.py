"""The service most people would write: BentoML, a pandas row, the model, shap.TreeExplainer.

No calibration, no stored decision, no access control; features come ready-made in the request.
"""

import os
from typing import Any

import bentoml


@bentoml.service(name="plain")
class Plain:
    """Scores a row of features and explains it."""

    def __init__(self) -> None:
        import json

        import lightgbm
        import shap

        with open(os.environ["BENCHMARK_CATEGORIES"], encoding="utf-8") as stream:
            self._levels: dict[str, list[str]] = json.load(stream)
        self._model = lightgbm.Booster(model_file=os.environ["BENCHMARK_TREES"])
        self._explainer = shap.TreeExplainer(self._model)

    @bentoml.api
    def score(self, application: dict[str, Any], /) -> dict[str, Any]:
        """Default probability and SHAP values."""
        import numpy as np
        import pandas as pd

        names = self._model.feature_name()
        row = pd.DataFrame([application])[names]
        for name, levels in self._levels.items():
            codes = {level: code for code, level in enumerate(levels, 1)}
            row[name] = row[name].map(lambda level, codes=codes: codes.get(level, 0))
        row = row.astype(float)
        margin = float(self._model.predict(row, raw_score=True)[0])
        values = self._explainer.shap_values(row)[0]
        return {
            "default_probability": 1 / (1 + np.exp(-margin)),
            "shap_values": dict(zip(names, map(float, values), strict=True)),
        }
