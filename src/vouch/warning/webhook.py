"""Telling a robot (DingTalk, WeCom or alike): a signed POST of a short text."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from vouch.store.outbox import Channel, Mail, QueuedMail, Refused
from vouch.warning.notify import Outcome

ROBOT = "robot"
_TIMEOUT_SECONDS = 10.0
_LONGEST_ANSWER = 10_000


@dataclass(frozen=True)
class Robot:
    """Posts messages to an address.

    With a secret, the query carries `timestamp` (milliseconds) and `sign`, the base64 of
    HMAC-SHA256 over "timestamp\\nsecret" as DingTalk asks for it; and the header X-Vouch-Signature
    the hex of HMAC-SHA256 over "timestamp.body", for receivers that want the body proved. The
    header X-Vouch-Message is the same whenever a message is sent again.
    """

    url: str = field(repr=False)
    secret: str | None = field(repr=False)
    clock: Callable[[], datetime]
    timeout: float = _TIMEOUT_SECONDS

    def deliver(self, mails: Sequence[QueuedMail]) -> Iterator[Outcome]:
        """Post the messages."""
        for mail in mails:
            yield mail, self._post(mail)

    def _post(self, mail: QueuedMail) -> Refused | None:
        body = mail.content.encode()
        url, headers = self._signed(body)
        headers |= {
            "Content-Type": "application/json; charset=utf-8",
            "X-Vouch-Message": mail.message_id,
        }
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - settings: http(s) only
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
                return _refusal_in(answer.read(_LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                return Refused(f"the robot answered {error.code}", for_good=error.code < 500)
        except OSError as error:
            # the address carries a key, so it is not named
            return Refused(f"the robot cannot be reached: {error}", is_outage=True)

    def _signed(self, body: bytes) -> tuple[str, dict[str, str]]:
        if self.secret is None:
            return self.url, {}
        stamp, key = str(int(self.clock().timestamp() * 1000)), self.secret.encode()
        sign = hmac.new(key, f"{stamp}\n{self.secret}".encode(), hashlib.sha256).digest()
        proof = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        query = urlencode({"timestamp": stamp, "sign": base64.b64encode(sign).decode()})
        joint = "&" if "?" in self.url else "?"
        return f"{self.url}{joint}{query}", {"X-Vouch-Signature": proof}


def _refusal_in(answer: bytes) -> Refused | None:
    """These robots answer 200 to everything and say in the body whether they took it."""
    try:
        body = json.loads(answer)
    except ValueError:
        return None
    code = body.get("errcode", 0) if isinstance(body, dict) else 0
    return None if code == 0 else Refused(f"the robot answered {code} {body.get('errmsg', '')}")


def message(message_id: str, text: str) -> Mail:
    """A text for the robot, in the shape that DingTalk and WeCom both take."""
    body = {"msgtype": "text", "text": {"content": text}}
    return Mail(message_id, ROBOT, json.dumps(body, ensure_ascii=False), Channel.WEBHOOK)
