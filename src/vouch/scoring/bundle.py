"""A model bundle: everything one version needs, as text, checked by hash and by its own proof.

Layout of a bundle folder::

    bundle.json       encoder, linear base, calibration, scale, usual values, training, self-test
    trees.txt         the LightGBM model as text
    spec.toml         the specification it was made from
    history.parquet   the portfolio's history as of training, for use where there is no book
    card.md           the model card
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vouch.domain.scale import ScoreScale
from vouch.domain.stage import Stage
from vouch.errors import ModelError
from vouch.features.asof import Feature, Floats
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import named
from vouch.policy.snapshot import pack, unpack
from vouch.scoring.causes import Form, form_of
from vouch.scoring.encode import Encoder, Matrix
from vouch.scoring.forest import Forest
from vouch.scoring.points import whole_points
from vouch.scoring.spec import Spec

if TYPE_CHECKING:
    import lightgbm

FORMAT = 1
_SAME_SUM = 1e-9
_HASHED = ("bundle.json", "trees.txt", "spec.toml")


@dataclass(frozen=True)
class Training:
    """Where a model comes from."""

    known_until: date
    first_case: date
    last_case: date
    rows: int
    compensated: int
    data_hash: str
    seed: int


class Trees(Protocol):
    """Trees that can be written down: a LightGBM booster just trained, or the text of one."""

    def model_to_string(self) -> str:
        """The model as LightGBM writes it."""
        ...


@dataclass(frozen=True)
class TreeText:
    """Trees as LightGBM wrote them; to score with them takes no LightGBM."""

    text: str

    def model_to_string(self) -> str:
        """The text itself."""
        return self.text


@dataclass(frozen=True)
class Bundle:
    """One version of a model, ready to score.

    The margin is the log-odds of compensation:
    slope · (linear base + trees) + intercept.
    """

    spec: Spec
    encoder: Encoder
    trees: Trees
    linear: Form | None
    slope: float
    intercept: float
    scale: ScoreScale
    usual: Mapping[str, float | str | None]
    training: Training
    self_test: list[dict[str, Any]]
    history: PortfolioIndex | None = None
    version: str = "unregistered"
    hash: str = ""
    folder: Path | None = None

    @property
    def stage(self) -> Stage:
        """The stage it scores."""
        return self.spec.stage

    @cached_property
    def features(self) -> list[Feature]:
        """The features it reads, in order."""
        return named(list(self.encoder.names))

    @cached_property
    def booster(self) -> lightgbm.Booster:
        """The trees in LightGBM's own hands, for those who compare."""
        # it takes scikit-learn along, which a service neither needs nor waits for
        import lightgbm

        return lightgbm.Booster(model_str=self.trees.model_to_string())

    @cached_property
    def forest(self) -> Forest:
        """The trees as arrays: what scores and explains."""
        return Forest.parse(self.trees.model_to_string())

    @cached_property
    def raw_base(self) -> float:
        """The uncalibrated margin before any feature speaks."""
        return self.forest.base + (self.linear.base if self.linear else 0.0)

    @cached_property
    def base_points(self) -> int:
        """The points every case starts from."""
        return round(self.scale.exact_score(self.slope * self.raw_base + self.intercept))

    def raw_margins(self, matrix: Matrix) -> Floats:
        """Uncalibrated margins, one per row; the same alone as in a batch."""
        trees = self.forest.margins(matrix)
        return trees + self.linear.margins(matrix) if self.linear else trees

    def probabilities(self, matrix: Matrix) -> Floats:
        """Calibrated default probabilities."""
        margins = self.slope * self.raw_margins(matrix) + self.intercept
        return 1.0 / (1.0 + np.exp(-margins))

    def contributions(self, matrix: Matrix) -> Matrix:
        """SHAP values of the uncalibrated margin, rows × features; with `raw_base` they sum to it.

        For the trees these are the path-dependent Shapley values (Lundberg et al. 2020); a linear
        term explains itself, measured from its average over the training rows; of two causes the
        terms share what they make together (`Causes.contributions`).
        """
        values = self.forest.contributions(matrix)
        return values + self.linear.contributions(matrix) if self.linear else values

    def points(self, contributions: Floats, scores: NDArray[np.int64]) -> NDArray[np.int64]:
        """Contributions to the margin as whole points that, with the base, sum to each score."""
        worth = -self.scale.points_per_log_odds * self.slope
        return whole_points(contributions * worth, scores - self.base_points)

    def save(self, folder: Path, card: str = "") -> str:
        """Write the bundle and return its hash."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self._body(), ensure_ascii=False, indent=1, sort_keys=True)
        (folder / "bundle.json").write_text(text, encoding="utf-8")
        (folder / "trees.txt").write_text(self.trees.model_to_string(), encoding="utf-8")
        (folder / "spec.toml").write_text(self.spec.text, encoding="utf-8")
        if self.history is not None:
            pq.write_table(self.history.table, folder / "history.parquet", compression="zstd")
        if card:
            (folder / "card.md").write_text(card, encoding="utf-8")
        return content_hash(folder)

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "stage": self.stage.value,
            "names": list(self.encoder.names),
            "levels": {name: list(levels) for name, levels in self.encoder.levels.items()},
            "linear": self.linear.body() if self.linear else None,
            "slope": self.slope,
            "intercept": self.intercept,
            "scale": vars(self.scale),
            "usual": dict(self.usual),
            "training": {
                k: str(v) if isinstance(v, date) else v for k, v in vars(self.training).items()
            },
            "self_test": self.self_test,
        }

    @classmethod
    def load(cls, folder: Path, version: str, expected_hash: str | None = None) -> Bundle:
        """Read a bundle and let it prove itself.

        Raises:
            ModelError: files are missing, altered, or no longer give the scores noted in training.
        """
        try:
            bundle = cls._read(folder)
            _ = bundle.forest  # read now, while a fault still has its place
        except (OSError, LookupError, ValueError, TypeError) as error:
            raise ModelError(f"the model bundle in {folder} cannot be read: {error}") from error
        found = content_hash(folder)
        if expected_hash is not None and found != expected_hash:
            raise ModelError(
                f"the model bundle in {folder} has hash {found[:12]}, registered was "
                f"{expected_hash[:12]}: it was altered; restore it or train again"
            )
        bundle = replace(bundle, version=version, hash=found, folder=folder)
        bundle.prove()
        return bundle

    @classmethod
    def _read(cls, folder: Path) -> Bundle:
        body = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        if body["format"] != FORMAT:
            raise ValueError(f"format {body['format']}, this version reads {FORMAT}")
        training = body["training"]
        days = ("known_until", "first_case", "last_case")
        training |= {key: date.fromisoformat(training[key]) for key in days}
        history = folder / "history.parquet"
        return cls(
            spec=Spec.parse((folder / "spec.toml").read_text(encoding="utf-8")),
            encoder=Encoder(tuple(body["names"]), {k: tuple(v) for k, v in body["levels"].items()}),
            trees=TreeText((folder / "trees.txt").read_text(encoding="utf-8")),
            linear=form_of(body["linear"]) if body["linear"] else None,
            slope=float(body["slope"]),
            intercept=float(body["intercept"]),
            scale=ScoreScale(**body["scale"]),
            usual=body["usual"],
            training=Training(**training),
            self_test=body["self_test"],
            history=PortfolioIndex(pq.read_table(history)) if history.exists() else None,
        )

    def prove(self) -> None:
        """Score and explain the rows noted in training and compare; later calls find all compiled.

        Raises:
            ModelError: a probability differs.
        """
        for row in self.self_test:
            columns = {name: [row["features"][name]] for name in self.encoder.names}
            matrix = self.encoder.matrix(columns)
            found = float(self.probabilities(matrix)[0])
            contributions = self.contributions(matrix)
            told = float(contributions.sum()) + self.raw_base
            if abs(told - float(self.raw_margins(matrix)[0])) > _SAME_SUM:
                raise ModelError(f"version {self.version} fails its self-test: reasons do not sum")
            if abs(found - row["default_probability"]) > 1e-12:
                raise ModelError(
                    f"version {self.version} fails its self-test: {found!r} where training noted "
                    f"{row['default_probability']!r}"
                )
            score = self.scale.score(found)
            points = self.points(contributions, np.array([score], dtype=np.int64))
            if self.base_points + int(points.sum()) != score:
                raise ModelError(f"version {self.version} fails its self-test: points ≠ score")


def packed(bundle: Bundle) -> bytes:
    """The files that decide a score, for an archive.

    Raises:
        ModelError: the bundle was not read from a folder, or its files changed since.
    """
    if bundle.folder is None or content_hash(bundle.folder) != bundle.hash:
        raise ModelError(
            f"version {bundle.version} of {bundle.stage.model_name} cannot be archived: its files "
            "are not those it was read from; fetch it again"
        )
    return pack({name: (bundle.folder / name).read_bytes() for name in _HASHED})


def unpacked(content: bytes, version: str, expected_hash: str) -> Bundle:
    """A bundle from an archive.

    Raises:
        ModelError: it was altered.
    """
    with TemporaryDirectory() as folder:
        unpack(content, Path(folder))
        return Bundle.load(Path(folder), version, expected_hash)


def content_hash(folder: Path) -> str:
    """SHA-256 over the files that decide a score."""
    digest = hashlib.sha256()
    for name in _HASHED:
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes() + b"\0")
    return digest.hexdigest()
