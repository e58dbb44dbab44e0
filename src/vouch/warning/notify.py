"""Getting mails to people: an SMTP server, or files in a folder where there is none."""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from vouch.errors import MailError
from vouch.store.outbox import MailState, QueuedMail
from vouch.store.store import Store

TIMEOUT_SECONDS = 20
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}")

# A mail and what went wrong with it, None where it was handed over.
Outcome = tuple[QueuedMail, str | None]


class Mailer(Protocol):
    """Hands mails over, one outcome each, as soon as it is known; one mail never stops others."""

    @property
    def sender(self) -> Address:
        """Whom mails come from."""
        ...

    def deliver(self, mails: Sequence[QueuedMail]) -> Iterable[Outcome]:
        """Hand mails over in their order."""
        ...


def mailer(smtp_url: str | None, mail_from: str, outbox: Path) -> Mailer:
    """The mailer of the settings: by SMTP, or without an address for it into a folder.

    Args:
        smtp_url: `smtp://`, `smtps://` (TLS) or `smtp+starttls://`, a login before the host.
        mail_from: `name@host` or `Name <name@host>`.
        outbox: where mails become `.eml` files.

    Raises:
        MailError: an address cannot be used.
    """
    name, plain = parseaddr(mail_from)
    if not is_address(plain):
        raise MailError(f"VOUCH_MAIL_FROM is {mail_from!r}; write vouch@example.org")
    sender = Address(name, addr_spec=plain)
    return FolderMailer(sender, outbox) if smtp_url is None else SmtpMailer(sender, smtp_url)


def is_address(text: str | None) -> bool:
    """Whether a mail can be sent there: plain ASCII, one address, nothing smuggled in.

    >>> is_address("li@bank.cn"), is_address("li@bank.cn\\nBcc: x@y.z"), is_address(None)
    (True, False, False)
    """
    return text is not None and _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True)
class FolderMailer:
    """Writes each mail to a file named by its Message-ID, so writing it twice makes one file."""

    sender: Address
    folder: Path

    def deliver(self, mails: Sequence[QueuedMail]) -> Iterator[Outcome]:
        """Write the files, each whole or not at all."""
        for mail in mails:
            try:
                self._write(mail)
            except OSError as error:
                yield mail, f"cannot write to {self.folder}: {error}"
            else:
                yield mail, None

    def _write(self, mail: QueuedMail) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^A-Za-z0-9@.-]", "", mail.message_id)
        draft = self.folder / f".{name}.{os.getpid()}"
        draft.write_bytes(mail.content.encode("ascii"))
        draft.replace(self.folder / f"{name}.eml")


@dataclass(frozen=True)
class SmtpMailer:
    """Hands mails to an SMTP server over one connection, made anew where it breaks.

    Where the server cannot be reached, every mail left shares that outcome without another wait.
    """

    sender: Address
    url: str = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def deliver(self, mails: Sequence[QueuedMail]) -> Iterator[Outcome]:
        """Send the mails."""
        server: smtplib.SMTP | None = None
        for position, mail in enumerate(mails):
            try:
                server = server or self._connect()
            except OSError as error:  # smtplib's errors are OSErrors too
                yield from ((left, _reason(error)) for left in mails[position:])
                return
            try:
                content = mail.content.encode("ascii")
                server.sendmail(self.sender.addr_spec, [mail.recipient], content)
            except OSError as error:
                if not isinstance(error, _SURVIVED):
                    _hang_up(server)
                    server = None
                yield mail, _reason(error)
            else:
                yield mail, None
        _hang_up(server)

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        server = self._open(parts)
        try:
            if parts.scheme == "smtp+starttls":
                server.starttls(context=self._tls())
            if parts.username is not None:
                server.login(unquote(parts.username), unquote(parts.password or ""))
        except BaseException:
            _hang_up(server)
            raise
        return server

    def _open(self, parts: SplitResult) -> smtplib.SMTP:
        host = parts.hostname or ""
        if parts.scheme == "smtps":
            return smtplib.SMTP_SSL(
                host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=self._tls()
            )
        port = parts.port or (587 if parts.scheme == "smtp+starttls" else 25)
        return smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)

    def _tls(self) -> ssl.SSLContext:
        return self.tls or ssl.create_default_context()


# After these the server has refused one mail and waits for the next.
_SURVIVED = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)


def _hang_up(server: smtplib.SMTP | None) -> None:
    if server is not None:
        try:
            server.quit()
        except OSError:
            server.close()


def _reason(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(_answer(*answer) for answer in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return f"the mail server cannot be reached: {error}"


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"the mail server answered {code} {words}"


@dataclass(frozen=True)
class Delivery:
    """How a pass over the outbox went: mails sent, left for the next pass, given up."""

    sent: int
    waiting: int
    given_up: int
    errors: list[str]


def deliver(store: Store, mailer: Mailer, now: datetime) -> Delivery:
    """Deliver every queued mail of the outbox that no other process is delivering."""
    states: Counter[MailState] = Counter()
    errors = []
    for mail, error in mailer.deliver(store.claim_mails(now)):
        states[store.settle_mail(mail, error, now)] += 1
        if error is not None:
            errors.append(f"{mail.recipient}: {error}")
    return Delivery(
        states[MailState.SENT], states[MailState.QUEUED], states[MailState.FAILED], errors
    )
