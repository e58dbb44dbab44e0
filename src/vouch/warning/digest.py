"""What a mail about alerts says: Chinese first, then English."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from email.headerregistry import Address
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from vouch.domain.alert import Alert, Severity
from vouch.domain.portfolio_part import is_portfolio
from vouch.domain.response import Role
from vouch.policy.reading import Policy
from vouch.warning.observe import plain_text
from vouch.warning.picture import bars, sparkline
from vouch.warning.rule import rules, worded

TEMPLATES = Path(__file__).parent / "templates"

# So many guarantees in full, so many more as one line each: mail programs cut what is longer than
# about 100 kB.
IN_FULL, IN_BRIEF = 5, 30

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
_ZH_SHORT = dict(zip(Severity, "蓝黄橙红", strict=True))


class Kind(StrEnum):
    """Why a mail is written."""

    NEWS = "news"
    URGENT = "urgent"
    REMINDER = "reminder"
    ESCALATION = "escalation"


@dataclass(frozen=True)
class Digest:
    """What one mail says.

    `held` are alerts that wait behind the daily budget; `closed` names guarantees whose alerts
    were closed; `acts_for` is the absent manager the reader stands in for; `is_unassigned` where
    the reader has to find a manager; `managers` says (of an escalation) who has not answered;
    `link` leads to the page of acknowledgement, until `link_expires`.
    """

    kind: Kind
    recipients: Sequence[Address]
    as_of: date
    now: datetime
    alerts: Sequence[Alert]
    copies: Sequence[Address] = ()
    held: Sequence[Alert] = ()
    closed: Sequence[str] = ()
    acts_for: str = ""
    is_unassigned: bool = False
    role: Role = Role.MANAGER
    managers: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    link: str | None = None
    link_expires: datetime | None = None

    @property
    def counts(self) -> dict[Severity, int]:
        """Alerts by colour, the worst first."""
        counts = Counter(alert.severity for alert in self.alerts)
        return dict(sorted(counts.items(), reverse=True))

    @property
    def respond_by(self) -> datetime:
        """When the first answer is due."""
        return min(alert.respond_by for alert in self.alerts)


def subject(digest: Digest, policy: Policy) -> str:
    """One line that says what matters, Chinese and English.

    For example 【担保预警】3 项待处理：红 1、橙 2 | 3 alerts: 1 red, 2 orange
    """
    zh, en = (words(language)["subjects"] for language in ("zh", "en"))
    n = len(digest.alerts)
    given = {
        "n": n,
        "s": "s" if n > 1 else "",
        "zh": "、".join(f"{_ZH_SHORT[s]} {m}" for s, m in digest.counts.items()),
        "en": ", ".join(f"{m} {s.slug}" for s, m in digest.counts.items()),
        "due": f"{digest.respond_by.astimezone(digest.zone):%m-%d %H:%M}",
        "who": plain_text("、".join(list(digest.managers.values())[:3])) or "–",
    }
    names = {alert.guarantee_id for alert in digest.alerts}
    kind = digest.kind.value
    if digest.kind is Kind.URGENT and len(names) == 1:
        first = _by_urgency(digest.alerts)[0]
        kind = "urgent_one"
        is_whole = is_portfolio(first.guarantee_id)
        given["borrower"] = "" if is_whole else first.detail["borrower"][:20]
        for language in ("zh", "en"):
            given[f"guarantee_{language}"] = _called(first, language)[:40]
            given[f"finding_{language}"] = _finding(first, policy, language)["name"]
    text = f"{zh[kind].format(**given)} | {en[kind].format(**given)}"
    return plain_text(text)[:200]


@cache
def _all_words() -> dict[str, Words]:
    return tomllib.loads((TEMPLATES / "words.toml").read_text(encoding="utf-8"))


def words(language: str) -> Words:
    """Every word of a mail in a language."""
    return _all_words()[language]


def part(digest: Digest, policy: Policy, language: str) -> dict[str, Any]:
    """What the templates show, in one language."""
    said = words(language)
    entries = _entries(digest.alerts, policy, language, digest.zone)
    held = _entries(digest.held, policy, language, digest.zone)
    full, brief = entries[:IN_FULL], entries[IN_FULL : IN_FULL + IN_BRIEF]
    held_shown = held[: IN_BRIEF - len(brief)]
    rest = len(entries) - len(full) - len(brief) + len(held) - len(held_shown)
    due = local_time(digest.respond_by, digest.zone)
    return {
        "words": said,
        "title": said["titles"][digest.kind.value],
        "hello": _hello(digest, said),
        "intro": _intro(digest, said, due),
        "respond_by": said["respond_by"].format(respond_by=due),
        "counts": [
            (_COLOURS[s], f"{said['severities'][s.slug]} {n}") for s, n in digest.counts.items()
        ],
        "entries": full,
        "brief": brief,
        "more": said["more"].format(n=len(brief)),
        "held": held_shown,
        "held_title": said["held"].format(n=len(held)),
        "rest": said["rest"].format(n=rest) if rest else "",
        "closed": _closed(digest.closed, said),
        "link": digest.link,
        "link_text": said["acknowledge"],
        "link_note": said["link_note"].format(
            until=local_time(digest.link_expires, digest.zone) if digest.link_expires else ""
        ),
    }


def _hello(digest: Digest, said: Words) -> str:
    name = plain_text(digest.recipients[0].display_name)
    text: str = said["hello"].format(name=name) if name else said["hello_nobody"]
    return text


def _intro(digest: Digest, said: Words, due: str) -> str:
    managers = "、".join(plain_text(name) for name in digest.managers.values())
    texts = [
        said["intros"][digest.kind.value].format(
            as_of=digest.as_of,
            respond_by=due,
            managers=managers or said["nobody"],
            role=said["roles"][digest.role.value],
        )
    ]
    if digest.is_unassigned:
        texts.insert(0, said["unassigned"])
    if digest.acts_for:
        texts.insert(0, said["acts_for"].format(name=plain_text(digest.acts_for)))
    return str(said["join"]).join(texts)


def _closed(guarantee_ids: Sequence[str], said: Words) -> str:
    if not guarantee_ids:
        return ""
    shown = list(guarantee_ids[:20]) + ["…"] * (len(guarantee_ids) > 20)
    text: str = said["closed"].format(n=len(guarantee_ids), ids=", ".join(shown))
    return text


def local_time(moment: datetime, zone: tzinfo) -> str:
    """A moment where the reader is, with its offset.

    >>> from zoneinfo import ZoneInfo
    >>> local_time(datetime(2024, 6, 30, 20, 5, tzinfo=UTC), ZoneInfo("Asia/Shanghai"))
    '2024-07-01 04:05 (UTC+08:00)'
    """
    here = moment.astimezone(zone)
    offset = here.strftime("%z")
    return f"{here:%Y-%m-%d %H:%M} (UTC{offset[:3]}:{offset[3:]})"


def _entries(
    alerts: Sequence[Alert], policy: Policy, language: str, zone: tzinfo
) -> list[dict[str, Any]]:
    """One entry per guarantee, the worst first, then the most expensive; circles together."""
    by_guarantee: dict[str, list[Alert]] = {}
    for alert in _by_urgency(alerts):
        by_guarantee.setdefault(alert.guarantee_id, []).append(alert)
    circles: dict[str, list[list[Alert]]] = {}
    for found in sorted(by_guarantee.values(), key=_rank):
        circles.setdefault(found[0].circle or found[0].guarantee_id, []).append(found)
    return [
        _entry(found, [o for o in circle if o is not found], policy, language, zone)
        for circle in circles.values()
        for found in circle
    ]


def _by_urgency(alerts: Sequence[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda a: (-a.severity, a.lead_days, a.guarantee_id, a.cause))


def _rank(alerts: Sequence[Alert]) -> tuple[int, float, str]:
    first = alerts[0]
    return -first.severity, -first.expected, first.guarantee_id


def _called(alert: Alert, language: str) -> str:
    """What an alert is about: a guarantee by its number, a part of the book by its title."""
    if is_portfolio(alert.guarantee_id):
        return plain_text(alert.detail["title"][language])
    return plain_text(alert.guarantee_id)


def _entry(
    alerts: Sequence[Alert],
    circle: Sequence[Sequence[Alert]],
    policy: Policy,
    language: str,
    zone: tzinfo,
) -> dict[str, Any]:
    said, first = words(language), alerts[0]
    declared = [rules()[alert.rule] for alert in alerts]
    actions = [rule.action_zh if language == "zh" else rule.action_en for rule in declared]
    due = min(alert.respond_by for alert in alerts)
    about = _nobody() if is_portfolio(first.guarantee_id) else _of_guarantee(first, language)
    return about | {
        "guarantee_id": _called(first, language),
        "severity": said["severities"][first.severity.slug],
        "colour": _COLOURS[first.severity],
        "findings": [_finding(alert, policy, language) for alert in alerts],
        "actions": list(dict.fromkeys(actions)),
        "circle": _circle(first, circle, said),
        "respond_by": said["respond_by"].format(respond_by=local_time(due, zone)),
    }


def _nobody() -> dict[str, Any]:
    """What an alert of a part of the book has not: a borrower, a score, a compensation."""
    nothing: dict[str, Any] = dict.fromkeys(("borrower", "lender", "path_text", "scheme"), "")
    lists = dict.fromkeys(("figures", "path", "reasons", "shares"), ())
    return nothing | lists | {"is_assumed": False, "expected_total": "–", "is_portfolio": True}


def _of_guarantee(first: Alert, language: str) -> dict[str, Any]:
    said, detail = words(language), first.detail
    path = [(str(day), score) for day, score in detail.get("path", ())]
    return {
        "borrower": detail["borrower"],
        "lender": detail["lender"],
        "figures": _figures(detail, said),
        "path": bars(path),
        "path_text": sparkline(path),
        "reasons": [reason[language] for reason in detail["reasons"]],
        "scheme": _scheme(detail, said),
        "is_assumed": detail["scheme_is_assumed"],
        "shares": [
            (said["parties"][party], _money(said, yuan))
            for party, yuan in detail["expected"].items()
        ],
        "expected_total": _money(said, detail["expected_total"]),
        "is_portfolio": False,
    }


def _circle(first: Alert, others: Sequence[Sequence[Alert]], said: Words) -> str:
    if not others:
        return ""
    same = all(other[0].borrower_id == first.borrower_id for other in others)
    names = ", ".join(plain_text(other[0].guarantee_id) for other in others[:5])
    text: str = said["same_borrower" if same else "same_circle"].format(ids=names)
    return text


def _finding(alert: Alert, policy: Policy, language: str) -> dict[str, Any]:
    said, declared = words(language), rules()[alert.rule]
    thresholds = policy.rule(alert.rule, alert.as_of).thresholds
    name, seen = (
        (declared.zh, declared.seen_zh) if language == "zh" else (declared.en, declared.seen_en)
    )
    also = [rules()[code] for code in alert.also if code in rules()]
    notes = [said["combined"].format(sources=alert.note)] if alert.note else []
    if also:
        names = [
            (r.zh if language == "zh" else r.en).format(
                **policy.rule(r.code, alert.as_of).thresholds
            )
            for r in also
        ]
        notes.append(said["also"].format(names=said["comma"].join(names)))
    return {
        "severity": said["severities"][alert.severity.slug],
        "colour": _COLOURS[alert.severity],
        "name": name.format(**thresholds),
        "seen": worded(seen, alert.evidence),
        "change": said["changes"][alert.news.value],
        "notes": notes,
    }


def _figures(detail: Mapping[str, Any], said: Words) -> list[tuple[str, str]]:
    late = detail["days_past_due"]
    late_text = said["unknown"] if late is None else said["days"].format(n=late)
    figures = [
        (said["amount"], _money(said, detail["amount"])),
        (said["balance"], _money(said, detail["balance"])),
        (said["days_past_due"], late_text),
        (said["probability"], f"{detail['default_probability']:.1%}"),
        (said["score"], f"{detail['score']} ({detail['grade']})"),
    ]
    before, days = detail["score_before"], detail["back_days"]
    if before is None:
        then = said["score_was_not"].format(days=days)
    else:
        change = f"{detail['score'] - before:+d}"
        then = said["score_was"].format(days=days, before=before, change=change)
    return [*figures, (said["score_change"], then)]


def _scheme(detail: Mapping[str, Any], said: Words) -> str:
    if not detail["scheme_is_assumed"]:
        kind = "scheme"
    else:
        kind = "assumed" if detail["scheme_given"] else "assumed_none"
    text: str = said[kind].format(scheme=detail["scheme"], given=detail["scheme_given"])
    return text


def _money(said: Words, yuan: str) -> str:
    text: str = said["money"].format(yuan=f"{Decimal(yuan):,.2f}")
    return text
