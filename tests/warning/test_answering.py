"""From the mail to the answer: links, people, reminders, escalations, figures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from vouch.book.book import Book
from vouch.domain.alert import Alert, AlertState, Change
from vouch.errors import AnswerError, LeaseError, NotFoundError
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.store.outbox import QueuedMail
from vouch.store.store import Store
from vouch.warning.answering import Opened, answer, close, open_link, take_up, use_link
from vouch.warning.bounces import record_bounce
from vouch.warning.chasing import Chased, chase
from vouch.warning.duty import Duty
from vouch.warning.linking import GOOD_FOR, Linker
from vouch.warning.notify import mailer
from vouch.warning.people import people
from vouch.warning.reporting import response_report
from vouch.warning.schedule import Watchman
from vouch.warning.watch import WatchReport, watch_once

from .conftest import AS_OF, NOW, BookWriter

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
TODAY = date(2024, 7, 1)
LINKER = Linker("k" * 32, "https://vouch.example.org/")
DUTY_LIST = """
[person.M1]
substitute = "M2"
supervisor = "S1"
[person.S1]
name = "赵敏"
email = ["zhao@guarantor.cn", "zhao@mobile.cn"]
[person.R1]
email = "risk@guarantor.cn"
[person.P1]
email = "province@guarantor.cn"
[institution.GR1]
supervisor = "S1"
head_of_risk = "R1"
[province]
person = "P1"
"""


@dataclass
class Post:
    """A watch with links and a duty list over a clock moved by hand."""

    book: BookWriter
    champion: Bundle
    store: Store
    folder: Path
    now: datetime = NOW
    seen: set[str] = field(default_factory=set)
    administrator: str | None = "admin@guarantor.cn"

    @property
    def duty(self) -> Duty:
        by = mailer(None, "vouch@guarantor.cn", self.folder / "outbox")
        return Duty(
            Policy(),
            self.store,
            by,
            Policy().calendar(),
            lambda: self.now,
            "test",
            administrator=self.administrator,
            duty_list=self.folder / "duty.toml",
            linker=LINKER,
        )

    def watch(self, as_of: object = AS_OF) -> WatchReport:
        return watch_once(self.duty, Book(self.book.book.path), self.champion, as_of)

    def chase(self) -> Chased:
        managers = self.book.book.known(AS_OF).rows("manager").to_pylist()
        from vouch.warning.watch import send

        done = chase(self.duty, people(managers, self.folder / "duty.toml"))
        send(self.duty)
        return done

    def mails(self) -> dict[str, EmailMessage]:
        """The new mails by recipient."""
        found = {}
        for mail in self.store.mails():
            key = f"{mail.message_id} {mail.recipient}"
            if key not in self.seen:
                self.seen.add(key)
                read = message_from_bytes(mail.content.encode(), policy=policy.default)
                assert isinstance(read, EmailMessage)
                found[mail.recipient] = read
        return found

    def alert(self, guarantee_id: str = "G1", cause: str = "arrears") -> Alert:
        (found,) = [a for a in self.store.alerts(guarantee_id) if a.cause == cause]
        return found


@pytest.fixture
def post(small_book: BookWriter, champion: Bundle, store: Store, tmp_path: Path) -> Post:
    (tmp_path / "duty.toml").write_text(DUTY_LIST, encoding="utf-8")
    for name in ("M1", "M2"):
        row = {"manager_id": name, "guarantor_id": "GR1", "event_at": AS_OF}
        who = {"M1": ("王芳", "wang@guarantor.cn"), "M2": ("李雷", "li@guarantor.cn")}[name]
        small_book.add(manager=[row | dict(zip(("name", "email"), who, strict=True))])
    return Post(small_book, champion, store, tmp_path)


def read(content: str) -> EmailMessage:
    found = message_from_bytes(content.encode(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def text(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def token(mail: EmailMessage) -> str:
    (found,) = set(re.findall(r"https://vouch\.example\.org/alerts/acknowledge/(\S+)", text(mail)))
    return str(found)


def test_a_red_has_a_mail_of_its_own_and_the_rest_one_digest(post: Post) -> None:
    post.book.guarantee("G5", manager_id="M1")
    post.book.month(AS_OF, {"G5": 5})
    post.watch()
    sent = [
        str(m["Subject"])
        for m in (
            message_from_bytes(mail.content.encode(), policy=policy.default)
            for mail in post.store.mails()
        )
        if "wang" in str(m["To"])
    ]
    assert len(sent) == 2
    assert sum("红色预警" in title for title in sent) == 1


def test_opening_the_link_changes_nothing_and_the_button_acknowledges_once(post: Post) -> None:
    post.watch()
    good = token(post.mails()["wang@guarantor.cn"])
    for _ in range(3):  # a scanner that follows links
        assert open_link(post.store, LINKER, good, NOW).opened is Opened.GOOD
    assert post.alert().state is AlertState.OPEN
    used = use_link(post.store, LINKER, good, NOW + HOUR)
    assert used.opened is Opened.GOOD
    assert {alert.state for alert in used.alerts} == {AlertState.ACKNOWLEDGED}
    (event,) = [
        e for e in post.store.alert_events(post.alert().alert_id) if e.change is Change.ACKNOWLEDGED
    ]
    assert (event.who, event.at) == ("wang@guarantor.cn", NOW + HOUR)
    assert use_link(post.store, LINKER, good, NOW + 2 * HOUR).opened is Opened.USED


@pytest.mark.parametrize(
    "change", [str.upper, lambda t: t[:-2], lambda t: "A" + t[1:], lambda t: "é"]
)
def test_a_link_not_ours_is_worth_nothing(post: Post, change: Callable[[str], str]) -> None:
    post.watch()
    forged = change(token(post.mails()["wang@guarantor.cn"]))
    assert use_link(post.store, LINKER, forged, NOW).opened is Opened.UNKNOWN
    other = replace(LINKER, secret="l" * 32)
    assert post.alert().state is AlertState.OPEN
    assert "k" * 32 not in repr(other)


def test_a_link_expires(post: Post) -> None:
    post.watch()
    late = token(post.mails()["wang@guarantor.cn"])
    assert use_link(post.store, LINKER, late, NOW + GOOD_FOR).opened is Opened.EXPIRED
    assert post.alert().state is AlertState.OPEN


def test_reminders_and_escalations_go_up_the_ladder(post: Post) -> None:
    post.watch()
    post.mails()
    manager, other = "wang@guarantor.cn", "li@guarantor.cn"
    supervisor = {"zhao@guarantor.cn", "zhao@mobile.cn"}  # both her addresses
    for hours, expected in (
        (11, set()),
        (12, {manager, other}),  # each is reminded of their own
        (18, {other, manager} | supervisor),  # M2 has no substitute: the next one up
        (24, {manager, other} | supervisor),  # whoever it goes past has a copy
        (36, {manager, other, "risk@guarantor.cn"}),
        (48, {manager, other, "province@guarantor.cn"}),
        (72, {manager, other} | supervisor),  # three working days of the yellow ones are over
        (144, {manager, other, "risk@guarantor.cn"}),  # a Sunday: four and a half days are over
        (500, {manager, other, "province@guarantor.cn"}),
        (900, set()),
    ):
        post.now = NOW + hours * HOUR
        post.chase()
        assert set(post.mails()) == expected, hours


def test_who_has_taken_it_up_is_spared_the_substitute_and_who_answers_all(post: Post) -> None:
    post.watch()
    ids = [alert.alert_id for alert in post.store.alerts("G1")]
    take_up(post.store, ids, "wang", NOW + HOUR)
    rest = [a.alert_id for a in post.store.alerts("G2")]
    answer(post.store, rest, "已联系", "还款到账", ["receipt.pdf"], "li", NOW + HOUR)
    post.mails()
    post.now = NOW + 12 * HOUR
    assert post.chase().reminders == 2  # taken up, but not answered: the red and the orange of G1
    assert set(post.mails()) == {"wang@guarantor.cn"}
    post.now = NOW + 19 * HOUR
    post.chase()
    assert post.mails() == {}  # nobody needs the substitute
    post.now = NOW + 25 * HOUR
    assert post.chase().escalations == 2  # the red and the orange of G1
    assert "zhao@guarantor.cn" in post.mails()


def test_an_absent_manager_s_mail_goes_to_the_substitute(post: Post) -> None:
    away = 'substitute = "M2"\nabsent = [["2024-07-01", "2024-07-03"]]\n'
    duty = DUTY_LIST.replace('substitute = "M2"\n', away, 1)
    (post.folder / "duty.toml").write_text(duty, encoding="utf-8")
    post.watch()
    found = post.mails()
    assert set(found) == {"li@guarantor.cn"}
    bodies = [
        message_from_bytes(m.content.encode(), policy=policy.default) for m in post.store.mails()
    ]
    assert any("王芳 不在岗，或邮件无法送达，现由您代为处理" in text(body) for body in bodies)


def test_the_daily_budget_holds_back_the_least_valuable(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = replace(Policy().response(AS_OF), daily_budget=2)
    monkeypatch.setattr(Duty, "terms", lambda _: terms)
    report = post.watch()
    # M1: the red mail of G1 tells of three alerts whatever the budget; M2 has two. Nothing waits.
    assert report.held == 0
    for number in range(5, 9):
        post.book.guarantee(f"G{number}", manager_id="M2")
        post.book.month(AS_OF, {f"G{number}": 5}, balance=f"{number}00000.00")
    post.now = NOW + HOUR
    report = post.watch()
    held = [a for a in post.store.alerts() if a.told_at is None]
    assert report.held == len(held) == 8  # today's two were told this morning
    post.now = NOW + 24 * HOUR
    post.mails()
    report = post.watch()
    assert report.held == 6
    told = [a for a in post.store.alerts() if a.told_at == post.now]
    # 4 x expected x 75/90 beats 2 x expected x 90/90: the oranges of the largest loans
    assert [(a.guarantee_id, a.cause) for a in told] == [("G7", "arrears"), ("G8", "arrears")]
    assert {a.respond_by for a in told} == {post.now + 24 * HOUR}  # their whole time from now on
    # the two told have their yellow waiting with those of G5 and G6
    words = [text(read(mail.content)) for mail in post.store.mails()]
    assert sum("另有 4 笔因当日预警额度暂缓" in body for body in words) == 1


def test_answers_need_a_disposition_words_and_an_open_alert(post: Post) -> None:
    post.watch()
    one = [post.alert().alert_id]
    with pytest.raises(AnswerError, match="no disposition 'gone'"):
        answer(post.store, one, "gone", "x", [], "wang", NOW)
    with pytest.raises(AnswerError, match="note"):
        answer(post.store, one, "visited", "  ", [], "wang", NOW)
    with pytest.raises(NotFoundError, match="no alert zzz"):
        answer(post.store, ["zzz"], "visited", "x", [], "wang", NOW)
    with pytest.raises(AnswerError, match="not been answered"):
        close(post.store, one, "", "wang", NOW)
    answer(post.store, one, "visited", "on site", ["a.jpg"], "wang", NOW + HOUR)
    assert close(post.store, one, "done", "wang", NOW + HOUR)[0].alert.state is AlertState.CLOSED
    with pytest.raises(AnswerError, match="is closed"):
        answer(post.store, one, "visited", "x", [], "wang", NOW)


def test_an_answered_alert_is_quiet_and_then_asked_again(post: Post) -> None:
    post.watch()
    ids = [alert.alert_id for alert in post.store.alerts()]
    answer(post.store, ids, "visited", "on site", [], "wang", NOW + HOUR)
    post.mails()
    post.now = NOW + timedelta(days=20)
    assert post.watch().reopened == 0
    assert post.mails() == {}
    post.now = NOW + timedelta(days=31)
    assert post.watch().reopened == len(ids)
    assert set(post.mails()) == {"wang@guarantor.cn", "li@guarantor.cn"}


def test_the_report_counts_what_was_answered_in_time(post: Post) -> None:
    post.watch()
    first = [a.alert_id for a in post.store.alerts("G1")]
    answer(post.store, first, "visited", "on site", [], "wang", NOW + 10 * HOUR)
    found = response_report(post.store.alerts(live_only=False), NOW - HOUR, NOW + 30 * HOUR)
    # G1: three answered after 10 hours; G2: an orange 6 hours over, a yellow with time left
    assert (found.whole.told, found.whole.answered, found.whole.overdue) == (5, 3, 1)
    assert found.whole.in_time == pytest.approx(3 / 4)
    assert found.whole.median_hours == 10
    assert {name: f.in_time for name, f in found.by_manager.items()} == {"M1": 1, "M2": 0}
    (late,) = found.overdue
    assert (late.guarantee_id, late.hours_over) == ("G2", 6)


def test_two_watches_never_act_at_once(post: Post) -> None:
    post.watch()
    other = replace(post.duty, holder="other")
    with pytest.raises(LeaseError, match="another process"):
        watch_once(other, Book(post.book.book.path), post.champion, AS_OF)
    post.now = NOW + HOUR
    watch_once(other, Book(post.book.book.path), post.champion, AS_OF)


REPORT = """From: mailer-daemon@guarantor.cn
To: vouch@guarantor.cn
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

