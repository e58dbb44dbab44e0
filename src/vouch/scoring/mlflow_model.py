"""How MLflow loads a bundle as a plain Python model, without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vouch.scoring.bundle import Bundle


class BundleModel:
    """Predicts default probabilities from a frame with the bundle's feature columns."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Default probabilities, one per row of `model_input`."""
        encoder = self._bundle.encoder
        columns = {name: model_input[name].to_numpy() for name in encoder.names}
        for name in encoder.levels:  # a frame writes a missing text as NaN
            columns[name] = [value if isinstance(value, str) else None for value in columns[name]]
        return self._bundle.probabilities(encoder.matrix(columns))


def _load_pyfunc(path: str) -> BundleModel:
    return BundleModel(Bundle.load(Path(path), version="mlflow"))
