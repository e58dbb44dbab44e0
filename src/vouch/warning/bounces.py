"""Mails that came back: what a delivery report (RFC 3464) says, kept with the mail it is about."""

from __future__ import annotations

from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from vouch.store.store import Store

_MOST_WORDS = 300


def record_bounce(store: Store, content: bytes, now: datetime) -> int:
    """Note what a delivery report says; returns how many recipients it concerns.

    A report about somebody else's mail, a mere delay, or no report at all concerns none.
    """
    report = message_from_bytes(content, policy=policy.default)
    message_id = _message_id(report)
    if message_id is None:
        return 0
    count = 0
    for block in _blocks(report):
        if str(block.get("Action", "")).strip().lower() != "failed":
            continue
        address = str(block.get("Final-Recipient", "")).rpartition(";")[2].strip()
        reason = str(block.get("Diagnostic-Code") or block.get("Status") or "undeliverable")
        count += store.bounce_mail(message_id, address or None, reason[:_MOST_WORDS], now)
    return count


def _blocks(report: EmailMessage) -> list[Message]:
    for part in report.walk():
        if part.get_content_type() == "message/delivery-status":
            return [block for block in part.get_payload() if isinstance(block, Message)]
    return []


def _message_id(report: EmailMessage) -> str | None:
    """The identifier of the mail that came back: of its copy or its header lines in the report."""
    for part in report.walk():
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload(0)
            return _clean(inner.get("Message-ID")) if isinstance(inner, Message) else None
        if kind == "text/rfc822-headers":
            text = part.get_content()
            return _clean(message_from_bytes(str(text).encode()).get("Message-ID"))
    return None


def _clean(text: object) -> str | None:
    return str(text).strip() if text else None
