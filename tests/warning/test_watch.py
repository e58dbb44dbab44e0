"""The watch, from the book to alerts, their history and their expected cost."""

import shutil
from datetime import date, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vouch.domain.alert import Alert, AlertState, Change, Severity, Signal
from vouch.errors import StoreError
from vouch.features.facts import Cases, Facts, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.policy.reading import SHIPPED, Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.score import score_cases
from vouch.store.store import Store
from vouch.warning.rule import Snapshot, signals

from .conftest import AS_OF, NEXT_MONTH, NOW, BookWriter, Watch

pytestmark = pytest.mark.slow
DAY = timedelta(hours=24)


def by_key(store: Store) -> dict[tuple[str, str], Alert]:
    return {(alert.guarantee_id, alert.cause): alert for alert in store.alerts()}


def changes(store: Store, alert: Alert) -> list[Change]:
    """What happened, without the mails that told of it."""
    events = store.alert_events(alert.alert_id)
    return [event.change for event in events if event.change is not Change.TOLD]


def test_one_alert_per_guarantee_and_cause(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    report = watch(small_book)
    found = by_key(store)
    # G1 is 45 days late: RP01 and RP02 fire and make one alert, of the worse rule.
    assert {key: alert.rule for key, alert in found.items()} == {
        ("G1", "arrears"): "RP02",
        ("G1", "default_probability"): "MD02",
        ("G1", "score_fall"): "MD01",
        ("G2", "arrears"): "RP01",
        ("G2", "score_fall"): "MD01",
    }
    assert found["G1", "arrears"].severity is Severity.RED
    assert found["G1", "arrears"].respond_by == NOW + DAY
    assert (report.guarantees, report.raised, report.mails_sent) == (4, 5, 2)


def test_scores_are_those_of_bulk_scoring(
    small_book: BookWriter, watch: Watch, store: Store, champion: Bundle
) -> None:
    watch(small_book)
    known = small_book.book.known(AS_OF)
    facts, history = Facts.of(known, ["G1"]), PortfolioIndex.of(known)
    for day, name in ((AS_OF, "score"), (AS_OF - timedelta(days=90), "score_before")):
        cases = Cases(["G1"], np.array([to_days(day)]))
        expected = score_cases(champion, cases, facts, history)
        assert by_key(store)["G1", "arrears"].detail[name] == expected.scores[0]


def test_a_second_run_finds_and_mails_nothing_new(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    watch(small_book)
    before = store.alerts()
    again = watch(small_book)
    assert (again.raised, again.worsened, again.updated, again.closed) == (0, 0, 0, 0)
    assert (again.mails_queued, again.mails_sent, again.alerts) == (0, 0, 5)
    assert store.alerts() == before
    assert len(store.mails()) == 2


def test_worsening_is_mailed_once(small_book: BookWriter, watch: Watch, store: Store) -> None:
    watch(small_book)
    small_book.month(NEXT_MONTH, {"G1": 45, "G2": 35, "G3": 0, "G4": 0})
    report = watch(small_book, NEXT_MONTH)
    alert = by_key(store)["G2", "arrears"]
    assert (alert.rule, alert.severity) == ("RP02", Severity.RED)
    assert alert.respond_by == NOW + timedelta(hours=1) + DAY
    assert changes(store, alert) == [Change.RAISED, Change.WORSENED]
    assert report.worsened == 1
    assert [mail.recipient for mail in store.mails()][2:] == ["li@guarantor.cn"]
    assert watch(small_book, NEXT_MONTH).mails_queued == 0


def test_of_one_colour_less_time_left_is_worse(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    watch(small_book)
    small_book.month(NEXT_MONTH, {"G1": 75, "G2": 5})
    watch(small_book, NEXT_MONTH)
    alert = by_key(store)["G1", "arrears"]
    assert (alert.rule, changes(store, alert)[-1]) == ("RP03", Change.WORSENED)


def test_easing_and_growing_figures_are_kept_and_not_mailed(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    watch(small_book)
    small_book.month(NEXT_MONTH, {"G1": 10, "G2": 8, "G3": 0, "G4": 0})
    report = watch(small_book, NEXT_MONTH)
    found = by_key(store)
    assert changes(store, found["G1", "arrears"]) == [Change.RAISED, Change.EASED]
    assert changes(store, found["G2", "arrears"]) == [Change.RAISED, Change.UPDATED]
    assert found["G2", "arrears"].detail["days_past_due"] == 8
    assert (report.eased, report.mails_queued) == (1, 0)


def test_healing_closes_and_a_relapse_raises_anew(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    watch(small_book)
    first = by_key(store)["G2", "arrears"]
    small_book.month(NEXT_MONTH, {"G1": 45, "G2": 0})
    report = watch(small_book, NEXT_MONTH)
    assert report.closed >= 1
    assert ("G2", "arrears") not in by_key(store)
    (closed,) = [a for a in store.alerts("G2", live_only=False) if a.cause == "arrears"]
    assert closed.state is AlertState.CLOSED
    assert store.alert_events(first.alert_id)[-1].note == "healed"
    small_book.month(date(2024, 8, 31), {"G1": 45, "G2": 5})
    watch(small_book, date(2024, 8, 31), now=NOW + timedelta(days=62))
    assert by_key(store)["G2", "arrears"].alert_id != first.alert_id


def test_a_relapse_within_the_quiet_days_opens_what_nobody_had_answered(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    watch(small_book)
    small_book.month(NEXT_MONTH, {"G1": 45, "G2": 0})
    watch(small_book, NEXT_MONTH)
    small_book.month(date(2024, 8, 31), {"G1": 45, "G2": 5})
    assert watch(small_book, date(2024, 8, 31)).reopened >= 1
    alert = by_key(store)["G2", "arrears"]
    assert changes(store, alert) == [Change.RAISED, Change.CLOSED, Change.REOPENED]


def test_an_ended_guarantee_closes_its_alerts(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    watch(small_book)
    alert = by_key(store)["G1", "arrears"]
    small_book.release("G1", date(2024, 7, 15))
    report = watch(small_book, NEXT_MONTH)
    assert report.guarantees == 3
    assert store.alert_events(alert.alert_id)[-1].note == "no longer in force"
    assert store.alerts("G1") == []


def test_the_clock_does_not_run_backwards(small_book: BookWriter, watch: Watch) -> None:
    watch(small_book)
    with pytest.raises(StoreError, match="already watched as of 2024-06-30"):
        watch(small_book, date(2024, 5, 31))


def test_expected_compensation_follows_the_guarantees_own_scheme(
    small_book: BookWriter, watch: Watch, store: Store
) -> None:
    watch(small_book)
    detail = by_key(store)["G1", "arrears"].detail
    # probability x balance x loss given default, then 20/40/20/20
    total = Decimal(repr(detail["default_probability"])) * 800_000 * Policy().loss_given_default
    assert Decimal(detail["expected_total"]) == round(total, 2)
    assert sum(map(Decimal, detail["expected"].values())) == Decimal(detail["expected_total"])
    assert Decimal(detail["expected"]["bank"]) == pytest.approx(total / 5, abs=Decimal("0.01"))


@pytest.mark.parametrize(("scheme", "counted"), [("9:9", "9:9"), (None, "-")])
def test_an_unknown_scheme_becomes_the_default_one_and_says_so(
    writer: BookWriter, watch: Watch, store: Store, scheme: str | None, counted: str
) -> None:
    writer.manager("M1", "王芳", "wang@guarantor.cn")
    writer.guarantee("G1", scheme=scheme)
    writer.month(AS_OF, {"G1": 5})
    report = watch(writer)
    detail = by_key(store)["G1", "arrears"].detail
    assert (detail["scheme"], detail["scheme_is_assumed"]) == ("8:2", True)
    assert set(report.default_scheme_used) == {counted}


def test_a_guarantee_older_than_the_default_scheme_is_no_obstacle(
    writer: BookWriter, watch: Watch, store: Store
) -> None:
    writer.guarantee("G1", start_on=date(1985, 5, 1))
    writer.month(AS_OF, {"G1": 5})
    watch(writer)
    assert by_key(store)["G1", "arrears"].detail["scheme_is_assumed"]


def test_without_a_month_end_the_loan_amount_stands_for_the_balance(
    writer: BookWriter, watch: Watch, store: Store, tmp_path: Path
) -> None:
    writer.guarantee("G1")
    folder = shutil.copytree(SHIPPED, tmp_path / "policy")
    numbers = (folder / "warning.toml").read_text(encoding="utf-8")
    wary = numbers.replace("default_probability = 0.10", "default_probability = 0.0001")
    (folder / "warning.toml").write_text(wary, encoding="utf-8")
    watch(writer, policy=Policy(folder))
    detail = by_key(store)["G1", "default_probability"].detail
    assert (detail["balance"], detail["days_past_due"]) == ("1000000.00", None)


@pytest.mark.parametrize("email", [None, "", "no address", "x@y.cn\nBcc: spy@z.cn", "李@y.cn"])
def test_without_a_usable_address_the_alert_is_raised_and_reported(
    writer: BookWriter, watch: Watch, store: Store, email: str | None, tmp_path: Path
) -> None:
    writer.manager("M1", "王芳", email)
    writer.guarantee("G1")
    writer.guarantee("G2", manager_id=None)
    writer.guarantee("G3", manager_id="nobody")
    writer.month(AS_OF, {"G1": 5, "G2": 5, "G3": 5})
    report = watch(writer, administrator="admin@guarantor.cn")
    assert len({alert.guarantee_id for alert in store.alerts()}) == 3
    assert (report.without_email, report.without_manager) == (["G1"], ["G2", "G3"])
    (mail,) = (tmp_path / "outbox").glob("*.eml")
    found = message_from_bytes(mail.read_bytes(), policy=policy.default)
    assert found["To"] == "admin@guarantor.cn"
    assert "请指派专人处理" in found.get_body(("plain",)).get_content()


def test_without_an_administrator_nothing_is_mailed(
    writer: BookWriter, watch: Watch, store: Store
) -> None:
    writer.guarantee("G1", manager_id=None)
    writer.month(AS_OF, {"G1": 5})
    report = watch(writer)
    assert (report.without_manager, report.mails_queued) == (["G1"], 0)


def test_an_empty_book_is_watched(writer: BookWriter, watch: Watch) -> None:
    report = watch(writer)
    assert (report.guarantees, report.alerts, report.mails_queued) == (0, 0, 0)


def test_partitions_do_not_change_what_is_seen(
    small_book: BookWriter, watch: Watch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vouch.warning.observe.PARTITION", 1)
    assert watch(small_book).raised == 5
    assert by_key(store)["G2", "arrears"].detail["days_past_due"] == 5


def test_what_cannot_be_looked_at_is_named_and_the_rest_goes_on(
    small_book: BookWriter, watch: Watch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(small_book)
    small_book.month(NEXT_MONTH, {"G1": 75, "G2": 35, "G3": 40, "G4": 0})
    before = by_key(store)["G2", "arrears"]
    looks = 0

    def hostile(snapshot: Snapshot, *given: Any) -> list[Signal]:
        nonlocal looks
        looks += 1
        if "G2" in snapshot.cases.guarantee_ids:
            raise ZeroDivisionError("G2 is hostile")
        return signals(snapshot, *given)

    monkeypatch.setattr("vouch.warning.observe.signals", hostile)
    report = watch(small_book, NEXT_MONTH, administrator="admin@guarantor.cn")
    # all four; of the halves the first (G1, G2); then G1, G2, and the second (G3, G4)
    assert looks == 5
    assert (report.guarantees, report.unseen) == (4, 1)
    (problem,) = report.problems
    assert "G2: ZeroDivisionError('G2 is hostile')" in problem
    assert by_key(store)["G2", "arrears"] == before
    assert by_key(store)["G3", "arrears"].severity is Severity.RED
    (notice,) = (mail for mail in store.mails() if mail.recipient == "admin@guarantor.cn")
    text = message_from_bytes(notice.content.encode(), policy=policy.default).get_content()
    assert "1 guarantees could not be looked at" in text

    monkeypatch.undo()
    assert watch(small_book, NEXT_MONTH).unseen == 0
    assert by_key(store)["G2", "arrears"].severity is Severity.RED


def test_where_nothing_can_be_looked_at_the_run_still_ends_and_says_so(
    small_book: BookWriter, watch: Watch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(small_book)
    before = store.alerts()

    def broken(*_given: Any) -> list[Signal]:
        raise RuntimeError("broken")

    monkeypatch.setattr("vouch.warning.observe.signals", broken)
    report = watch(small_book, NEXT_MONTH)
    assert (report.guarantees, report.unseen, report.closed) == (4, 4, 0)
    assert report.problems == [
        "4 guarantees could not be looked at, their alerts stay as they were: "
        "G1, G2, G3, G4: RuntimeError('broken')"
    ]
    assert store.alerts() == before


def test_what_could_not_be_looked_at_is_reported_by_whoever_ends_the_run(
    small_book: BookWriter, watch: Watch, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: Any) -> list[Signal]:
        raise RuntimeError("broken")

    def killed(*_given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vouch.warning.observe.signals", broken)
    monkeypatch.setattr("vouch.warning.watch._close_ended", killed)
    with pytest.raises(KeyboardInterrupt):
        watch(small_book)
    monkeypatch.undo()
    report = watch(small_book)
    assert (report.unseen, len(report.problems)) == (4, 1)
