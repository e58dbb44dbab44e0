"""Getting mails to people: an SMTP server, or files in a folder where there is none."""

from __future__ import annotations

import hashlib
import os
import re
import smtplib
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from vouch.errors import MailError
from vouch.store.outbox import Channel, MailState, QueuedMail, Refused
from vouch.store.store import Store

# Twenty mails that each wait so long are still delivered within one claim of the outbox.
TIMEOUT_SECONDS = 20.0
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,189}")

# A message and what went wrong with it, None where it was handed over.
Outcome = tuple[QueuedMail, Refused | None]


class Courier(Protocol):
    """Hands messages over, one outcome each, as soon as it is known; none stops the others."""

    def deliver(self, mails: Sequence[QueuedMail]) -> Iterable[Outcome]:
        """Hand messages over in their order."""
        ...


class Mailer(Courier, Protocol):
    """A courier of mails."""

    @property
    def sender(self) -> Address:
        """Whom mails come from."""
        ...

    def deliver(self, mails: Sequence[QueuedMail]) -> Iterable[Outcome]:
        """Hand mails over in their order."""
        ...


def mailer(
    smtp_url: str | None, mail_from: str, outbox: Path, per_minute: int | None = None
) -> Mailer:
    """The mailer of the settings: by SMTP, or without an address for it into a folder.

    Args:
        smtp_url: `smtp://`, `smtps://` (TLS) or `smtp+starttls://`, a login before the host.
        mail_from: `name@host` or `Name <name@host>`.
        outbox: where mails become `.eml` files.
        per_minute: most mails a server is given in a minute.

    Raises:
        MailError: an address cannot be used.
    """
    name, plain = parseaddr(mail_from)
    if not is_address(plain):
        raise MailError(f"VOUCH_MAIL_FROM is {mail_from!r}; write vouch@example.org")
    sender = Address(name, addr_spec=plain)
    if smtp_url is None:
        return FolderMailer(sender, outbox)
    return SmtpMailer(sender, smtp_url, pause=60 / per_minute if per_minute else 0.0)


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
                yield mail, Refused(f"cannot write to {self.folder}: {error}")
            else:
                yield mail, None

    def _write(self, mail: QueuedMail) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # further recipients of one mail have a file each
        to = hashlib.sha256(mail.recipient.encode()).hexdigest()[:6]
        name = re.sub(r"[^A-Za-z0-9@.-]", "", f"{mail.message_id}.{to}")
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
    pause: float = 0.0
    timeout: float = TIMEOUT_SECONDS

    def deliver(self, mails: Sequence[QueuedMail]) -> Iterator[Outcome]:
        """Send the mails."""
        server: smtplib.SMTP | None = None
        for position, mail in enumerate(mails):
            if self.pause and position:
                time.sleep(self.pause)
            try:
                server = server or self._connect()
            except OSError as error:  # smtplib's errors are OSErrors too
                refused = Refused(_reason(error), is_outage=True)
                yield from ((left, refused) for left in mails[position:])
                return
            refused_one, server = self._send(server, mail)
            yield mail, refused_one
        _hang_up(server)

    def _send(
        self, server: smtplib.SMTP, mail: QueuedMail
    ) -> tuple[Refused | None, smtplib.SMTP | None]:
        try:
            content = mail.content.encode("ascii")
            server.sendmail(self.sender.addr_spec, [mail.recipient], content)
        except OSError as error:
            refused = Refused(_reason(error), for_good=_is_for_good(error))
            if isinstance(error, _SURVIVED):
                return refused, server
            _hang_up(server)
            return refused, None
        return None, server

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
                host, parts.port or 465, timeout=self.timeout, context=self._tls()
            )
        port = parts.port or (587 if parts.scheme == "smtp+starttls" else 25)
        return smtplib.SMTP(host, port, timeout=self.timeout)

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


def _is_for_good(error: OSError) -> bool:
    """Whether the server says that it will never take this: answers from 500 on."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500


def _reason(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(_answer(*answer) for answer in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return f"the mail server cannot be reached: {error}"


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"the mail server answered {code} {words}"


@dataclass
class Delivery:
    """How a pass over the outbox went: messages sent, left for the next pass, given up."""

    sent: int = 0
    waiting: int = 0
    given_up: int = 0
    errors: list[str] = field(default_factory=list)

    def count(self, mail: QueuedMail, state: MailState, refused: Refused | None) -> None:
        """Add an outcome."""
        self.sent += state is MailState.SENT
        self.waiting += state is MailState.QUEUED
        self.given_up += state in (MailState.FAILED, MailState.BOUNCED)
        if refused is not None:
            self.errors.append(f"{mail.recipient}: {refused.reason}")


def deliver(
    store: Store,
    couriers: Mapping[Channel, Courier],
    clock: Callable[[], datetime],
    keep: Callable[[], object] = lambda: None,
) -> Delivery:
    """Deliver every message of the outbox that is due and that no other process is delivering.

    Args:
        keep: called before every batch: renews the lease of whoever delivers.
    """
    done = Delivery()
    start = clock()
    away: set[Channel] = set()
    while True:
        keep()
        claimed = store.claim_mails(clock(), start, [c for c in couriers if c not in away])
        if not claimed:
            return done
        for channel, courier in couriers.items():
            mine = [mail for mail in claimed if mail.channel is channel]
            for mail, refused in courier.deliver(mine):
                state = store.settle_mail(mail, refused, clock())
                done.count(mail, state, refused)
                if refused is not None and refused.is_outage:
                    away.add(channel)
