"""A small book written by hand, a small champion, and a real mail server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vouch.book.book import Book
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.domain.calendar import month_end
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle, Training
from vouch.scoring.encode import Encoder
from vouch.scoring.spec import Spec
from vouch.store.store import Store
from vouch.warning.duty import Duty
from vouch.warning.notify import Mailer, mailer
from vouch.warning.watch import WatchReport, watch_once

AS_OF = date(2024, 6, 30)
NEXT_MONTH = date(2024, 7, 31)
NOW = datetime(2024, 7, 1, 1, 30, tzinfo=UTC)

SPEC = """
stage = "post_loan"
seed = 1
[population]
moment = "month_end"
[label]
horizon = { days = 180 }
[features]
days_past_due_now = { sign = 1 }
worst_arrears_90d = { sign = 1 }
extensions_180d = { sign = 1 }
[trees]
rounds = 20
[calibration]
folds = 3
[split]
validation_months = 12
"""

# Guarantees and how many of them were compensated, by days past due: what the champion learns.
CALLED = {0: (2000, 20), 5: (100, 4), 35: (100, 30), 70: (50, 30)}


@pytest.fixture(scope="session")
def champion() -> Bundle:
    """A model of few trees on arrears alone: later is worse."""
    spec = Spec.parse(SPEC)
    counts = CALLED.values()
    days = np.repeat(list(CALLED), [all_ for all_, _ in counts]).astype(float)
    outcome = np.concatenate([np.arange(all_) < called for all_, called in counts]).astype(float)
    rows = np.column_stack([days, days, np.zeros(len(days))])
    settings = {
        "objective": "binary",
        "min_data_in_leaf": 20,
        "learning_rate": 0.3,
        "monotone_constraints": list(spec.signs.values()),
        "verbose": -1,
        "num_threads": 1,
        "deterministic": True,
        "seed": spec.seed,
    }
    trees = lightgbm.train(settings, lightgbm.Dataset(rows, outcome), num_boost_round=20)
    return Bundle(
        spec=spec,
        encoder=Encoder(tuple(spec.signs), {}),
        trees=lightgbm.Booster(model_str=trees.model_to_string()),
        linear=None,
        slope=1.0,
        intercept=0.0,
        scale=Policy().scale,
        usual=dict.fromkeys(spec.signs, 0.0),
        training=Training(date(2023, 1, 31), AS_OF, AS_OF, len(rows), 84, "", 1),
        self_test=[],
        version="7",
        hash="abc",
    )


@dataclass
class BookWriter:
    """Adds facts to a book, each call one batch."""

    book: Book
    batches: int = 0

    def add(self, **tables: Sequence[Mapping[str, Any]]) -> None:
        """Rows by table; columns not given are empty, `known_at` is `event_at`."""
        self.batches += 1
        typed = {}
        for name, rows in tables.items():
            names = [column.name for column in TABLES[name].columns]
            full = [{"known_at": row["event_at"], **row} for row in rows]
            schema = pa.schema([TABLES[name].arrow_schema.field(n) for n in names])
            typed[name] = pa.Table.from_pylist(full, schema=schema)
        write_batch(self.book, f"b{self.batches}", "vouch", typed, [])

    def manager(self, manager_id: str, name: str, email: str | None) -> None:
        """An account manager."""
        row = {"manager_id": manager_id, "name": name, "email": email}
        self.add(manager=[row | {"event_at": date(2020, 1, 1)}])

    def guarantee(self, guarantee_id: str, **changed: Any) -> None:
        """A guarantee of one million from 2023-12-01 on, with its borrower and lender."""
        start = date(2023, 12, 1)
        row = {
            "guarantee_id": guarantee_id,
            "borrower_id": f"B-{guarantee_id}",
            "lender_id": "L1",
            "manager_id": "M1",
            "scheme": "8:2",
            "start_on": start,
            "amount": Decimal("1000000.00"),
            "event_at": start,
        }
        name = changed.pop("name", "晋中恒达机械有限公司")
        borrower = {"borrower_id": row["borrower_id"], "name": name, "event_at": start}
        lender = {"lender_id": "L1", "name": "晋商银行", "event_at": start}
        self.add(guarantee=[row | changed], borrower=[borrower], lender=[lender])

    def month(self, day: date, late: Mapping[str, int], balance: str = "800000.00") -> None:
        """Days past due by guarantee at one month end."""
        self.add(
            performance=[
                {
                    "guarantee_id": name,
                    "event_at": day,
                    "days_past_due": days,
                    "balance": Decimal(balance),
                }
                for name, days in late.items()
            ]
        )

    def release(self, guarantee_id: str, day: date) -> None:
        """The end of a guarantee."""
        row = {"guarantee_id": guarantee_id, "release_no": 1, "cause": "repaid", "is_final": True}
        self.add(release=[row | {"event_at": day}])


@pytest.fixture
def writer(tmp_path: Path) -> BookWriter:
    """An empty book with a pen."""
    return BookWriter(Book(tmp_path / "book", create=True))


MONTHS = [month_end(date(2024, month, 1)) for month in range(1, 7)]


@pytest.fixture
def small_book(writer: BookWriter) -> BookWriter:
    """Four guarantees of two managers as of AS_OF: 45 and 5 days late, and two sound ones."""
    writer.manager("M1", "王芳", "wang@guarantor.cn")
    writer.manager("M2", "李雷", "li@guarantor.cn")
    for name, manager in {"G1": "M1", "G2": "M2", "G3": "M1", "G4": "M2"}.items():
        writer.guarantee(name, manager_id=manager)
    for day in MONTHS:
        is_last = day == AS_OF
        writer.month(day, {"G1": 45 * is_last, "G2": 5 * is_last, "G3": 0, "G4": 0})
    return writer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A fresh store."""
    opened = Store(f"sqlite:///{tmp_path / 'vouch.db'}")
    yield opened
    opened.close()


