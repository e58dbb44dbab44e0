"""The process on watch: arrivals, downtime, resumption, bad input, silence."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from vouch.book.book import Book
from vouch.domain.alert import AlertState
from vouch.errors import LeaseError, VouchError
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.store.lease import LEASE
from vouch.store.store import Store
from vouch.warning import letter
from vouch.warning.arrivals import take_in
from vouch.warning.circles import Circles
from vouch.warning.duty import Duty
from vouch.warning.notify import mailer
from vouch.warning.people import people
from vouch.warning.schedule import Watchman

from .conftest import AS_OF, BookWriter

pytestmark = pytest.mark.slow

# Nine in the morning of AS_OF, where people are.
MORNING = datetime.fromisoformat("2024-06-30T09:00:00+08:00")
DAY = timedelta(days=1)
HEADER = "guarantee_id,event_at,known_at,days_past_due,balance\n"


@dataclass
class Station:
    """A watchman over the small book with an inbox, on a clock moved by hand."""

    book: BookWriter
    champion: Bundle
    store: Store
    folder: Path
    now: datetime = MORNING
    holder: str = "watchman"
    state: dict[str, object] = field(default_factory=dict)

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def watchman(self) -> Watchman:
        duty = Duty(
            Policy(),
            self.store,
            mailer(None, "vouch@guarantor.cn", self.folder / "outbox"),
            Policy().calendar(),
            lambda: self.now,
            self.holder,
            administrator="admin@guarantor.cn",
            duty_list=self.folder / "duty.toml",
        )
        path = self.book.book.path
        return Watchman(duty, path, lambda: self.champion, self.inbox, seen=self.state)

    def bring(self, name: str, text: str) -> None:
        """A file that arrived a while ago."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_700_000_000, 1_700_000_000))

    def notices(self) -> list[str]:
        """What the administrator was told of runs."""
        found = []
        for mail in self.store.mails():
            read = message_from_bytes(mail.content.encode(), policy=policy.default)
            if "Vouch 运行" in str(read["Subject"]):
                found.append(str(read.get_body(("plain",)).get_content()))
        return found


@pytest.fixture
def station(
    small_book: BookWriter, champion: Bundle, store: Store, tmp_path: Path
) -> Iterator[Station]:
    return Station(small_book, champion, store, tmp_path)


def test_a_round_looks_once_a_day_and_again_when_something_arrived(station: Station) -> None:
    assert len(station.watchman.round()) == 1
    assert station.watchman.round() == []  # nothing new: only the clock is looked after
    station.bring("performance.csv", HEADER + "G3,2024-06-30,2024-06-30,40,800000\n")
    # a contradiction of what the book knows of that day is refused row by row
    (report,) = station.watchman.round()
    assert (report.raised, report.arrivals) == (0, {"performance.csv": 0})
    assert "performance.csv: 1 of 1 rows were put in quarantine" in report.problems
    station.now += DAY
    station.bring("performance.csv", HEADER + "G3,2024-07-01,2024-07-01,40,800000\n")
    (report,) = station.watchman.round()
    assert report.arrivals == {"performance.csv": 1}
    assert {a.guarantee_id for a in station.store.alerts() if a.cause == "arrears"} == {
        "G1",
        "G2",
        "G3",
    }


def test_after_downtime_every_missed_day_is_looked_at_and_people_are_told_once(
    station: Station,
) -> None:
    station.watchman.round()
    before = len(station.store.mails())
    station.book.month(date(2024, 7, 1), {"G3": 5})
    station.book.month(date(2024, 7, 2), {"G3": 40})
    station.now += 3 * DAY
    reports = station.watchman.round()
    assert [str(report.as_of) for report in reports] == ["2024-07-01", "2024-07-02", "2024-07-03"]
    (alert,) = station.store.alerts("G3")[:1]
    # worse on the second day, so the clock counts from its end; it was told on the third
    assert alert.known_at == datetime.fromisoformat("2024-07-03T00:00:00+08:00")
    assert alert.told_at == station.now
    told = [m for m in station.store.mails()[before:] if m.recipient == "wang@guarantor.cn"]
    urgent = [m for m in told if "红色预警" in _subject(m.content)]
    assert len(urgent) == 1


