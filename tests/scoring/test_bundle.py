"""A bundle is text, comes back the same, and refuses to serve when altered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.scoring.conftest import SPEC, columns
from vouch.errors import ModelError, SpecError
from vouch.scoring.bundle import Bundle
from vouch.scoring.champions import packed_champion
from vouch.scoring.mlflow_model import _load_pyfunc
from vouch.scoring.spec import Spec


@pytest.fixture
def saved(bundle: Bundle, tmp_path: Path) -> tuple[Path, str]:
    some = {name: values[:3] for name, values in columns(3, seed=2).items()}
    probabilities = bundle.probabilities(bundle.encoder.matrix(some))
    rows = [
        {
            "features": {
                name: None if v[i] is None or v[i] != v[i] else v[i] for name, v in some.items()
            },
            "default_probability": float(p),
        }
        for i, p in enumerate(probabilities)
    ]
    folder = tmp_path / "bundle"
    return folder, replace(bundle, self_test=rows).save(folder, "# card")


def test_what_is_stored_scores_the_same(bundle: Bundle, saved: tuple[Path, str]) -> None:
    folder, hash_ = saved
    loaded = Bundle.load(folder, "7", hash_)
    matrix = bundle.encoder.matrix(columns(400, seed=8))
    np.testing.assert_array_equal(loaded.probabilities(matrix), bundle.probabilities(matrix))
    np.testing.assert_array_equal(loaded.contributions(matrix), bundle.contributions(matrix))
    assert (loaded.version, loaded.hash, loaded.base_points) == ("7", hash_, bundle.base_points)
    assert loaded.training == bundle.training


def test_no_pickle_in_a_bundle(saved: tuple[Path, str]) -> None:
    for path in saved[0].iterdir():
        path.read_text(encoding="utf-8")  # everything but the history is text


@pytest.mark.parametrize("name", ["bundle.json", "trees.txt", "spec.toml"])
def test_an_altered_file_is_refused(saved: tuple[Path, str], name: str) -> None:
    folder, hash_ = saved
    with (folder / name).open("a") as stream:
        stream.write("\n")
    with pytest.raises(ModelError, match="altered"):
        Bundle.load(folder, "1", hash_)


def test_a_bundle_that_scores_otherwise_is_refused(saved: tuple[Path, str]) -> None:
    folder, _ = saved
    path = folder / "bundle.json"
    body = json.loads(path.read_text(encoding="utf-8"))
    body["intercept"] += 0.01
    path.write_text(json.dumps(body), encoding="utf-8")
    with pytest.raises(ModelError, match="self-test"):
        Bundle.load(folder, "1")


@pytest.mark.parametrize("damage", ["missing", "empty", "newer"])
def test_a_damaged_bundle_is_refused(saved: tuple[Path, str], damage: str) -> None:
    folder, _ = saved
    path = folder / "bundle.json"
    if damage == "missing":
        path.unlink()
    else:
        body = path.read_text(encoding="utf-8").replace('"format": 1', '"format": 2')
        path.write_text("" if damage == "empty" else body, encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        Bundle.load(folder, "1")


def test_mlflow_loads_it_without_pickle(bundle: Bundle, saved: tuple[Path, str]) -> None:
    import pandas as pd

    found = columns(20, seed=1)
    model = _load_pyfunc(str(saved[0]))
    expected = bundle.probabilities(bundle.encoder.matrix(found))
    np.testing.assert_array_equal(model.predict(pd.DataFrame(found)), expected)


def test_a_packed_champion_that_is_not_there(tmp_path: Path, bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="vouch pack"):
        packed_champion(tmp_path, bundle.stage)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('moment = "application"', 'moment = "sometimes"', "population.moment"),
        ("months = 36", "months = 36, days = 3", "either months or days"),
        ("sign = -1", "sign = 2", "signs -1, 0 or 1"),
        ('transform = "log1p"', 'transform = "sqrt"', "transform must be one of"),
        ("headcount", "wealth", "no feature is called wealth"),
        ("seed = 1", "", "seed"),
        ('stage = "pre_loan"', 'stage = "after_life"', "after_life"),
        ("[split]", "[split", "not TOML"),
    ],
)
def test_a_wrong_specification_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Spec.parse(SPEC.replace(old, new), "x/spec.toml")


def test_a_missing_specification_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="nowhere"):
        Spec.read(tmp_path / "nowhere.toml")
