"""The comparison of models: the same rows for all, split in time, nothing known too early."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.models import __main__ as command
from benchmarks.models import kept, panel, report, sba
from benchmarks.models.comparison import FEATURES, Result, compare, with_features
from benchmarks.models.peers import Peer
from benchmarks.models.rows import Fold, Protocol, between, cases
from training.frame import Frame
from training.guard import hindsight
from vouch.book.book import Book
from vouch.domain.stage import Stage
from vouch.features.facts import EPOCH
from vouch.scoring.spec import Spec

KEYS = [
    *("protocol", "model", "auc", "ks", "brier", "log_loss", "mean_predicted", "observed"),
    "fit_seconds",
]
UNTIL = date(2025, 6, 30)
FIELDS = ["amount", "interest_rate", "industry", "region", "headcount", "lender_kind"]


@pytest.fixture(scope="module")
def protocol(small_book: Book) -> Protocol:
    """Applications of a small province to 2019, judged on those of 2020 to 2022."""
    spec = Spec.read(Path(__file__).parents[2] / "models" / "pre_loan" / "spec.toml")
    known = small_book.known(UNTIL)
    part = cases(known, spec, FIELDS, date(2016, 1, 1), date(2022, 6, 30))
    learn = part.take(between(part, date(2016, 1, 1), date(2019, 6, 30)))
    judge = part.take(between(part, date(2019, 7, 1), date(2022, 6, 30)))
    return Protocol("small", "a small province", spec, [Fold(learn, judge, UNTIL)])


class Seen:
    """A peer that remembers what it was given and predicts the rate it learnt from."""

    def __init__(self) -> None:
        self.learnt: list[tuple[pd.DataFrame, np.ndarray]] = []
        self.judged: list[pd.DataFrame] = []

    def fit(
        self, fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray
    ) -> tuple[Callable[[pd.DataFrame], np.ndarray], int]:
        self.learnt.append((fields, outcome))

        def predict(rows: pd.DataFrame) -> np.ndarray:
            self.judged.append(rows)
            return np.full(len(rows), outcome.mean())

        return predict, 1


@pytest.mark.slow
def test_every_model_gets_the_same_rows_in_the_same_order(protocol: Protocol) -> None:
    seen, lines = Seen(), []
    results = compare(protocol, [Peer("lightgbm", (), seen.fit)], lines.append)

    (fold,) = protocol.folds
    plain, featured = seen.learnt
    for fields, outcome in (plain, featured):
        np.testing.assert_array_equal(outcome, fold.learn.frame.outcome)
        np.testing.assert_array_equal(fields["amount"], fold.learn.frame.columns["amount"])
    for fields in seen.judged:
        np.testing.assert_array_equal(fields["amount"], fold.judge.frame.columns["amount"])
    assert set(plain[0]) <= set(FIELDS)
    assert set(featured[0]) - set(FIELDS) <= set(protocol.spec.feature_names)
    assert "industry_relative_rate_5y" in featured[0]

    assert [result.model for result in results] == ["vouch", "lightgbm", "lightgbm" + FEATURES]
    assert {result.figures["observed"] for result in results} == {fold.judge.outcome.mean()}
    assert results[1].figures["auc"] == 0.5  # a constant ranks nothing
    assert results[1].difference is not None
    assert results[1].difference[0] == pytest.approx(results[0].figures["auc"] - 0.5)
    assert len(lines) == 3


@pytest.mark.slow
def test_a_model_that_breaks_is_named_and_left_out(protocol: Protocol) -> None:
    def broken(fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray) -> None:
        raise ValueError("no convergence")

    lines: list[str] = []
    results = compare(protocol, [Peer("toad", (), broken)], lines.append)  # type: ignore[arg-type]
    assert [result.model for result in results] == ["vouch"]
    assert "toad failed: ValueError: no convergence" in lines[1]


def test_features_do_not_stand_twice(protocol: Protocol) -> None:
    learn = protocol.folds[0].learn
    table = with_features(learn)
    assert len(set(table)) == len(list(table))
    assert set(table) == {*FIELDS, *protocol.spec.feature_names}
    assert len(table) == len(learn.outcome)


def result(model: str, auc: float, predicted: float) -> Result:
    figures = {
        "auc": auc,
        "ks": 0.3,
        "brier": 0.1,
        "log_loss": 0.2,
        "mean_predicted": predicted,
        "observed": 0.1,
    }
    gap = None if model == "vouch" else (0.7 - auc, 0.6 - auc, 0.8 - auc)
    return Result("small", model, figures, 1.234, 1000, gap)


def test_a_row_of_json_has_the_keys_agreed() -> None:
    row = result("vouch", 0.7, 0.09).row()
    assert list(row) == KEYS
    assert json.loads(json.dumps(row))["fit_seconds"] == 1.23


def measured(commit: str = "abc", code: str = "1") -> kept.Measured:
    results = [
        result("vouch", 0.7, 0.2),
        result("toad", 0.65, 0.05),
        result("xgboost", 0.6, 0.1),
        result("lightgbm" + FEATURES, 0.69, 0.1),
    ]
    stamp = kept.Stamp(code, commit, {"trials": 6})
    return kept.Measured("small", "a question", 10, 20, 0.1, stamp, results)


def test_the_report_sets_vouch_beside_the_best_peer_on_the_same_fields() -> None:
    lines = report.markdown("a command", [measured()], ["a note"]).splitlines()
    assert "| `small` | 10 | 20 | 10.00% | a question | abc, code 1 |" in lines
    # |log(0.2 / 0.1)| = 0.69; the best level of a peer is that of xgboost, log 1 = 0.
    assert (
        "| `small` | 0.7000 | 0.6500 (toad) | +0.0500 [-0.0500, +0.1500] | 0.6900 "
        "(lightgbm+features) | +0.0100 [-0.0900, +0.1100] | 0.69 | 0.00 (xgboost) |" in lines
    )


def test_what_stands_around_the_section_stays(tmp_path: Path) -> None:
    target = tmp_path / "benchmarks.md"
    target.write_text("# Benchmarks\n\nabove\n", encoding="utf-8")
    for _ in range(2):
        report.write(report.markdown("a command", [measured()], []), target)
    text = target.read_text(encoding="utf-8")
    assert text.startswith("# Benchmarks\n\nabove\n")
    assert text.count(report.START) == text.count(report.END) == 1


def test_only_the_very_same_code_and_options_are_taken_from_what_was_kept(tmp_path: Path) -> None:
    before = measured()
    kept.keep(before, tmp_path)
    assert kept.kept("small", before.stamp, tmp_path) == before
    later = kept.Stamp("1", "another commit", {"trials": 6})
    assert kept.kept("small", later, tmp_path) == before
    assert kept.kept("small", kept.Stamp("2", "abc", {"trials": 6}), tmp_path) is None
    assert kept.kept("small", kept.Stamp("1", "abc", {"trials": 7}), tmp_path) is None
    assert kept.kept("small", kept.Stamp("2", "abc", {}), tmp_path, of_any_code=True) == before
    assert kept.kept("other", before.stamp, tmp_path) is None
    assert kept.kept("small", before.stamp, None) is None


def test_the_stamp_follows_what_can_move_a_figure_and_nothing_else(tmp_path: Path) -> None:
    for name in ("training/fit.py", "models/pre_loan/spec.toml", "models/pre_loan/card.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one", encoding="utf-8")

    def codes() -> list[str]:
        return [kept.stamp(name, {}, tmp_path).code for name in ("province", "card6")]

    first = codes()
    assert kept.stamp("card6", {}, tmp_path).commit == "unknown"
    (tmp_path / "models/pre_loan/card.md").write_text("two", encoding="utf-8")
    assert codes() == first
    # the shipped specifications are the province's alone
    (tmp_path / "models/pre_loan/spec.toml").write_text("two", encoding="utf-8")
    second = codes()
    assert second[0] != first[0]
    assert second[1] == first[1]
    (tmp_path / "training/fit.py").write_text("two", encoding="utf-8")
    assert all(now != before for now, before in zip(codes(), second, strict=True))


def test_the_province_is_its_three_stages() -> None:
    assert command._named(["province"]) == [
        "province",
        "province-in-loan",
        "province-post-loan",
    ]
    assert command._named(None) == list(command.PROTOCOLS)


def days(fold: Fold) -> tuple[date, date]:
    """The last day learnt from and the first day judged."""
    return tuple(  # type: ignore[return-value]
        EPOCH + timedelta(days=int(day))
        for day in (fold.learn.frame.as_of.max(), fold.judge.frame.as_of.min())
    )


REAL = {
    "sba36-crisis": (sba.crisis, "sba-foia"),
    "sba36-recovery": (sba.recovery, "sba-foia"),
    "sba60-national": (sba.national, "sba-national"),
    "card6": (panel.card6, "monthly-status"),
}

# The literature's split by years: loans of FY2000 are settled a year after FY2005 has begun.
OVERLAP = {"sba60-national": timedelta(days=365)}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("books")


@pytest.fixture(scope="module", params=REAL)
def real(request: pytest.FixtureRequest, shared_data: Path, scratch: Path) -> tuple[Protocol, Book]:
    make, folder = REAL[request.param]
    return make(shared_data, scratch), Book(scratch / folder)


@pytest.mark.slow
def test_split_in_time(real: tuple[Protocol, Book]) -> None:
    found, _ = real
    for fold in found.folds:
        learnt, judged = days(fold)
        assert found.spec.horizon.end(learnt) <= fold.until
        assert fold.until < judged + OVERLAP.get(found.name, timedelta())
        assert 0 < fold.learn.outcome.mean() < 1


@pytest.mark.slow
def test_nothing_is_known_too_early(real: tuple[Protocol, Book]) -> None:
    found, book = real
    part = found.folds[0].judge
    fields = {n: part.fields[n].to_numpy() for n in part.fields if n != "lender"}
    # a term that is rewritten after the outcome reaches nobody, and so no day of maturity
    assert not {"tenor_months", "days_to_maturity"} & _told(fields)
    assert list(hindsight.unknown_then(book, part.frame)) == []
    assert list(hindsight.unknown_then(book, _as_features(part.frame, fields))) == []


def _told(fields: dict[str, np.ndarray]) -> set[str]:
    return {n for n, values in fields.items() if not pd.isna(values).all()}


def _as_features(frame: Frame, fields: dict[str, np.ndarray]) -> Frame:
    """The plain fields in the frame's place; texts as features give them, the state left out."""
    columns = {
        name: values.astype(float)
        if pd.api.types.is_numeric_dtype(values)
        else np.array([None if pd.isna(v) else v for v in values], dtype=object)
        for name, values in fields.items()
        if name != "region"
    }
    return Frame(frame.spine, columns, frame.outcome, frame.history)


