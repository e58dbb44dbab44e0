"""Links in mails: signed and expiring; one acknowledges, once, and leads to one that answers.

A link names a row of the store and carries a signature over it, so that none can be guessed or
made up; opening it shows a page, and only its button does anything. The link that answers is shown
to whoever pressed the button of the first and lives no longer; it answers each of its alerts once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from vouch.store.links import Link

if TYPE_CHECKING:
    from vouch.warning.digest import Digest

# An answer may come late; after so long the alert has gone up the ladder anyway.
GOOD_FOR = timedelta(days=7)
PATH, ANSWER_PATH = "/alerts/acknowledge", "/alerts/answer"
_ID_BYTES, _PROOF_BYTES = 16, 16


class Purpose(StrEnum):
    """What a link is for; it is part of what is signed, so that none serves for another."""

    ACKNOWLEDGE = "acknowledgement"
    ANSWER = "answer"


@dataclass(frozen=True)
class Linker:
    """Makes links and reads them.

    Args:
        secret: signs links; all processes need the same.
        address: where the service is reached from outside, such as https://vouch.example.org.
    """

    secret: str = field(repr=False)
    address: str

    def make(self, digest: Digest) -> Link:
        """A link for the readers of a mail and the alerts it reports."""
        return Link(
            link_id=secrets.token_bytes(_ID_BYTES).hex(),
            alert_ids=[alert.alert_id for alert in digest.alerts],
            reader=", ".join(a.addr_spec for a in digest.recipients)[:254],
            made_at=digest.now,
            expires_at=digest.now + GOOD_FOR,
        )

    def following(self, link: Link, now: datetime) -> Link:
        """The link that answers the alerts of one that acknowledges."""
        return replace(link, link_id=secrets.token_bytes(_ID_BYTES).hex(), made_at=now)

    def url(self, link: Link) -> str:
        """The address in the mail."""
        return f"{self.address.rstrip('/')}{PATH}/{self.token(link.link_id)}"

    def answer_path(self, link: Link) -> str:
        """Where the service takes the answer."""
        return f"{ANSWER_PATH}/{self.token(link.link_id, Purpose.ANSWER)}"

    def token(self, link_id: str, purpose: Purpose = Purpose.ACKNOWLEDGE) -> str:
        """The signed form of a link's identifier."""
        plain = bytes.fromhex(link_id)
        return base64.urlsafe_b64encode(plain + self._proof(plain, purpose)).rstrip(b"=").decode()

    def read(self, token: str, purpose: Purpose = Purpose.ACKNOWLEDGE) -> str | None:
        """The identifier in a token, or None where the signature is not ours."""
        try:
            whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        plain, proof = whole[:_ID_BYTES], whole[_ID_BYTES:]
        is_ours = len(whole) == _ID_BYTES + _PROOF_BYTES and hmac.compare_digest(
            proof, self._proof(plain, purpose)
        )
        return plain.hex() if is_ours else None

    def _proof(self, plain: bytes, purpose: Purpose) -> bytes:
        text = b"vouch %s " % purpose.value.encode() + plain
        return hmac.new(self.secret.encode(), text, hashlib.sha256).digest()[:_PROOF_BYTES]


def is_expired(link: Link, now: datetime) -> bool:
    """Whether a link's time is over."""
    return link.expires_at <= now
