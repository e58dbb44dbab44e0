"""The page behind the link in a mail, as browsers and mail scanners meet it."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

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
Form = dict[str, Any]


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

    def request(self, method: str, address: str, form: Form | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://v") as http:
                return await http.request(method, address, data=form)

        return anyio.run(ask)

    def get(self, address: str) -> httpx.Response:
        return self.request("GET", address)

    def post(self, address: str, form: Form | None = None) -> httpx.Response:
        return self.request("POST", address, form)


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


def answer_address(client, address) -> str:
    """Where the page that acknowledged lets one answer."""
    (found,) = set(re.findall(r'action="(/alerts/answer/[^"]+)"', client.post(address).text))
    return found


GIVEN = {"alert": "a1", "disposition": "visited", "note": "6 月回款延迟，约定 15 日前还清"}


def test_whoever_acknowledged_can_answer_on_the_same_page(client, store, address):
    place = answer_address(client, address)
    shown = client.get(place)
    assert shown.status_code == 200
    assert "已走访" in shown.text
    assert store.alerts()[0].state is AlertState.ACKNOWLEDGED

    answer = client.post(place, GIVEN | {"evidence": "走访照片 3 张\r\n还款计划\r\n"})
    assert answer.status_code == 200
    assert "处理结果已登记" in answer.text
    (alert,) = store.alerts()
    assert (alert.state, alert.disposition) == (AlertState.RESPONDED, "visited")
    event = store.alert_events("a1")[-1]
    assert (event.who, event.note) == ("wang@guarantor.cn", GIVEN["note"])
    assert event.given["evidence"] == ["走访照片 3 张", "还款计划"]

    # what is answered is answered
    again = client.post(place, GIVEN | {"disposition": "false_alarm"})
    assert again.status_code == 422
    assert store.alerts()[0].disposition == "visited"


@pytest.mark.parametrize(
    "wrong", [{"disposition": ""}, {"disposition": "x"}, {"note": "  "}, {"alert": "a2"}]
)
def test_an_answer_that_cannot_be_taken_is_said_and_changes_nothing(client, store, address, wrong):
    place = answer_address(client, address)
    answer = client.post(place, GIVEN | wrong)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "<textarea" in answer.text
    assert store.alerts()[0].state is AlertState.ACKNOWLEDGED
    assert client.post(place, GIVEN).status_code == 200


def test_a_link_serves_for_nothing_else(client, store, address):
    mailed = address.replace("acknowledge", "answer")
    assert client.post(mailed, GIVEN).status_code == 404
    place = answer_address(client, address)
    assert client.post(place.replace("answer", "acknowledge")).status_code == 404
    assert store.alerts()[0].state is AlertState.ACKNOWLEDGED


def test_a_form_longer_than_any_answer_is_refused(client, store, address):
    place = answer_address(client, address)
    assert client.post(place, GIVEN | {"note": "长" * 70_000}).status_code == 413
    assert store.alerts()[0].state is AlertState.ACKNOWLEDGED
