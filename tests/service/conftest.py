"""A small book, champions of all three stages trained on it, and the service over them."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from vouch import clock
from vouch.book.book import Book, Known
from vouch.book.ingest import write_batch
from vouch.book.tables import TABLES
from vouch.bootstrap import build
from vouch.domain.access import Institution, Role
from vouch.domain.calendar import month_ends
from vouch.domain.stage import Stage
from vouch.features.facts import Cases, Facts, compute, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.registry import features, named
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle, Training
from vouch.scoring.encode import Encoder
from vouch.scoring.spec import Spec
from vouch.service.desk import Desk
from vouch.service.web import web
from vouch.settings import Settings
from vouch.store.keys import NewKey
from vouch.store.store import Store

Rows = list[dict[str, Any]]
LAST = date(2024, 12, 31)
TODAY = date(2025, 6, 30)

_TERMS = [
    "amount",
    "guaranteed_share",
    "interest_rate",
    "borrower_kind",
    "industry",
    "earlier_guarantees",
    "earlier_compensations",
    # which window is best is the models' business, not this test's
    next(name for name in features() if name.startswith("lender_relative_rate")),
    "book_compensation_rate_1y",
    "lender_typical_amount_2y",
]
_BEHAVIOUR = ["days_past_due_now", "balance_share", "bureau_inquiries_120d", "tax_paid_change_90d"]
FEATURES = {
    Stage.PRE_LOAN: _TERMS,
    Stage.IN_LOAN: _TERMS + _BEHAVIOUR,
    Stage.POST_LOAN: _TERMS + _BEHAVIOUR,
}


def fact(day: date, known: date | None = None, **values: Any) -> dict[str, Any]:
    return {"event_at": day, "known_at": known or day, **values}


def write(path: Path, batch: str, **tables: Rows) -> Book:
    """Add rows to a book."""
    book = Book(path, create=True)
    arrow = {
        name: pa.Table.from_pylist(
            [{c.name: row.get(c.name) for c in TABLES[name].columns} for row in rows],
            schema=pa.schema([(c.name, c.arrow_type) for c in TABLES[name].columns]),
        )
        for name, rows in tables.items()
        if rows
    }
    write_batch(book, batch, "made", arrow, [])
    return Book(path)


def _guarantee(rng: random.Random, number: int) -> dict[str, Any]:
    day = date(2022, 1, 1) + timedelta(days=rng.randrange(1000))
    amount = Decimal(rng.randrange(20_000, 3_000_000)) / 100 * 100
    return fact(
        day,
        guarantee_id=f"G{number}",
        borrower_id=f"B{rng.randrange(60)}",
        lender_id=f"L{rng.randrange(5)}",
        guarantor_id=f"CZ{number % 3}",
        scheme=rng.choice(["8:2", "5:5", None]),
        channel=rng.choice(["direct_link", "batch"]),
        start_on=day,
        maturity_on=day + timedelta(days=365),
        amount=amount,
        guaranteed_amount=(amount * Decimal("0.8")).quantize(Decimal("0.01")),
        interest_rate=round(rng.uniform(0.03, 0.08), 4),
        tenor_months=12,
    )


def _months(rng: random.Random, guarantee: dict[str, Any], is_bad: bool) -> Rows:
    first = guarantee["event_at"]
    days = month_ends(first, min(first + timedelta(days=330), LAST))
    return [
        fact(
            day,
            day + timedelta(days=3),
            guarantee_id=guarantee["guarantee_id"],
            balance=guarantee["amount"],
            days_past_due=30 * i if is_bad and i > 3 else 0,
        )
        for i, day in enumerate(days)
    ]


def _made_book(path: Path) -> Book:
    rng = random.Random(7)
    guarantees = [_guarantee(rng, i) for i in range(400)]
    bad = [rng.random() < 0.2 for _ in guarantees]
    start = date(2021, 1, 1)
    called = [
        fact(g["event_at"] + timedelta(days=250), guarantee_id=g["guarantee_id"])
        | {"compensation_no": 1, "amount": g["amount"]}
        for g, is_bad in zip(guarantees, bad, strict=True)
        if is_bad and g["event_at"] + timedelta(days=250) <= LAST
    ]
    kinds, industries = ("enterprise", "sole_trader", "farmer"), ("F5211", "C2614", "A0111")
    borrowers = [
        fact(start, borrower_id=f"B{i}", kind=kinds[i % 3], industry=industries[i % 3])
        | {"region": "140100", "established_on": date(2010, 1, 1 + i % 28)}
        for i in range(60)
    ]
    borrowers += [  # some changed trade meanwhile
        fact(date(2023, 6, 1), borrower_id=f"B{i}", kind="farmer", industry="A0111")
        for i in range(0, 60, 7)
    ]
    lenders = [fact(start, lender_id=f"L{i}", kind="state", region="140100") for i in range(5)]
    signals = [
        fact(day, borrower_id=f"B{i}", kind=kind, value=round(rng.uniform(0, 9000), 2))
        for i in range(60)
        for day in month_ends(date(2022, 1, 1), LAST)
        for kind in ("tax_paid", "bureau_inquiries")
    ]
    months = [m for g, is_bad in zip(guarantees, bad, strict=True) for m in _months(rng, g, is_bad)]
    return write(
        path,
        "first",
        borrower=borrowers,
        lender=lenders,
        guarantee=guarantees,
        performance=months,
        signal=signals,
        compensation=called,
    )


def trained(book: Book, stage: Stage, seed: int = 1) -> Bundle:
    """A tiny model of the book."""
    known = book.known(LAST)
    index = PortfolioIndex.of(known)
    ids = [f"G{i}" for i in range(400)]
    lag = 0 if stage is Stage.PRE_LOAN else 200
    applied = {r["guarantee_id"]: r["event_at"] for r in known.rows("guarantee").to_pylist()}
    cases = Cases(ids, np.array([to_days(applied[g]) + lag for g in ids]))
    names = FEATURES[stage]
    columns = compute(named(names), cases, Facts.of(known, ids), index)
    encoder = Encoder.fit(columns, fewest=5)
    matrix = encoder.matrix(columns)
    called = set(known.rows("compensation")["guarantee_id"].to_pylist())
    data = lightgbm.Dataset(
        matrix,
        label=[float(g in called) for g in ids],
        categorical_feature=encoder.categories,
        feature_name=names,
    )
    options = {
        "objective": "binary",
        "num_leaves": 7,
        "verbose": -1,
        "seed": seed,
        "num_threads": 1,
    }
    return Bundle(
        spec=Spec.parse(_spec(stage, names)),
        encoder=encoder,
        trees=lightgbm.train(options, data, num_boost_round=20 + seed),
        linear=None,
        slope=0.9,
        intercept=-0.1,
        scale=Policy().scale,
        usual={n: None if n in encoder.levels else float(np.nanmedian(columns[n])) for n in names},
        training=Training(LAST, date(2022, 1, 1), LAST, 400, len(called), "made", seed),
        self_test=[],
        history=index,
    )


def _spec(stage: Stage, names: list[str]) -> str:
    lines = [f'stage = "{stage.value}"', "seed = 1", "[population]"]
    lines += ['moment = "application"', "[label]", "horizon = { months = 12 }", "[trees]"]
    lines += ["rounds = 20", "[calibration]", "folds = 2", "[split]", "validation_months = 6"]
    return "\n".join(lines + ["[features]"] + [f"{name} = {{}}" for name in names])


def pack(bundle: Bundle, folder: Path, version: str) -> None:
    """Lay a bundle down as `Registry.pack` does."""
    target = folder / bundle.stage.slug
    note = {"version": version, "hash": bundle.save(target)}
    (target / "version.json").write_text(json.dumps(note), encoding="utf-8")


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    return _made_book(tmp_path_factory.mktemp("service") / "book")


@pytest.fixture(scope="session")
def bundles(book: Book) -> dict[Stage, Bundle]:
    return {stage: trained(book, stage) for stage in Stage}


@pytest.fixture(scope="session")
def champions(bundles: dict[Stage, Bundle], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("champions")
    for bundle in bundles.values():
        pack(bundle, folder, "3")
    return folder


@pytest.fixture(scope="session")
def train() -> Callable[..., Bundle]:
    return trained


@pytest.fixture(scope="session")
def pack_bundle() -> Callable[[Bundle, Path, str], None]:
    return pack


@pytest.fixture(scope="session")
def add_facts() -> Callable[..., Book]:
    return write


@pytest.fixture(scope="session")
def inline(book: Book) -> Callable[[str, date], dict[str, Any]]:
    """What the book knew of a guarantee on a day, as a request says it."""

    def rows(known: Known, table: str, key: str, value: str | None) -> Rows:
        found = known.query(f"SELECT * FROM {known.current(table)} WHERE {key} = ?", [value])
        return [
            {name: _plain(v) for name, v in row.items() if name in names and v is not None}
            for row in found.to_pylist()
            for names in [TABLES[table].by_name]
        ]

    def case(guarantee_id: str, as_of: date) -> dict[str, Any]:
        known = book.known(as_of)
        guarantee = rows(known, "guarantee", "guarantee_id", guarantee_id)[0]
        return {
            "as_of": as_of.isoformat(),
            "guarantee": guarantee,
            "borrower": rows(known, "borrower", "borrower_id", guarantee["borrower_id"])[0],
            "lender": rows(known, "lender", "lender_id", guarantee["lender_id"])[0],
            "performance": rows(known, "performance", "guarantee_id", guarantee_id)[::-1],
            "signals": rows(known, "signal", "borrower_id", guarantee["borrower_id"]),
        }

    return case


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, date | Decimal) else value


class Client:
    """Talks to an ASGI application in this process."""

    def __init__(self, app: Any, desk: Desk, key: str) -> None:
        self.app = app
        self.desk = desk
        self.key = key
        self.store_url: str = app.state.settings.store_url
        self._loop = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://vouch")

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return self._loop.run(self._http.request(method, path, headers=headers, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def close(self) -> None:
        self._loop.run(self._http.aclose())
        self._loop.close()


def make_key(
    store: Store,
    role: Role = Role.RISK,
    institution: str = "province",
    rate: int | None = 10**9,
    days: int = 1,
) -> str:
    """A key that opens the service."""
    now = clock.now()
    until = now + timedelta(days=days)
    new = NewKey("test", role, Institution.parse(institution), until, rate)
    return store.keys.create(new, "test", now)[1]


MakeSettings = Callable[..., Settings]
Serve = Callable[..., Client]


def _settings(home: Path, book: Book, champions: Path, **changed: str) -> Settings:
    env = {
        "VOUCH_HOME": str(home),
        "VOUCH_BOOK": str(book.path),
        "VOUCH_CHAMPIONS": str(champions),
        "VOUCH_PACKED": "yes",
    }
    return Settings.from_env(env | changed)


@contextmanager
def _serving(settings: Settings) -> Iterator[Client]:
    vouch = build(settings)
    assert vouch.champions.refresh() == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "today", lambda: TODAY)
        vouch.held_book.hold()
    app = web(settings)
    app.state.vouch, app.state.desk = vouch, Desk(vouch)
    for bundle in vouch.champions.held.values():
        app.state.desk.admit(bundle)
    client = Client(app, app.state.desk, make_key(vouch.store()))
    yield client
    client.close()
    vouch.close()


@pytest.fixture(autouse=True)
def _the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "today", lambda: TODAY)


@pytest.fixture
def make_settings(book: Book, champions: Path, tmp_path: Path) -> MakeSettings:
    return partial(_settings, tmp_path / "home", book, champions)


@pytest.fixture
def serve(make_settings: MakeSettings) -> Iterator[Serve]:
    """The service over the made book, in this process, with settings that differ."""
    with ExitStack() as stack:
        yield lambda **changed: stack.enter_context(_serving(make_settings(**changed)))


@pytest.fixture(scope="session")
def client(
    book: Book, champions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """The service over the made book, shared by the tests."""
    with _serving(_settings(tmp_path_factory.mktemp("home"), book, champions)) as client:
        yield client


@pytest.fixture(scope="session")
def keys(client: Client) -> Callable[..., str]:
    """Makes keys that open the shared service."""
    return partial(make_key, client.desk.gate._store())