@pytest.mark.slow
@pytest.mark.parametrize("real", ["card6"], indirect=True)
def test_no_applicant_stands_on_both_sides_of_the_card_panel(
    real: tuple[Protocol, Book], shared_data: Path
) -> None:
    found, _ = real
    fold = found.folds[0]
    sides = [
        set(panel._applicants(shared_data, part.frame.spine.table["borrower_id"].to_pylist()))
        for part in (fold.learn, fold.judge)
    ]
    assert all(sides)
    assert not sides[0] & sides[1]
    for part in (fold.learn, fold.judge):
        assert part.frame.columns["months_seen"].min() >= 6
        assert part.frame.columns["days_past_due_now"].max() < 60


@pytest.mark.slow
def test_the_command_writes_rows_and_report_and_goes_on_from_what_it_kept(
    shared_data: Path,
    scratch: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "peers", lambda trials, iterations: [Peer("lightgbm", (), _rate)])
    words = ["--protocol", "sba36-recovery", "--data", str(shared_data), "--scratch", str(scratch)]
    words += ["--json", str(tmp_path / "rows.json"), "--kept", str(tmp_path / "kept")]
    words += ["--report", str(tmp_path / "report.md")]
    monkeypatch.setattr(sys, "argv", ["benchmarks.models", *words])

    assert command.main() == 0
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    models = ["vouch", "vouch+running", "lightgbm", "lightgbm+features"]
    assert [row["model"] for row in rows] == models
    assert all(list(row) == KEYS for row in rows)
    assert (tmp_path / report.PICTURE).stat().st_size > 0
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "kept from" not in capsys.readouterr().out

    assert command.main() == 0
    assert "sba36-recovery: kept from a run of the same code" in capsys.readouterr().out
    assert json.loads((tmp_path / "rows.json").read_text(encoding="utf-8")) == rows
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == text


def _rate(
    fields: pd.DataFrame, outcome: np.ndarray, groups: np.ndarray
) -> tuple[Callable[[pd.DataFrame], np.ndarray], int]:
    return lambda rows: np.full(len(rows), outcome.mean()), 1


def test_the_stages_of_the_province_are_those_shipped() -> None:
    models = Path(__file__).parents[2] / "models"
    assert {stage.value for stage in Stage} == {p.parent.name for p in models.glob("*/spec.toml")}
