"""What a risk team would use instead, each as its users use it.

Every model gets the same table of fields. Text fields become categories learnt from the learning
rows: levels seen fewer than 50 times are one level "rare", missing is a level "missing".
"""

from __future__ import annotations

import importlib.util
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

Fitted = tuple[Callable[[pd.DataFrame], np.ndarray], int]
FEWEST, THREADS, SEED = 50, 1, 1
TUNED_ON = 60_000


@dataclass(frozen=True)
class Peer:
    """A model to compare with: `fit(fields, outcome, groups)` gives a predictor and its bytes."""

    name: str
    needs: tuple[str, ...]
    fit: Callable[[pd.DataFrame, np.ndarray, np.ndarray], Fitted]

    @property
    def missing(self) -> list[str]:
        """Packages it needs and this environment has not."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class Levels:
    """The levels of each text field, as learnt."""

    known: Mapping[str, list[str]]

    @classmethod
    def of(cls, fields: pd.DataFrame) -> Levels:
        """Learn from the learning rows."""
        texts = [name for name in fields if not is_numeric_dtype(fields[name])]
        counts = {name: fields[name].value_counts() for name in texts}
        return cls({n: sorted(c.index[c >= FEWEST].astype(str)) for n, c in counts.items()})

    def text(self, fields: pd.DataFrame) -> pd.DataFrame:
        """Text fields with rare and missing levels named."""
        made = fields.copy()
        for name, levels in self.known.items():
            column = fields[name].astype(object)
            there = column.notna()
            kept = column.where(~there | column.isin(levels), "rare").where(there, "missing")
            made[name] = kept.astype(str).astype(object)
        return made

    def categories(self, fields: pd.DataFrame) -> pd.DataFrame:
        """Text fields as pandas categories with fixed levels."""
        made = self.text(fields)
        for name, levels in self.known.items():
            made[name] = pd.Categorical(made[name], categories=[*levels, "rare", "missing"])
        return made


def _lightgbm(fields: pd.DataFrame, outcome: np.ndarray, parameters: dict[str, Any]) -> Fitted:
    import lightgbm

    levels = Levels.of(fields)
    model = lightgbm.LGBMClassifier(
        n_jobs=THREADS, random_state=SEED, verbose=-1, deterministic=True, **parameters
    ).fit(levels.categories(fields), outcome)
    size = len(model.booster_.model_to_string().encode())
    return lambda x: model.predict_proba(levels.categories(x))[:, 1], size


def lightgbm_defaults(fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> Fitted:
    """LightGBM as it comes."""
    return _lightgbm(fields, outcome, {})


def lightgbm_tuned(trials: int) -> Callable[[pd.DataFrame, np.ndarray, np.ndarray], Fitted]:
    """LightGBM as optuna tunes it: three-fold log loss on 60,000 rows at most."""

    def fit(fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> Fitted:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED))
        some = np.random.default_rng(SEED).permutation(len(outcome))[:TUNED_ON]
        rows = fields.iloc[some], outcome[some], groups[some]
        study.optimize(lambda trial: _cross_loss(trial, *rows), n_trials=trials)
        return _lightgbm(fields, outcome, study.best_params)

    return fit


def _cross_loss(trial: Any, fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> float:
    from sklearn.metrics import log_loss

    parameters = {
        "n_estimators": trial.suggest_int("n_estimators", 30, 400, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 63, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 10, 500, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 100.0, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
    }
    losses = []
    for number in range(3):
        out = groups == number
        predict, _ = _lightgbm(fields[~out], outcome[~out], parameters)
        losses.append(log_loss(outcome[out], predict(fields[out]), labels=[0, 1]))
    return float(np.mean(losses))


def xgboost(fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> Fitted:
    """XGBoost as it comes, with its own handling of categories."""
    import xgboost as library

    levels = Levels.of(fields)
    model = library.XGBClassifier(n_jobs=THREADS, random_state=SEED, enable_categorical=True)
    model.fit(levels.categories(fields), outcome)
    size = len(model.get_booster().save_raw("json"))
    return lambda x: model.predict_proba(levels.categories(x))[:, 1], size


def catboost(iterations: int) -> Callable[[pd.DataFrame, np.ndarray, np.ndarray], Fitted]:
    """CatBoost as it comes, with its own handling of categories."""

    def fit(fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> Fitted:
        import catboost as library

        levels = Levels.of(fields)
        model = library.CatBoostClassifier(
            iterations=iterations,
            thread_count=THREADS,
            random_seed=SEED,
            verbose=False,
            allow_writing_files=False,
            cat_features=list(levels.known),
        ).fit(levels.text(fields), outcome)
        size = len(model._serialize_model())
        return lambda x: model.predict_proba(levels.text(x))[:, 1], size

    return fit


def one_hot_logistic(fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> Fitted:
    """scikit-learn's logistic regression on one-hot categories and standardised numbers."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    levels = Levels.of(fields)
    numbers = [name for name in fields if name not in levels.known]
    # Amounts span powers of ten: no modeller would enter them as they are.
    scaled = make_pipeline(
        FunctionTransformer(_signed_log),
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    columns = ColumnTransformer(
        [
            ("numbers", scaled, numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore"), list(levels.known)),
        ]
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=2000))
    model.fit(levels.text(fields), outcome)
    return lambda x: model.predict_proba(levels.text(x))[:, 1], len(pickle.dumps(model))


def _signed_log(x: pd.DataFrame) -> np.ndarray:
    values = np.asarray(x, dtype=np.float64)
    return np.sign(values) * np.log1p(np.abs(values))


def optbinning(fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> Fitted:
    """A scorecard: optimal binning, weights of evidence, logistic regression."""
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    levels = Levels.of(fields)
    text = levels.text(fields)
    process = BinningProcess(list(text), categorical_variables=list(levels.known))
    card = Scorecard(process, LogisticRegression(max_iter=2000))
    card.fit(text, outcome.astype(int))
    return lambda x: card.predict_proba(levels.text(x))[:, 1], len(pickle.dumps(card))


def toad(fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> Fitted:
    """A scorecard: chi-merge bins, weights of evidence, logistic regression."""
    import toad as library
    from sklearn.linear_model import LogisticRegression

    levels = Levels.of(fields)
    text = levels.text(fields)
    combiner = library.transform.Combiner()
    combiner.fit(text, outcome, method="chi", min_samples=0.05, empty_separate=True)
    weights = library.transform.WOETransformer()
    design = weights.fit_transform(combiner.transform(text), outcome)
    model = LogisticRegression(max_iter=2000).fit(design, outcome)

    def predict(x: pd.DataFrame) -> np.ndarray:
        found = weights.transform(combiner.transform(levels.text(x)), default="max")
        return np.asarray(model.predict_proba(found.fillna(0.0))[:, 1])

    return predict, len(pickle.dumps((combiner, weights, model)))


def peers(trials: int, iterations: int) -> list[Peer]:
    """All of them; `trials` of optuna, `iterations` of CatBoost."""
    return [
        Peer("lightgbm", ("lightgbm",), lightgbm_defaults),
        Peer("lightgbm-optuna", ("lightgbm", "optuna"), lightgbm_tuned(trials)),
        Peer("catboost", ("catboost",), catboost(iterations)),
        Peer("xgboost", ("xgboost",), xgboost),
        Peer("one-hot-logistic", ("sklearn",), one_hot_logistic),
        Peer("optbinning", ("optbinning",), optbinning),
        Peer("toad", ("toad",), toad),
    ]


warnings.filterwarnings("ignore", module="(optbinning|toad|sklearn|lightgbm|xgboost).*")
