"""The invoice rules on the real invoices of hundreds of firms, against plain sums by pandas."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vouch.book.sources import SOURCES
from vouch.features.facts import Cases, Facts, Views, to_days
from vouch.policy.reading import Policy
from vouch.warning.rule import Snapshot, rules, signals

LEDGER = Path(__file__).parents[3] / "shared" / "data" / "cn_sme_invoices.parquet"
DATES = (date(2018, 12, 31), date(2019, 6, 30), date(2019, 12, 31))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LEDGER.exists(), reason="the real invoices are not here"),
]
KEY = ["firm", "side", "invoice_no", "date", "counterparty"]


@pytest.fixture(scope="module")
def ledger() -> pd.DataFrame:
    once = pd.read_parquet(LEDGER).drop_duplicates([*KEY, "amount", "void"])
    return once[~once.duplicated(KEY, keep=False)]  # rows that contradict each other are refused


@pytest.fixture(scope="module")
def views() -> tuple[list[str], Facts]:
    (draft,) = SOURCES["vat-invoices"].read([LEDGER]).drafts
    kept = draft.frame[["borrower_id", "kind", "event_at", "known_at", "value"]]
    for name in ("event_at", "known_at"):
        kept = kept.assign(**{name: pd.to_datetime(kept[name]).dt.date})
    firms = sorted(set(kept["borrower_id"]))
    guarantees = [
        {
            "guarantee_id": firm,
            "borrower_id": firm,
            "event_at": date(2016, 1, 1),
            "known_at": date(2016, 1, 1),
        }
        for firm in firms
    ]
    return firms, Facts.of_case({"guarantee": guarantees, "signal": kept.to_dict("records")})


def seen(views: tuple[list[str], Facts], on: date) -> Snapshot:
    firms, facts = views
    cases = Cases(firms, np.full(len(firms), to_days(on)))
    unknown = np.full(len(firms), np.nan)
    return Snapshot(cases, Views(facts, cases, None), unknown, unknown, unknown)


def sold(ledger: pd.DataFrame, last: date, months: int) -> pd.Series:
    """Net sales by firm, voided invoices left out, red-letter ones taken off."""
    end = pd.Timestamp(last)
    day = pd.to_datetime(ledger["date"])
    first = end - pd.offsets.MonthEnd(months)
    void = ledger["void"].astype(bool)
    mine = ledger[(ledger["side"] == "out") & ~void & (day > first) & (day <= end)]
    return mine.groupby("firm")["amount"].sum()


@pytest.mark.parametrize("on", DATES, ids=str)
def test_a_fall_of_invoiced_sales_is_what_plain_sums_say(
    ledger: pd.DataFrame, views: tuple[list[str], Facts], on: date
) -> None:
    snapshot = seen(views, on)
    finding = rules()["IV01"].finding(snapshot, Policy().rule("IV01", on).thresholds)
    got = pd.Series(finding.evidence["change"], index=views[0]).dropna()
    before = on.replace(year=on.year - 1)
    now = sold(ledger, on, 3).reindex(got.index).fillna(0.0) / 3
    then = sold(ledger, before, 3).reindex(got.index).fillna(0.0)
    first = pd.to_datetime(ledger["date"]).groupby(ledger["firm"]).min().reindex(got.index)
    # a firm whose invoices begin within those months is measured by the months it had
    had = (before.year - first.dt.year) * 12 + before.month - first.dt.month + 1
    wanted = (now / (then / had.clip(1, 3)) - 1)[then > 0]
    assert len(wanted) > 100
    np.testing.assert_allclose(got[wanted.index], wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("on", DATES, ids=str)
def test_every_invoice_rule_runs_and_fires_for_some_firms_and_not_for_all(
    views: tuple[list[str], Facts], on: date
) -> None:
    snapshot = seen(views, on)
    assert len(snapshot) > 400
    found = [s for s in signals(snapshot, Policy(), on) if s.rule.startswith("IV")]
    counts = pd.Series([s.rule for s in found]).value_counts()
    print(on, counts.sort_index().to_dict())
    assert set(counts.index) == {"IV01", "IV02", "IV03", "IV04", "IV05"}
    assert counts.max() < len(snapshot)
