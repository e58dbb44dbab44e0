"""The robot: signed, told once, refused and away."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from vouch.store.outbox import Channel, MailState, QueuedMail
from vouch.warning.webhook import Robot, message

NOW = datetime(2024, 7, 1, 1, 30, tzinfo=UTC)


@dataclass
class Room:
    """What a robot's room heard."""

    port: int = 0
    status: int = 200
    answer: bytes = b'{"errcode": 0, "errmsg": "ok"}'
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def room() -> Iterator[Room]:
    """A local server that listens like such a robot."""
    kept = Room()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.heard.append((self.path, dict(self.headers), body))
            self.send_response(kept.status)
            self.end_headers()
            self.wfile.write(kept.answer)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


def queued(text: str) -> QueuedMail:
    plain = message("<1@vouch>", text)
    given = {"state": MailState.QUEUED, "attempts": 0, "refusals": 0}
    return QueuedMail(**vars(plain), **given, queued_at=NOW, settled_at=None, last_error=None)


def robot(room: Room, secret: str | None = "s3cret") -> Robot:
    return Robot(f"http://127.0.0.1:{room.port}/send?key=k", secret, lambda: NOW)


def test_a_message_is_signed_as_these_robots_ask(room: Room) -> None:
    assert [refused for _, refused in robot(room).deliver([queued("红色预警")])] == [None]
    ((path, headers, body),) = room.heard
    query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    stamp = str(int(NOW.timestamp() * 1000))
    sign = hmac.new(b"s3cret", f"{stamp}\ns3cret".encode(), hashlib.sha256).digest()
    assert query == {"key": "k", "timestamp": stamp, "sign": base64.b64encode(sign).decode()}
    proof = hmac.new(b"s3cret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Vouch-Signature"] == proof
    assert json.loads(body) == {"msgtype": "text", "text": {"content": "红色预警"}}


def test_without_a_secret_nothing_is_added(room: Room) -> None:
    list(robot(room, None).deliver([queued("x")]))
    assert room.heard[0][0] == "/send?key=k"


@pytest.mark.parametrize(
    ("status", "answer", "reason", "for_good"),
    [
        (200, b'{"errcode": 310000, "errmsg": "sign not match"}', "310000 sign not match", False),
        (404, b"", "answered 404", True),
        (503, b"", "answered 503", False),
    ],
)
def test_what_is_not_taken_is_said(
    room: Room, status: int, answer: bytes, reason: str, for_good: bool
) -> None:
    room.status, room.answer = status, answer
    ((_, refused),) = robot(room).deliver([queued("x")])
    assert refused is not None
    assert (reason in refused.reason, refused.for_good) == (True, for_good)


def test_a_robot_that_is_away_keeps_its_secrets() -> None:
    away = Robot("http://127.0.0.1:1/send?key=hush", "s3cret", lambda: NOW)
    ((_, refused),) = away.deliver([queued("x")])
    assert refused is not None
    assert refused.is_outage
    assert "hush" not in refused.reason + repr(away)
    assert message("<1@vouch>", "x").channel is Channel.WEBHOOK
