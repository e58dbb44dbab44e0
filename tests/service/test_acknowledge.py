"""The page behind the link in a mail, as browsers and mail scanners meet it."""

from datetime import date, timedelta
from pathlib import Path

import anyio
import httpx
import pytest

from vouch import clock
from vouch.domain.alert import (
    AlertState,
    Clocked,
    Look,
    Severity,
    Sighting,
    Signal,
    raise_alert,
)
from vouch.service.web import web
from vouch.settings import Settings
from vouch.store.links import Link
from vouch.store.store import Store
from vouch.warning.linking import Linker

KEY, ADDRESS = "s" * 40, "https://vouch.example.org"
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    given = {"VOUCH_HOME": str(tmp_path), "VOUCH_SECRET_KEY": KEY, "VOUCH_PUBLIC_URL": ADDRESS}
    return Settings.from_env(given)


@pytest.fixture
def store(settings):
    opened = Store(settings.store_url)
    yield opened
    opened.close()


class Browser:
    """Opens the page in this process."""

    def __init__(self, settings: Settings) -> None:
        self._transport = httpx.ASGITransport(web(settings))

    def request(self, method: str, address: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://v") as http:
                return await http.request(method, address)

        return anyio.run(ask)

    def get(self, address: str) -> httpx.Response:
        return self.request("GET", address)

    def post(self, address: str) -> httpx.Response:
        return self.request("POST", address)


@pytest.fixture
def client(settings):
    return Browser(settings)


@pytest.fixture
def address(store) -> str:
    """The path of a good link to one alert."""
    now = clock.now()
    signal = Signal("<b>G1</b>", "arrears", "RP02", Severity.RED, 45, {"days_past_due": 45.0})
    seen = Sighting(signal, "M1", detail={"borrower": "晋*公司"})
    look, clocked = Look(date(2024, 6, 30), now, now), Clocked(True, now, now + DAY)
    with store.alert_desk() as desk:
        desk.record([raise_alert("a1", seen, look, clocked)])
        desk.add_link(Link("ab" * 16, ["a1"], "wang@guarantor.cn", now, now + DAY))
        desk.add_link(Link("cd" * 16, ["a1"], "wang@guarantor.cn", now - 2 * DAY, now - DAY))
    return path("ab" * 16)


def path(link_id: str) -> str:
    linker = Linker(KEY, ADDRESS)
    return f"/alerts/acknowledge/{linker.token(link_id)}"


def test_opening_shows_and_changes_nothing(client, store, address):
    for method in ("GET", "HEAD", "GET"):
        answer = client.request(method, address)
        assert answer.status_code == 200
    assert '<form method="post"' in answer.text
    assert "&lt;b&gt;G1&lt;/b&gt;" in answer.text
    assert "晋*公司" in answer.text
    assert store.alerts()[0].state is AlertState.OPEN


def test_the_button_acknowledges_once(client, store, address):
    answer = client.post(address)
    assert answer.status_code == 200
    assert "已确认收到" in answer.text
    assert store.alerts()[0].state is AlertState.ACKNOWLEDGED
    again = client.post(address)
    assert again.status_code == 410
    assert "此链接已使用" in again.text, again.text
    assert "<form" not in client.get(address).text


def test_an_expired_or_forged_link_acknowledges_nothing(client, store, address):
    assert client.post(path("cd" * 16)).status_code == 410
    for forged in (address[:-3], address + "AA", path("ef" * 16), "/alerts/acknowledge/x"):
        assert client.post(forged).status_code == 404
    assert store.alerts()[0].state is AlertState.OPEN


def test_the_page_is_kept_by_nobody_and_framed_by_nobody(client, address):
    headers = client.get(address).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_without_a_secret_there_are_no_links(tmp_path, store, address):
    plain = Settings.from_env({"VOUCH_HOME": str(tmp_path)})
    assert Browser(plain).post(address).status_code == 404