sorry
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.guarantor.cn

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such user

--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: x

--b--
"""


def report_of(sent: QueuedMail, action: str = "failed") -> bytes:
    words = {"action": action, "message_id": sent.message_id, "recipient": sent.recipient}
    return REPORT.format(**words).encode()


@pytest.mark.parametrize(("action", "noted"), [("failed", 1), ("delayed", 0)])
def test_a_mail_that_came_back_is_noted(post: Post, action: str, noted: int) -> None:
    post.watch()
    (sent,) = [m for m in post.store.mails() if m.recipient == "wang@guarantor.cn"]
    came = report_of(sent, action)
    assert record_bounce(post.store, came, NOW) == noted
    assert record_bounce(post.store, b"Subject: hello\n\nhi", NOW) == 0


def test_what_came_back_is_told_to_whoever_stands_in_on_the_same_clock(post: Post) -> None:
    post.watch(TODAY)
    first = post.alert()
    post.mails()
    sent = {mail.recipient: mail for mail in post.store.mails()}
    assert record_bounce(post.store, report_of(sent["wang@guarantor.cn"]), post.now) == 1

    watchman = Watchman(post.duty, post.book.book.path, lambda: post.champion)
    post.now += HOUR
    watchman.seen["state"] = post.book.book.fingerprint()  # nothing arrived: only the clock runs
    assert watchman.round() == []
    found = post.mails()  # M2 is the substitute of M1
    assert set(found) == {"li@guarantor.cn"}
    assert "王芳 不在岗，或邮件无法送达" in text(found["li@guarantor.cn"])
    again = post.alert()
    assert (again.respond_by, again.told_at) == (first.respond_by, post.now)
    told = [e.given["to"] for e in post.store.alert_events(again.alert_id) if "to" in e.given]
    assert told == ["wang@guarantor.cn", "li@guarantor.cn"]
    assert watchman.round() == []
    assert post.mails() == {}  # once

    # the substitute's comes back too: the supervisor of M1 hears of it, with both addresses
    (sent_again,) = [m for m in post.store.mails() if m.queued_at == post.now]
    assert record_bounce(post.store, report_of(sent_again), post.now) == 1
    post.now += HOUR
    watchman.round()
    assert set(post.mails()) == {"zhao@guarantor.cn", "zhao@mobile.cn"}
    assert post.alert().respond_by == first.respond_by

    report = post.watch(TODAY)
    assert "mails to wang@guarantor.cn come back: M1 is not written to there" in report.problems
    post.mails()
    # a week later the address is tried again
    post.now += timedelta(days=8)
    post.book.month(date(2024, 7, 7), {"G1": 75})
    post.watch(date(2024, 7, 8))
    assert "wang@guarantor.cn" in post.mails()


def test_what_came_back_and_nobody_else_can_hear_stays_with_the_administrator(post: Post) -> None:
    (post.folder / "duty.toml").unlink()
    post.watch()
    post.mails()
    (sent,) = [m for m in post.store.mails() if m.recipient == "wang@guarantor.cn"]
    record_bounce(post.store, report_of(sent), post.now)
    post.now += HOUR
    report = post.watch()
    assert set(post.mails()) == {"admin@guarantor.cn"}
    assert "mails to wang@guarantor.cn come back: M1 is not written to there" in report.problems
    post.now += HOUR
    post.watch()
    assert post.mails() == {}