def _subject(content: str) -> str:
    return str(message_from_bytes(content.encode(), policy=policy.default)["Subject"])


def test_a_run_cut_off_is_taken_up_where_it_stood(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vouch.features.facts as facts

    monkeypatch.setattr("vouch.warning.observe.PARTITION", 1)
    looked: list[str] = []
    plain = facts.Facts.of

    def breaks(known: object, names: list[str]) -> object:
        if names == ["G3"] and names[0] not in looked:
            looked.append("G3")
            raise KeyboardInterrupt("the power is gone")
        looked.extend(names)
        return plain(known, names)

    monkeypatch.setattr(facts.Facts, "of", breaks)
    with pytest.raises(KeyboardInterrupt):
        station.watchman.round()
    (run,) = station.store.watch_runs()
    assert (run.ended_at, run.looked_at) == (None, 2)
    looked[:] = ["G3"]
    station.now += LEASE
    (report,) = station.watchman.round()
    assert sorted(looked[1:]) == ["G3", "G4"]  # only the two guarantees left were looked at
    assert (report.raised, report.guarantees) == (5, 4)
    assert {a.known_at for a in station.store.alerts()} == {MORNING}  # as when the run began


def test_another_watchman_stands_back_until_the_lease_lapses(station: Station) -> None:
    station.watchman.round()
    other = replace(station, holder="other")
    with pytest.raises(LeaseError):
        other.watchman.round()
    other.now = station.now + LEASE
    other.watchman.round()


def test_forever_goes_on_after_a_failure_and_stops_when_told(station: Station) -> None:
    stop = threading.Event()
    calls = iter(range(100))

    def champion() -> Bundle:
        if next(calls) == 0:
            raise VouchError("the registry is away")
        stop.set()
        return station.champion

    watchman = replace(station.watchman, champion=champion)
    rounds = watchman.forever(stop, pause=0.01)
    assert (rounds.runs, rounds.failures, rounds.last) == (1, 1, "the registry is away")
    replace(station, holder="other").watchman.round()  # the lease was given back


def test_bad_feeds_stop_nothing_and_are_told_to_the_administrator(station: Station) -> None:
    station.now += DAY
    good = HEADER + "G3,2024-07-01,2024-07-01,40,800000\n"
    station.bring("performance.csv", good)
    station.bring("vouch/second.csv", good)
    station.bring("vouch/future.csv", HEADER + "G4,2030-01-31,2030-01-31,40,800000\n")
    station.bring("vouch/half.csv", HEADER + "G4,2024-07-01,2024-07-01,5,8000\nG2,2024-0")
    station.bring("vouch/zz-noise.csv", "a,b\n1,2\n")
    (report,) = station.watchman.round()
    assert report.arrivals["performance.csv"] == 1
    assert report.arrivals["future.csv"] == 0
    assert report.raised >= 5
    (notice,) = station.notices()
    for part in (
        "second.csv brought nothing new",
        "future.csv: 1 of 1 rows were put in quarantine",
        "half.csv",
        "zz-noise.csv was refused",
    ):
        assert part in notice
    assert not [
        path
        for path in station.inbox.rglob("*.csv")
        if "done" not in str(path) and "refused" not in str(path)
    ]
    refused = station.inbox / "refused" / "2024-07-01"
    assert (refused / "zz-noise.csv.reason.txt").read_text(encoding="utf-8")


def test_a_file_still_being_written_is_left_alone(station: Station) -> None:
    station.inbox.mkdir()
    (station.inbox / "performance.csv").write_text(HEADER, encoding="utf-8")
    assert take_in(station.inbox, station.book.book.path, AS_OF) == []
    assert len(take_in(station.inbox, station.book.book.path, AS_OF, settled=0)) == 1


def test_a_template_that_fails_costs_the_ornament_and_not_the_news(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a template")

    monkeypatch.setattr(letter, "_written", broken)
    (report,) = station.watchman.round()
    assert report.raised == 5
    assert "ZeroDivisionError" in report.problems[0]
    assert "ZeroDivisionError" in station.notices()[0]
    told = [m for m in station.store.mails() if m.recipient == "wang@guarantor.cn"]
    read = message_from_bytes(told[0].content.encode(), policy=policy.default)
    body = str(read.get_body(("plain",)).get_content())
    assert "G1  red  RP02  2024-07-01 09:00" in body


DUTY_LIST = """
[person.M1]
zone = "Mars/Olympus"
absent = [["yesterday", "today"]]
email = ["wang@guarantor.cn", "not an address"]
[province]
person = "nobody"
"""


def test_a_wrong_duty_list_is_named_and_the_rest_holds(station: Station) -> None:
    (station.folder / "duty.toml").write_text(DUTY_LIST, encoding="utf-8")
    (report,) = station.watchman.round()
    said = "\n".join(report.problems)
    for part in ("Mars/Olympus", "yesterday", "not an address", "nobody is called 'nobody'"):
        assert part in said
    assert {m.recipient for m in station.store.mails()} >= {"wang@guarantor.cn", "li@guarantor.cn"}
    assert station.watchman.round() == []
    station.now += DAY
    station.watchman.round()
    assert len(station.notices()) == 1  # what was said is not said again each day


def test_a_duty_list_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "duty.toml"
    path.write_text("[person", encoding="utf-8")
    found = people([{"manager_id": "M1", "name": None, "email": "a@b.cn"}], path)
    assert "cannot be read" in found.faults[0]
    assert found.persons["M1"].emails == ["a@b.cn"]


def test_a_feed_that_falls_silent_is_an_alert_until_it_speaks_again(station: Station) -> None:
    station.watchman.round()
    station.now += 46 * DAY  # one day more than the policy lets performance be silent
    report = station.watchman.round()[-1]
    (alert,) = [a for a in station.store.alerts() if a.cause == "silent_feed"]
    assert (alert.guarantee_id, alert.rule) == ("vouch/performance", "FD01")
    assert alert.evidence == {"silent_days": 46.0, "may_be": 45.0}
    assert report.feeds == {"vouch/performance": "2024-06-30"}
    assert "silent feed: vouch/performance" in station.notices()[-1]
    station.book.month(date(2024, 8, 16), {"G1": 45, "G2": 5})
    station.now += DAY
    station.watchman.round()
    assert [a for a in station.store.alerts() if a.cause == "silent_feed"] == []
    closed = [a for a in station.store.alerts(live_only=False) if a.cause == "silent_feed"]
    assert [a.state for a in closed] == [AlertState.CLOSED]


@pytest.mark.parametrize(
    ("groups", "provides", "expected"),
    [
        ({}, {}, ["B-G1", "B-G2", "B-G3"]),
        ({"B-G1": "X", "B-G3": "X"}, {}, ["B-G1", "B-G2", "B-G1"]),
        ({}, {"G1": "B-G2", "G2": "B-G3"}, ["B-G1", "B-G1", "B-G1"]),  # a chain of security
        ({}, {"G2": "person-1", "G3": "person-1"}, ["B-G1", "B-G2", "B-G2"]),  # one controller
    ],
)
def test_circles(
    writer: BookWriter, groups: dict[str, str], provides: dict[str, str], expected: list[str]
) -> None:
    for name in ("G1", "G2", "G3"):
        writer.guarantee(name)
    for borrower, group in groups.items():
        writer.add(borrower=[{"borrower_id": borrower, "group_id": group, "event_at": AS_OF}])
    for name, provider in provides.items():
        row = {"guarantee_id": name, "counter_no": 1, "kind": "guarantee_person"}
        writer.add(counter_guarantee=[row | {"provider_id": provider, "event_at": AS_OF}])
    circles = Circles.of(Book(writer.book.path).known(AS_OF))
    assert circles.names_of(["B-G1", "B-G2", "B-G3"]) == expected
