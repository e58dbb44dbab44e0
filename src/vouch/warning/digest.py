"""The digest that tells an account manager what to do: Chinese first, then English."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from vouch.domain.alert import AlertChange, Severity
from vouch.policy.reading import Policy
from vouch.store.outbox import Mail
from vouch.warning.rule import rules

_TEMPLATES = Path(__file__).parent / "templates"
_HERE = ZoneInfo("Asia/Shanghai")

# So many guarantees in full, so many more as one line each: mail programs cut what is longer than
# about 100 kB.
IN_FULL, IN_BRIEF = 10, 290

Words = Mapping[str, Any]


@dataclass(frozen=True)
class _Colour:
    strong: str
    on: str
    pale: str
    ink: str


_COLOURS = {
    Severity.RED: _Colour("#c81e1e", "#ffffff", "#fdf1f1", "#b01717"),
    Severity.ORANGE: _Colour("#d9610a", "#ffffff", "#fef5ec", "#a84a05"),
    Severity.YELLOW: _Colour("#f2c21a", "#3d3000", "#fefae8", "#7a6000"),
    Severity.BLUE: _Colour("#2563b8", "#ffffff", "#eff5fd", "#1d4f94"),
}


@dataclass(frozen=True)
class Digest:
    """What one mail says.

    `changes` are raised and worsened alerts; `closed` names guarantees whose alerts were closed;
    `is_unassigned` where the reader is not the account manager but has to find one.
    """

    recipient: Address
    as_of: date
    now: datetime
    changes: Sequence[AlertChange]
    closed: Sequence[str] = ()
    is_unassigned: bool = False

    @property
    def subject(self) -> str:
        """Says how many alerts of which colour.

        For example 【担保预警】3 项待处理：红 1、橙 2 | 3 alerts: 1 red, 2 orange
        """
        counts = self.counts
        zh = "、".join(f"{_ZH_SHORT[s]} {n}" for s, n in counts.items())
        en = ", ".join(f"{n} {s.slug}" for s, n in counts.items())
        n = len(self.changes)
        return f"【担保预警】{n} 项待处理：{zh} | {n} alert{'s' if n > 1 else ''}: {en}"

    @property
    def counts(self) -> dict[Severity, int]:
        """Alerts by colour, the worst first."""
        counts = Counter(change.alert.severity for change in self.changes)
        return dict(sorted(counts.items(), reverse=True))

    @property
    def respond_by(self) -> datetime:
        """When the first answer is due."""
        return min(change.alert.respond_by for change in self.changes)


_ZH_SHORT = dict(zip(Severity, "蓝黄橙红", strict=True))


def compose(digest: Digest, policy: Policy, sender: Address) -> Mail:
    """Write a digest as a mail: text and HTML, the same Message-ID for the same news."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = digest.subject
    message["From"] = sender
    message["To"] = digest.recipient
    message["Date"] = format_datetime(digest.now)
    message["Message-ID"] = message_id = _message_id(digest, sender)
    message["Auto-Submitted"] = "auto-generated"
    parts = [_part(digest, policy, language) for language in ("zh", "en")]
    values = {"parts": parts, "subject": digest.subject}
    message.set_content(_template("digest.txt.jinja").render(values), cte="base64")
    html = _template("digest.html.jinja").render(values)
    message.add_alternative(html, subtype="html", cte="base64")
    return Mail(message_id, digest.recipient.addr_spec, message.as_bytes().decode("ascii"))


def _message_id(digest: Digest, sender: Address) -> str:
    told = sorted(f"{c.alert.alert_id} {c.change} {c.alert.urgency}" for c in digest.changes)
    text = "\n".join([digest.recipient.addr_spec, digest.now.isoformat(), *told])
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:40]}@{sender.domain or 'vouch'}>"


@cache
def _words() -> dict[str, Words]:
    return tomllib.loads((_TEMPLATES / "words.toml").read_text(encoding="utf-8"))


@cache
def _template(name: str) -> Any:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html.jinja",)),
        undefined=StrictUndefined,
    )
    return environment.get_template(name)


def _part(digest: Digest, policy: Policy, language: str) -> dict[str, Any]:
    words = _words()[language]
    name = digest.recipient.display_name
    due = local_time(digest.respond_by)
    entries = _entries(digest.changes, policy, language)
    full, brief = entries[:IN_FULL], entries[IN_FULL : IN_FULL + IN_BRIEF]
    rest = len(entries) - len(full) - len(brief)
    intro: str = words["intro"].format(as_of=digest.as_of, respond_by=due)
    if digest.is_unassigned:
        intro = f"{words['unassigned']} {intro}"
    return {
        "words": words,
        "hello": words["hello"].format(name=name) if name else words["hello_nobody"],
        "intro": intro,
        "respond_by": words["respond_by"].format(respond_by=due),
        "counts": [
            (_COLOURS[s], f"{words['severities'][s.slug]} {n}") for s, n in digest.counts.items()
        ],
        "entries": full,
        "brief": brief,
        "more": words["more"].format(n=len(brief)),
        "rest": words["rest"].format(n=rest) if rest else "",
        "closed": _closed(digest.closed, words),
    }


