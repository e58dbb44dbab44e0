"""What breaks, breaks under load; what was promised holds.

No decision is answered that is not stored, none is stored twice, none is lost: whoever was refused
or cut off asks again under the same key and is given the one decision there is.
"""

import asyncio
import json
import resource
import shutil
import signal
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from tests.conftest import fresh_schema
from tests.processes import free_port, running
from tests.service.asking import PATH, Asking, case, check_promises
from tests.service.proxy import Proxy
from vouch.service.serve import LOOPBACK
from vouch.store.engine import Database

pytestmark = pytest.mark.slow


class World:
    """A service and its store."""

    def __init__(self, http, store_url):
        self.http = http
        self.store_url = store_url

    def asking(self, name):
        return Asking(self.http, name)

    def workers(self):
        """The processes that answer."""
        port = self.http.base_url.port
        return [
            child
            for child in psutil.Process().children(recursive=True)
            if any(c.laddr and c.laddr.port == port for c in child.net_connections("tcp"))
            and not child.children()
        ]

    def health(self):
        return self.http.get("/v1/health").json()


@pytest.fixture
def sqlite(make_settings):
    """Two workers over one SQLite file."""
    settings = make_settings(VOUCH_WORKERS="2", VOUCH_FOLLOW_SECONDS="2")
    with running(settings, free_port()) as http:
        yield World(http, settings.store_url)


def test_sqlite_loses_nothing_by_a_kill_a_lock_or_a_full_disk(sqlite):
    asking = sqlite.asking("sqlite")
    with asking.going_on(6):
        time.sleep(1)
        kill_one(sqlite)
        time.sleep(1)
        with locked(sqlite.store_url):
            time.sleep(2)
        before = len(asking.answered)
        with full_disk(sqlite):
            time.sleep(2)
            assert sqlite.http.post(PATH, json=[case(1)]).status_code == 503
        time.sleep(1)
    assert len(asking.answered) > before
    assert set(asking.statuses()) <= {503}
    assert asking.statuses()[503] > 0
    assert all(answer.headers["retry-after"] for answer in asking.refused)
    asking.ask_again()
    check_promises(asking, sqlite.store_url)


def kill_one(world):
    victim = max(world.workers(), key=lambda worker: worker.memory_info().rss)
    victim.send_signal(signal.SIGKILL)


@contextmanager
def locked(store_url):
    """Another process writes and writes."""
    database = Database(store_url)
    with database.writing() as connection:
        connection.execute(text("UPDATE audit_head SET number = number"))
        yield
    database.close()


@contextmanager
def full_disk(world):
    """No file of the workers may grow, or be written beyond its first page."""
    workers = [worker.pid for worker in world.workers()]
    assert workers
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in workers}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="module")
def postgresql(book, champions, postgres_server, tmp_path_factory):
    """A service whose PostgreSQL is behind a proxy, and the address that goes around it."""
    from tests.service.conftest import _settings

    direct = fresh_schema(postgres_server)
    server = Path(direct.partition("host=")[2].partition("&")[0])
    folder = Path(tempfile.mkdtemp(prefix="vouch-"))  # a socket's path has to be short
    proxy = Proxy(folder, server)
    changed = {
        "VOUCH_STORE_URL": direct.replace(str(server), str(folder)),
        "VOUCH_FOLLOW_SECONDS": "1",
    }
    settings = _settings(tmp_path_factory.mktemp("faults"), book, champions, **changed)
    with running(settings, free_port()) as http:
        yield World(http, direct), proxy
    proxy.close()
    shutil.rmtree(folder)


def test_postgresql_loses_nothing_by_being_away_silent_or_slow(postgresql):
    world, proxy = postgresql
    asking = world.asking("postgresql")
    with asking.going_on(6):
        time.sleep(1)
        with proxy.away():
            time.sleep(2)
            refused = world.http.post(PATH, json=[case(1)])
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert world.http.get("/health").status_code == 503
            assert world.http.get("/livez").status_code == 200
        time.sleep(1)
        with proxy.slow(0.05):
            time.sleep(2)
        before = len(asking.answered)
        with proxy.silent():
            time.sleep(10)
    assert len(asking.answered) > before
    assert set(asking.statuses()) == {503}
    assert all(answer.headers["retry-after"] for answer in asking.refused)
    assert {answer.json()["error"]["code"] for answer in asking.refused} == {"unavailable"}
    asking.ask_again()
    assert world.health()["status"] == "ok"
    check_promises(asking, world.store_url)


def test_ten_times_too_much_is_sent_away_and_then_all_is_well(postgresql):
    """A slow store answers some dozen at once; four hundred ask."""
    world, proxy = postgresql
    with proxy.slow(0.05):
        found = asyncio.run(asked_at_once(world.http, 400))
    statuses = {status for status, _ in found}
    assert {200, 503} <= statuses <= {200, 503, 504}  # 504: a busy machine's own time-out
    assert all("retry-after: 1" in head for status, head in found if status == 503)
    began = time.monotonic()
    assert world.http.post(PATH, json=case(0)).status_code == 200
    assert time.monotonic() - began < 5


async def asked_at_once(http, clients):
    """Status and head of each answer; plain sockets, because a client that does more is slower."""
    headers = "\r\n".join(f"{name}: {value}" for name, value in http.headers.items())

    async def ask(number):
        body = json.dumps(case(number)).encode()
        head = f"POST {PATH} HTTP/1.1\r\nhost: {LOOPBACK}\r\n{headers}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        reader, writer = await asyncio.open_connection(LOOPBACK, http.base_url.port)
        writer.write(head.encode() + b"connection: close\r\n\r\n" + body)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        writer.close()
        return int(answer.split()[1]), answer.decode().lower()

    return await asyncio.gather(*(ask(number) for number in range(clients)))
