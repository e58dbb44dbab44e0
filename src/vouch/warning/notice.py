"""What the administrator is told: what went wrong in a run while it went on for the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import uuid4

from vouch.domain.alert import (
    AlertChange,
    Look,
    Severity,
    Sighting,
    Signal,
    close_alert,
    raise_alert,
    tell,
)
from vouch.store.alerts import AlertDesk
from vouch.store.outbox import Mail
from vouch.warning.duty import Duty
from vouch.warning.freshness import CAUSE, RULE, RULE_EN, RULE_ZH, Feed
from vouch.warning.observe import plain_text

_MOST_LINES = 200


@dataclass(frozen=True)
class Notice:
    """What there is to say to the administrator after a run."""

    run_id: str
    now: datetime
    problems: Sequence[str]

    def mail(self, to: str, sender: Address) -> Mail:
        """The notice as a mail, Chinese first."""
        n = len(self.problems)
        lines = [f"- {plain_text(problem)}" for problem in self.problems[:_MOST_LINES]]
        if n > _MOST_LINES:
            lines.append(f"… {n - _MOST_LINES}")
        text = (
            f"本次监测发现 {n} 项需要管理员处理的问题；其余部分已照常完成。\n"
            f"This run found {n} things for the administrator to mend; it went on for the rest.\n\n"
            + "\n".join(lines)
            + "\n"
        )
        message = EmailMessage(policy=SMTP)
        message["Subject"] = f"【Vouch 运行】{n} 项问题待处理 | {n} problems in a run of the watch"
        message["From"] = sender
        message["To"] = Address(addr_spec=to)
        message["Date"] = format_datetime(self.now)
        digest = hashlib.sha256(f"{self.run_id} {to}".encode()).hexdigest()[:40]
        message["Message-ID"] = message_id = f"<{digest}@{sender.domain or 'vouch'}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="base64")
        return Mail(message_id, to, message.as_bytes().decode("ascii"))


def feed_alerts(desk: AlertDesk, feeds: Sequence[Feed], look: Look, duty: Duty) -> list[str]:
    """Raise an alert for every silent feed and close those of feeds that speak again.

    Returns what is silent, in words. The alerts belong to no guarantee and no manager: the
    administrator's notice tells of them.
    """
    live = {alert.guarantee_id: alert for alert in desk.live_of(CAUSE)}
    silent = {feed.name: feed for feed in feeds if feed.is_silent}
    changes = []
    for name in sorted(silent.keys() - live.keys()):
        changes += _raised(silent[name], look, duty)
    changes += [
        close_alert(alert, "speaks again", look.as_of, look.now)
        for name, alert in live.items()
        if name not in silent
    ]
    desk.record(changes)
    return [_words(feed) for feed in silent.values()]


def _raised(feed: Feed, look: Look, duty: Duty) -> list[AlertChange]:
    evidence = {"silent_days": float(feed.silent_days), "may_be": float(feed.may_be_silent)}
    signal = Signal(feed.name, CAUSE, RULE, Severity.ORANGE, feed.may_be_silent, evidence)
    clocked = duty.terms().clocked(signal.severity, look, duty.calendar)
    raised = raise_alert(uuid4().hex, Sighting(signal, None), look, clocked)
    return [raised, tell(raised.alert, clocked, None, duty.administrator or "", look.now)]


def _words(feed: Feed) -> str:
    return (
        f"{RULE_ZH} {RULE_EN.lower()}: {feed.name}: 最近数据 newest {feed.newest}, "
        f"{feed.silent_days} 天 days (≤ {feed.may_be_silent})"
    )