Watch = Callable[..., WatchReport]


@pytest.fixture
def watch(champion: Bundle, store: Store, tmp_path: Path) -> Watch:
    """Watch a book as of a date, an hour later each time, into files unless told otherwise."""
    runs = iter(range(1000))
    to_folder = mailer(None, "vouch@guarantor.cn", tmp_path / "outbox")

    def run(
        writer: BookWriter,
        as_of: date = AS_OF,
        by: Mailer = to_folder,
        policy: Policy | None = None,
        **more: Any,
    ) -> WatchReport:
        now = more.pop("now", NOW + timedelta(hours=next(runs)))
        policy = policy or Policy()
        known_at = more.pop("known_at", None)
        duty = Duty(policy, store, by, policy.calendar(), lambda: now, "test", **more)
        return watch_once(duty, Book(writer.book.path), champion, as_of, known_at)

    return run


@dataclass
class Inbox:
    """What a mail server took, and whom it refuses."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    hangs_up_on: set[str] = field(default_factory=set)

    async def handle_RCPT(
        self, server: SmtpServer, session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """Take or refuse a recipient."""
        if address in self.refuses:
            return "550 no such user here"
        if address in self.hangs_up_on:
            server.transport.close()
            return "421 shutting down"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SmtpServer, session: Session, envelope: Envelope) -> str:
        """Keep a mail."""
        assert isinstance(envelope.content, bytes)
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        self.recipients += envelope.rcpt_tos
        return "250 OK"


class MailServer(Controller):
    """A mail server on a free port of loopback, which it keeps when started again."""

    def __init__(self, inbox: Inbox, **settings: Any) -> None:
        super().__init__(inbox, hostname="127.0.0.1", port=inbox.port, **settings)

    def _trigger_server(self) -> None:
        self.port = self.handler.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A mail server that is up, and what it took."""
    kept = Inbox()
    server = MailServer(kept)
    server.start()
    yield kept
    server.stop()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(pem))
    plain = serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return paths


def authenticator(*_given: Any) -> AuthResult:
    """Knows one login."""
    login = _given[-1]
    is_right = isinstance(login, LoginPassword) and login == LoginPassword(b"vouch@x", b"p:w/d")
    return AuthResult(success=is_right, handled=is_right)


@pytest.fixture
def smtp(inbox: Inbox) -> Mailer:
    """A mailer to that server."""
    return mailer(f"smtp://127.0.0.1:{inbox.port}", "Vouch <vouch@guarantor.cn>", Path("unused"))
