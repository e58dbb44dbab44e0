"""Writing a mail and putting it into the outbox with what it reports."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from email import message_from_string
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from vouch.policy.reading import Policy
from vouch.store.alerts import AlertDesk
from vouch.store.outbox import Mail
from vouch.warning.digest import TEMPLATES, Digest, Kind, local_time, part, subject
from vouch.warning.duty import Duty
from vouch.warning.observe import plain_text
from vouch.warning.webhook import message


def post(duty: Duty, desk: AlertDesk, digest: Digest) -> int:
    """Write a mail into the outbox, one row for each recipient; returns how many.

    A mail that cannot be written as it should goes out bare, and the fault is kept.
    """
    if duty.linker is not None:
        link = duty.linker.make(digest)
        desk.add_link(link)
        url = duty.linker.url(link)
        digest = replace(digest, link=url, link_expires=link.expires_at)
    mails = compose(digest, duty.policy, duty.mailer.sender, duty.problems)
    if duty.robot is not None and digest.kind in (Kind.URGENT, Kind.ESCALATION):
        # a robot speaks to a whole room: no names, no figures
        title = plain_text(subject_of(mails[0]))
        mails.append(message(mails[0].message_id, title))
    desk.queue(mails, digest.now)
    return len(mails)


def subject_of(mail: Mail) -> str:
    """The subject line of a mail as people read it."""
    return str(message_from_string(mail.content, policy=SMTP)["Subject"])


def compose(digest: Digest, policy: Policy, sender: Any, problems: list[str]) -> list[Mail]:
    """A mail, text and HTML, for each of its recipients, all with one Message-ID."""
    try:
        title, text, html = _written(digest, policy)
    except Exception as error:
        # whatever the template trips over: news without ornament is worth more than none
        problems.append(f"a mail could not be written as it should ({error!r}); it went out bare")
        title, text, html = *_bare(digest), None
    letter = EmailMessage(policy=SMTP)
    letter["Subject"] = title
    letter["From"] = sender
    letter["To"] = list(digest.recipients)
    if digest.copies:
        letter["Cc"] = list(digest.copies)
    letter["Date"] = format_datetime(digest.now)
    letter["Message-ID"] = message_id = _message_id(digest, sender.domain)
    letter["Auto-Submitted"] = "auto-generated"
    letter["MIME-Version"] = "1.0"
    parts = {"plain": text} | ({"html": html} if html is not None else {})
    content = letter.as_bytes().decode("ascii").rstrip() + "\r\n" + _body(parts, message_id)
    everybody = dict.fromkeys(a.addr_spec for a in (*digest.recipients, *digest.copies))
    return [Mail(message_id, address, content) for address in everybody]


def _body(parts: Mapping[str, str], message_id: str) -> str:
    """The alternatives of a mail with their headers (RFC 2046), each in base64.

    Written here, since the library takes half the time of a large run of the watch to fold what
    needs no folding; base64 never holds the hyphens of the boundary.
    """
    boundary = f"----=_{hashlib.sha256(message_id.encode()).hexdigest()[:32]}"
    lines = [f'Content-Type: multipart/alternative; boundary="{boundary}"', ""]
    for kind, text in parts.items():
        plain = text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        coded = base64.b64encode(plain).decode("ascii")
        lines += [f"--{boundary}", f'Content-Type: text/{kind}; charset="utf-8"']
        lines += ["Content-Transfer-Encoding: base64", ""]
        lines += [coded[at : at + 76] for at in range(0, len(coded), 76)]
    return "\r\n".join([*lines, f"--{boundary}--", ""])


def _written(digest: Digest, policy: Policy) -> tuple[str, str, str]:
    title = subject(digest, policy)
    parts = [part(digest, policy, language) for language in ("zh", "en")]
    values = {"parts": parts, "subject": title}
    return title, *(_template(f"digest.{kind}.jinja").render(values) for kind in ("txt", "html"))


def _bare(digest: Digest) -> tuple[str, str]:
    lines = []
    for alert in digest.alerts:
        due = local_time(alert.respond_by, digest.zone)
        name = plain_text(alert.guarantee_id)
        lines.append(f"{name}  {alert.severity.slug}  {alert.rule}  {due}")
    n = len(digest.alerts)
    title = f"【担保预警】{n} 项待处理 | {n} alerts to answer"
    return title, "\n".join([title, "", *lines, *([digest.link] if digest.link else [])])


def _message_id(digest: Digest, domain: str) -> str:
    told = sorted(f"{a.alert_id} {a.urgency} {a.steps}" for a in digest.alerts)
    to = [a.addr_spec for a in digest.recipients]
    text = "\n".join([digest.kind, *to, digest.now.isoformat(), *told])
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:40]}@{domain or 'vouch'}>"


@cache
def _template(name: str) -> Any:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html.jinja",)),
        undefined=StrictUndefined,
    )
    return environment.get_template(name)