def _closed(guarantee_ids: Sequence[str], words: Words) -> str:
    if not guarantee_ids:
        return ""
    shown = list(guarantee_ids[:20]) + ["…"] * (len(guarantee_ids) > 20)
    text: str = words["closed"].format(n=len(guarantee_ids), ids=", ".join(shown))
    return text


def local_time(moment: datetime) -> str:
    """A moment where the account managers are, with its offset.

    >>> from datetime import UTC
    >>> local_time(datetime(2024, 6, 30, 20, 5, tzinfo=UTC))
    '2024-07-01 04:05 (UTC+08:00)'
    """
    here = moment.astimezone(_HERE)
    offset = here.strftime("%z")
    return f"{here:%Y-%m-%d %H:%M} (UTC{offset[:3]}:{offset[3:]})"


def _entries(changes: Sequence[AlertChange], policy: Policy, language: str) -> list[dict[str, Any]]:
    """One entry per guarantee: the worst first, then the most expensive."""
    by_guarantee: dict[str, list[AlertChange]] = {}
    for change in sorted(changes, key=lambda c: c.alert.urgency, reverse=True):
        by_guarantee.setdefault(change.alert.guarantee_id, []).append(change)
    ordered = sorted(by_guarantee.items(), key=lambda item: _rank(item[1]))
    return [_entry(name, found, policy, language) for name, found in ordered]


def _rank(changes: Sequence[AlertChange]) -> tuple[int, Decimal, str]:
    first = changes[0].alert
    return -first.severity, -Decimal(first.detail["expected_total"]), first.guarantee_id


def _entry(
    guarantee_id: str, changes: Sequence[AlertChange], policy: Policy, language: str
) -> dict[str, Any]:
    words, detail = _words()[language], changes[0].alert.detail
    severity = changes[0].alert.severity
    declared = [rules()[change.alert.rule] for change in changes]
    actions = [rule.action_zh if language == "zh" else rule.action_en for rule in declared]
    return {
        "guarantee_id": guarantee_id,
        "borrower": detail["borrower"],
        "lender": detail["lender"],
        "severity": words["severities"][severity.slug],
        "colour": _COLOURS[severity],
        "findings": [_finding(change, policy, language) for change in changes],
        "figures": _figures(detail, words),
        "reasons": [reason[language] for reason in detail["reasons"]],
        "scheme": _scheme(detail, words),
        "is_assumed": detail["scheme_is_assumed"],
        "shares": [
            (words["parties"][party], _money(words, yuan))
            for party, yuan in detail["expected"].items()
        ],
        "expected_total": _money(words, detail["expected_total"]),
        "actions": list(dict.fromkeys(actions)),
    }


def _finding(change: AlertChange, policy: Policy, language: str) -> dict[str, Any]:
    alert, words = change.alert, _words()[language]
    declared, thresholds = rules()[alert.rule], policy.rules[alert.rule].thresholds
    name, seen = (
        (declared.zh, declared.seen_zh) if language == "zh" else (declared.en, declared.seen_en)
    )
    return {
        "severity": words["severities"][alert.severity.slug],
        "colour": _COLOURS[alert.severity],
        "name": name.format(**thresholds),
        "seen": seen.format(**alert.evidence),
        "change": words[change.change.value],
    }


def _figures(detail: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    late = detail["days_past_due"]
    late_text = words["unknown"] if late is None else words["days"].format(n=late)
    figures = [
        (words["amount"], _money(words, detail["amount"])),
        (words["balance"], _money(words, detail["balance"])),
        (words["days_past_due"], late_text),
        (words["probability"], f"{detail['default_probability']:.1%}"),
        (words["score"], f"{detail['score']} ({detail['grade']})"),
    ]
    before, days = detail["score_before"], detail["back_days"]
    if before is None:
        then = words["score_was_not"].format(days=days)
    else:
        change = f"{detail['score'] - before:+d}"
        then = words["score_was"].format(days=days, before=before, change=change)
    return [*figures, (words["score_change"], then)]


def _scheme(detail: Mapping[str, Any], words: Words) -> str:
    if not detail["scheme_is_assumed"]:
        kind = "scheme"
    else:
        kind = "assumed" if detail["scheme_given"] else "assumed_none"
    text: str = words[kind].format(scheme=detail["scheme"], given=detail["scheme_given"])
    return text


def _money(words: Words, yuan: str) -> str:
    text: str = words["money"].format(yuan=f"{Decimal(yuan):,.2f}")
    return text
