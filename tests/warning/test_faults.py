"""The watch killed at any point, over a mail server that fails in every way it can.

A child process runs the watch and is killed without warning; the next one goes on. In the end
everything is as if nothing had happened: every alert once, every mail arrived, the clock right.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import Envelope, Session

from vouch.book.book import Book
from vouch.domain.alert import Change
from vouch.errors import LeaseError
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.store import lease, outbox
from vouch.store.engine import Database
from vouch.store.outbox import MailState
from vouch.store.store import Store
from vouch.warning.duty import Duty
from vouch.warning.notify import SmtpMailer, mailer
from vouch.warning.watch import watch_once

from .conftest import AS_OF, NEXT_MONTH, NOW, BookWriter, Inbox, MailServer

pytestmark = pytest.mark.slow

TIMEOUT = 0.3
# Longer than a lease and a claim: what the dead one held has lapsed.
NEXT_TRY = timedelta(minutes=11)


@dataclass
class Trouble(Inbox):
    """A mail server that refuses, hangs, drops the line before or after it has taken a mail."""

    dice: random.Random = field(default_factory=lambda: random.Random(7))
    is_calm: bool = False
    lost_answers: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    async def handle_RCPT(
        self, server: SmtpServer, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        """Perhaps refuse, or hang up on, a recipient."""
        if not self.is_calm and self.dice.random() < 0.3:
            fault = self.dice.choice(["450 try later", "451 greylisted", "drop"])
            self.faults[fault] += 1
            if fault == "drop":
                server.transport.close()
                return "421 bye"
            return fault
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SmtpServer, session: Session, envelope: Envelope) -> str:
        """Perhaps hang or fail; perhaps take the mail and lose the answer."""
        luck = 1.0 if self.is_calm else self.dice.random()
        if luck < 0.1:
            self.faults["hang"] += 1
            await asyncio.sleep(TIMEOUT * 1.5)
            return "451 too slow"
        if luck < 0.2:
            self.faults["fail"] += 1
            return "554 rejected for now"
        answer = await super().handle_DATA(server, session, envelope)
        if luck < 0.3:
            self.lost_answers += 1
            self.faults["lost answer"] += 1
            server.transport.close()
        return answer

    @property
    def arrived(self) -> Counter[tuple[str, str]]:
        """How often each mail came to each recipient."""
        names = (str(mail["Message-ID"]) for mail in self.mails)
        return Counter(zip(names, self.recipients, strict=True))


@contextmanager
def serving(kept: Trouble) -> Iterator[Trouble]:
    server = MailServer(kept)
    server.start()
    try:
        yield kept
    finally:
        server.stop()


def in_child(task: Callable[[], object], kill_after: float | None = None) -> int:
    """Run a task in a forked child, killed after so many seconds; returns its wait status."""
    child = os.fork()
    if child == 0:
        try:
            task()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


@dataclass
class Scene:
    """A book, a store and a mail server; `run` is one attempt of a watch."""

    book: Path
    url: str
    champion: Bundle
    port: int

    def run(self, as_of: Any, now: datetime, known_at: datetime) -> None:
        store = Store(self.url)
        plain = mailer(f"smtp://127.0.0.1:{self.port}", "vouch@guarantor.cn", Path("unused"))
        by = SmtpMailer(plain.sender, f"smtp://127.0.0.1:{self.port}", timeout=TIMEOUT)
        policy = Policy()
        holder = f"child {os.getpid()}"
        duty = Duty(policy, store, by, policy.calendar(), lambda: now, holder)
        watch_once(duty, Book(self.book), self.champion, as_of, known_at)
        store.close()

    def settle(self, inbox: Trouble, now: datetime, day: Any) -> None:
        """Let the mails that wait go out, the trouble being over."""
        inbox.is_calm = True
        for hours in range(1, 4):
            later = now + timedelta(hours=hours)
            assert in_child(lambda at=later: self.run(day, at, KNOWN[day])) == 0

    def state(self) -> list[tuple[Any, ...]]:
        """What the alerts say, whatever it took to get there."""
        store = Store(self.url)
        found = sorted(
            (
                a.guarantee_id,
                a.cause,
                a.rule,
                a.severity,
                a.state,
                a.known_at,
                a.respond_by,
                a.told_at is not None,
                [e.change for e in store.alert_events(a.alert_id)],
            )
            for a in store.alerts(live_only=False)
        )
        store.close()
        return found


LATE = NOW + timedelta(days=31)
KNOWN = {AS_OF: NOW, NEXT_MONTH: LATE}


@pytest.fixture
def scene(small_book: BookWriter, champion: Bundle, tmp_path: Path) -> Scene:
    """Two looks at the small book: some guarantees worsen, some heal, one falls ill."""
    small_book.month(NEXT_MONTH, {"G1": 75, "G2": 0, "G3": 40, "G4": 5})
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    Store(url).close()
    return Scene(small_book.book.path, url, champion, 0)


@pytest.fixture
def expected(scene: Scene, tmp_path: Path) -> list[tuple[Any, ...]]:
    """How the alerts stand when nothing goes wrong."""
    with serving(Trouble(is_calm=True)) as inbox:
        calm = fresh(scene, tmp_path / "calm.db", inbox.port)
        for day in (AS_OF, NEXT_MONTH):
            assert in_child(lambda d=day: calm.run(d, KNOWN[d], KNOWN[d])) == 0
        assert set(inbox.arrived.values()) == {1}
    return calm.state()


def fresh(scene: Scene, path: Path, port: int) -> Scene:
    """The scene with a store of its own."""
    shutil.copy(scene.url.removeprefix("sqlite:///"), path)
    return Scene(scene.book, f"sqlite:///{path}", scene.champion, port)


def check(scene: Scene, inbox: Trouble, expected: list[tuple[Any, ...]], kills: int) -> None:
    assert scene.state() == expected
    store = Store(scene.url)
    mails = store.mails()
    assert {mail.state for mail in mails} == {MailState.SENT}
    assert set(inbox.arrived) == {(mail.message_id, mail.recipient) for mail in mails}
    # twice only where the server had taken a mail and its answer was lost, to us or with us
    again = sum(inbox.arrived.values()) - len(inbox.arrived)
    assert again <= inbox.lost_answers + kills
    contents: dict[str, set[str]] = {}
    for mail in inbox.mails:
        contents.setdefault(str(mail["Message-ID"]), set()).add(mail.as_string())
    assert all(len(same) == 1 for same in contents.values())
    told = Counter(
        (alert.alert_id, event.as_of)
        for alert in store.alerts(live_only=False)
        for event in store.alert_events(alert.alert_id)
        if event.change is Change.TOLD
    )
    assert set(told.values()) == {1}
    store.close()


def test_killed_at_random_points(
    scene: Scene, expected: list[tuple[Any, ...]], tmp_path: Path, kills: int
) -> None:
    dice = random.Random(20240701)
    with serving(Trouble()) as inbox:
        shaky = fresh(scene, tmp_path / "shaky.db", inbox.port)
        now, killed = NOW, 0
        started = time.monotonic()
        assert in_child(lambda: fresh_run(scene, tmp_path, inbox.port)) == 0
        length = time.monotonic() - started
        for day in (AS_OF, NEXT_MONTH):
            now = max(now, KNOWN[day])
            for _ in range(kills // 2):
                at = dice.uniform(0, length)
                status = in_child(lambda d=day, t=now: shaky.run(d, t, KNOWN[d]), at)
                killed += os.WIFSIGNALED(status)
                now += NEXT_TRY
            # before the month is over: a mail a week old would be given up, rightly
            shaky.settle(inbox, now, day)
            inbox.is_calm = False
        assert killed > kills / 3
        check(shaky, inbox, expected, killed)


def fresh_run(scene: Scene, folder: Path, port: int) -> None:
    fresh(scene, folder / "timed.db", 1).run(AS_OF, NOW, NOW)


@contextmanager
def dies_at(boundary: int, before: bool) -> Iterator[None]:
    """Kill this process right before or right after its so-manieth transaction is committed."""
    seen = 0
    plain = Database.writing

    @contextmanager
    def writing(self: Database) -> Iterator[Any]:
        nonlocal seen
        with plain(self) as connection:
            yield connection
            seen += 1
            if before and seen == boundary:
                os.kill(os.getpid(), signal.SIGKILL)
        if not before and seen == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    Database.writing = writing  # type: ignore[method-assign]
    yield


@pytest.mark.parametrize("before", [True, False])
def test_killed_at_each_transaction(scene: Scene, tmp_path: Path, before: bool) -> None:
    def dying(shaky: Scene, boundary: int) -> None:
        with dies_at(boundary, before):
            shaky.run(AS_OF, NOW, NOW)

    boundary = 0
    with serving(Trouble(is_calm=True)) as inbox:
        calm = fresh(scene, tmp_path / "calm.db", inbox.port)
        assert in_child(lambda: calm.run(AS_OF, NOW, NOW)) == 0
        expected_first = calm.state()
        while True:
            boundary += 1
            inbox.mails.clear()
            inbox.recipients.clear()
            shaky = fresh(scene, tmp_path / f"{boundary}.db", inbox.port)
            status = in_child(lambda s=shaky, b=boundary: dying(s, b))
            later = NOW + NEXT_TRY
            assert in_child(lambda s=shaky, t=later: s.run(AS_OF, t, NOW)) == 0
            check(shaky, inbox, expected_first, 1)
            if not os.WIFSIGNALED(status):
                break
    assert boundary > 10  # there are so many transactions at least


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_watchmen_killed_again_and_again(
    scene: Scene,
    expected: list[tuple[Any, ...]],
    kind: str,
    tmp_path: Path,
    kills: int,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two processes compete for the lease; one of them is killed at a time and replaced."""
    # a dead process's lease and claims lapse while the test waits
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(outbox, "CLAIM", timedelta(seconds=5))
    dice = random.Random(3)
    with serving(Trouble()) as inbox:
        if kind == "postgresql":
            pair = Scene(scene.book, request.getfixturevalue("postgres_url"), scene.champion, 0)
            pair.port = inbox.port
            Store(pair.url).close()
        else:
            pair = fresh(scene, tmp_path / "pair.db", inbox.port)
        for day in (AS_OF, NEXT_MONTH):
            origin = time.time()
            watchmen = [start(lambda d=day, o=origin: on_watch(pair, d, o)) for _ in range(2)]
            for _ in range(max(kills // (2 if kind == "postgresql" else 10), 2)):
                time.sleep(dice.uniform(0.2, 1.2))
                victim = dice.randrange(2)
                end(watchmen[victim])
                watchmen[victim] = start(lambda d=day, o=origin: on_watch(pair, d, o))
            for watchman in watchmen:
                end(watchman)
            pair.settle(inbox, KNOWN[day] + timedelta(minutes=20), day)
            inbox.is_calm = False
        check(pair, inbox, expected, kills)


def on_watch(pair: Scene, day: Any, origin: float) -> None:
    """Watch again and again on a clock that runs; whoever lacks the lease waits."""
    while time.time() < origin + 120:  # ends by itself should its parent go
        now = KNOWN[day] + timedelta(seconds=time.time() - origin)
        try:
            pair.run(day, now, KNOWN[day])
        except LeaseError:
            time.sleep(0.05)


def start(task: Callable[[], object]) -> int:
    """A forked child that runs a task; its process number."""
    child = os.fork()
    if child == 0:
        try:
            task()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(1)
    return child


def end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
