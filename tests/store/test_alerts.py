"""Alerts, their history and the outbox, in one transaction, on every database."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from vouch.domain.alert import (
    AlertChange,
    AlertState,
    Change,
    Clocked,
    Look,
    Severity,
    Sighting,
    Signal,
    close_alert,
    raise_alert,
    renew_alert,
)
from vouch.errors import StoreError
from vouch.store.lease import LEASE
from vouch.store.links import Link
from vouch.store.outbox import CLAIM, GIVE_UP_AFTER, Mail, MailState, Refused
from vouch.store.store import Store

pytestmark = pytest.mark.slow

NOW = datetime(2024, 7, 1, 1, 30, tzinfo=UTC)
AS_OF = date(2024, 6, 30)
LATE = Signal("G1", "arrears", "RP01", Severity.ORANGE, 75, {"days_past_due": 5.0})
LATER = Signal("G1", "arrears", "RP02", Severity.RED, 45, {"days_past_due": 35.0})
MAIL = Mail("<1@vouch>", "wang@guarantor.cn", "Subject: x\n\nbody")


DAY = timedelta(days=1)
CLOCKED, LOOK = Clocked(True, NOW, NOW + DAY), Look(AS_OF, NOW, NOW)


def raised(alert_id: str = "a1", signal: Signal = LATE) -> AlertChange:
    return raise_alert(alert_id, Sighting(signal, "M1"), LOOK, CLOCKED)


def queue(store: Store, mails: Sequence[Mail], now: datetime = NOW) -> None:
    with store.alert_desk() as desk:
        desk.queue(mails, now)


def test_an_alert_is_read_as_it_was_raised(store: Store) -> None:
    first = raised()
    first = replace(first, alert=replace(first.alert, detail={"score": 612, "名": [0.1, None]}))
    with store.alert_desk() as desk:
        assert desk.live() == {}
        desk.record([first])
        assert desk.live() == {("G1", "arrears"): first.alert}
    assert store.alerts() == [first.alert]
    (event,) = store.alert_events("a1")
    assert (event.change, event.at, event.rule) == (Change.RAISED, NOW, "RP01")
    assert event.evidence == {"days_past_due": 5.0}


def test_every_change_is_kept(store: Store) -> None:
    first = raised()
    look = Look(AS_OF, NOW + DAY, NOW + DAY)
    worse = renew_alert(first.alert, Sighting(LATER, "M1"), look, CLOCKED, timedelta(days=30))
    assert worse is not None
    closed = close_alert(worse.alert, "healed", AS_OF, NOW + timedelta(days=2))
    for change in (first, worse, closed):
        with store.alert_desk() as desk:
            desk.record([change])
    events = store.alert_events("a1")
    assert [e.change for e in events] == [Change.RAISED, Change.WORSENED, Change.CLOSED]
    assert [e.severity for e in events] == [Severity.ORANGE, Severity.RED, Severity.RED]
    assert events[-1].note == "healed"
    assert store.alerts() == []
    assert [a.state for a in store.alerts("G1", live_only=False)] == [AlertState.CLOSED]


def test_a_cause_has_one_live_alert(store: Store) -> None:
    with store.alert_desk() as desk:
        desk.record([raised()])
    with pytest.raises(StoreError, match="refuses"), store.alert_desk() as desk:
        desk.record([raised("a2")])
    with store.alert_desk() as desk:
        desk.record([close_alert(raised().alert, "healed", AS_OF, NOW), raised("a2")])
    assert [alert.alert_id for alert in store.alerts()] == ["a2"]


def test_the_worst_alerts_come_first(store: Store) -> None:
    with store.alert_desk() as desk:
        desk.record([raised(), raised("a2", replace(LATER, guarantee_id="G2"))])
    assert [alert.alert_id for alert in store.alerts()] == ["a2", "a1"]
    assert [alert.alert_id for alert in store.alerts("G1")] == ["a1"]


def test_a_mail_is_queued_only_with_the_alerts_it_reports(store: Store) -> None:
    def report(*mails: Mail) -> None:
        with store.alert_desk() as desk:
            desk.record([raised()])
            desk.queue(mails, NOW)

    with pytest.raises(StoreError):
        report(MAIL, MAIL)
    assert (store.alerts(), store.mails()) == ([], [])
    report(MAIL)
    assert len(store.alerts()) == len(store.mails()) == 1


def test_watches_are_noted(store: Store) -> None:
    with store.alert_desk() as desk:
        assert desk.newest_watch is None
        desk.note_watch(AS_OF, NOW, {"raised": 1})
        desk.note_watch(date(2024, 5, 31), NOW, {})
        assert desk.newest_watch == AS_OF


def test_desks_wait_for_each_other(store: Store) -> None:
    order = []
    first_is_in, first_may_go = threading.Event(), threading.Event()

    def first() -> None:
        with store.alert_desk() as desk:
            first_is_in.set()
            first_may_go.wait(10)
            desk.record([raised()])
            order.append("first")

    def second() -> None:
        first_is_in.wait(10)
        with store.alert_desk() as desk:
            order.append("second")
            order.extend(desk.live())

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    first_is_in.wait(10)
    first_may_go.set()
    for thread in threads:
        thread.join()
    assert order == ["first", "second", ("G1", "arrears")]


def test_a_sent_mail_is_never_claimed_again(store: Store) -> None:
    queue(store, [MAIL])
    (mail,) = store.claim_mails(NOW)
    assert (mail.recipient, mail.content) == (MAIL.recipient, MAIL.content)
    assert store.settle_mail(mail, None, NOW) is MailState.SENT
    assert store.claim_mails(NOW + CLAIM) == []
    (kept,) = store.mails(MailState.SENT)
    assert (kept.attempts, kept.settled_at, kept.last_error) == (1, NOW, None)


def test_a_claimed_mail_is_nobody_elses_until_the_claim_lapses(store: Store) -> None:
    queue(store, [MAIL])
    assert len(store.claim_mails(NOW)) == 1
    assert store.claim_mails(NOW + CLAIM - timedelta(seconds=1)) == []
    assert len(store.claim_mails(NOW + CLAIM)) == 1


def test_of_many_senders_each_mail_has_one(store: Store) -> None:
    queue(store, [replace(MAIL, message_id=f"<{n}@vouch>") for n in range(20)])
    claimed: list[str] = []

    def claim() -> None:
        claimed.extend(mail.message_id for mail in store.claim_mails(NOW))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 20


def test_a_failed_mail_waits_ever_longer_with_its_error(store: Store) -> None:
    queue(store, [MAIL])
    now = NOW
    for attempt, minutes in ((1, 1), (2, 2), (3, 4)):
        (mail,) = store.claim_mails(now)
        assert store.settle_mail(mail, Refused("450 later"), now) is MailState.QUEUED
        (kept,) = store.mails(MailState.QUEUED)
        assert (kept.attempts, kept.last_error, kept.settled_at) == (attempt, "450 later", None)
        again = now + timedelta(minutes=minutes)
        assert store.claim_mails(again - timedelta(seconds=1)) == []
        now = again


def test_a_recipient_refused_for_good_three_times_has_bounced(store: Store) -> None:
    queue(store, [MAIL])
    for hours in range(3):
        (mail,) = store.claim_mails(NOW + timedelta(hours=hours))
        store.settle_mail(mail, Refused("550 no such user", for_good=True), NOW)
    (kept,) = store.mails(MailState.BOUNCED)
    assert (kept.refusals, kept.last_error) == (3, "550 no such user")


def test_recipients_of_one_mail_stand_for_themselves(store: Store) -> None:
    queue(store, [MAIL, replace(MAIL, recipient="li@guarantor.cn")])
    first, second = store.claim_mails(NOW)
    store.settle_mail(first, None, NOW)
    store.settle_mail(second, Refused("450 later"), NOW)
    assert [mail.recipient for mail in store.mails(MailState.SENT)] == ["li@guarantor.cn"]
    assert store.bounce_mail(MAIL.message_id, "li@guarantor.cn", "5.1.1", NOW) == 1
    assert [mail.last_error for mail in store.mails(MailState.BOUNCED)] == ["5.1.1"]


def test_a_lease_has_one_holder_until_it_lapses(store: Store) -> None:
    def hold(who: str, now: datetime) -> bool:
        with store.alert_desk() as desk:
            return desk.hold("watch", who, now)

    assert hold("a", NOW)
    assert hold("a", NOW + LEASE / 2)  # renewed
    assert not hold("b", NOW + LEASE)
    assert hold("b", NOW + LEASE * 2)
    assert not hold("a", NOW + LEASE * 2)
    store.give_back("watch", "b", NOW + LEASE * 2)
    assert hold("a", NOW + LEASE * 2)


def test_a_link_works_once_and_not_for_ever(store: Store) -> None:
    link = Link("ab12", ["a1"], "wang@guarantor.cn", NOW, NOW + DAY)
    with store.alert_desk() as desk:
        desk.add_link(link)
        desk.add_link(replace(link, link_id="late"))
    with store.alert_desk() as desk:
        assert desk.use_link("late", NOW + DAY) is None
        used = desk.use_link("ab12", NOW + DAY / 2)
        assert used == replace(link, used_at=NOW + DAY / 2)
        assert desk.use_link("ab12", NOW + DAY / 2) is None
    assert store.link("ab12") == used
    assert store.link("none") is None


def test_after_a_week_it_is_given_up(store: Store) -> None:
    queue(store, [MAIL])
    (mail,) = store.claim_mails(NOW + GIVE_UP_AFTER)
    late = NOW + GIVE_UP_AFTER
    assert store.settle_mail(mail, Refused("450 later"), late) is MailState.FAILED
    assert store.claim_mails(NOW + GIVE_UP_AFTER * 2) == []


def test_a_message_id_is_queued_once(store: Store) -> None:
    queue(store, [MAIL])
    with pytest.raises(StoreError, match="refuses"):
        queue(store, [MAIL])
