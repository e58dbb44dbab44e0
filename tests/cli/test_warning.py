"""`vouch warning`: from the list to the answer and the figures, as a person types it."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vouch import clock
from vouch.cli import app
from vouch.cli.terminal import UsageError
from vouch.domain.alert import Clocked, Look, Severity, Sighting, Signal, raise_alert, tell
from vouch.errors import AnswerError
from vouch.store.outbox import Mail, MailState
from vouch.store.store import Store

NOW = clock.now()
HOUR = timedelta(hours=1)


def raised(alert_id: str, guarantee_id: str, manager: str, severity: Severity, told: bool):
    """An alert known 30 hours ago, so that its answer is 6 hours late; told then, or held."""
    known = NOW - 30 * HOUR
    signal = Signal(guarantee_id, "arrears", "RP02", severity, 45, {"days_past_due": 45.0})
    seen = Sighting(signal, manager, guarantor_id="GR1", detail={"borrower": "晋*公司"})
    clocked = Clocked(True, known, known + 24 * HOUR)
    change = raise_alert(alert_id, seen, Look(date(2024, 6, 30), known, known), clocked)
    if not told:
        return [change]
    return [change, tell(change.alert, clocked, None, "wang@guarantor.cn", known)]


@pytest.fixture
def store(tmp_path: Path):
    opened = Store(f"sqlite:///{tmp_path / 'vouch.db'}")
    with opened.alert_desk() as desk:
        for change in (
            *raised("aa1", "G1", "M1", Severity.RED, told=True),
            *raised("ab2", "G2", "M2", Severity.ORANGE, told=True),
            *raised("ac3", "G3", "M1", Severity.YELLOW, told=False),
        ):
            desk.record([change])
    yield opened
    opened.close()


@pytest.fixture
def warning(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    runner = CliRunner(env={"VOUCH_HOME": str(tmp_path)})

    def run(*words: str) -> str:
        return runner.invoke(app, ["warning", *words], catch_exceptions=False).output

    return run


def identifiers(listed: str) -> list[str]:
    return [alert["alert_id"] for alert in json.loads(listed)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["aa1", "ab2", "ac3"]),
        (("--manager", "M1"), ["aa1", "ac3"]),
        (("--guarantee", "G2"), ["ab2"]),
        (("--state", "held"), ["ac3"]),
        (("--state", "overdue"), ["aa1", "ab2"]),
        (("--state", "closed"), []),
        (("--most", "1"), ["aa1"]),
    ],
)
def test_the_list_shows_the_most_urgent_first(warning, words, expected) -> None:
    assert identifiers(warning("list", *words, "--json")) == expected


def test_the_list_says_what_is_held_and_how_many_there_are(warning) -> None:
    lines = warning("list", "--most", "2").splitlines()
    assert lines[0].split()[:3] == ["aa1", "red", "open"]
    assert "晋*公司" in lines[0]
    assert lines[-1] == "3 warnings, 2 shown"
    assert warning("list", "--state", "held").splitlines()[0].split()[2] == "held"


def test_from_acknowledged_to_answered_to_closed(warning, store: Store) -> None:
    assert warning("ack", "aa", "ab", "--who", "wang").strip() == "2 acknowledged"
    assert warning("ack", "aa", "--who", "wang").strip() == "0 acknowledged"
    words = (
        "--disposition",
        "已走访",
        "--note",
        "15 日前还清",
        "--evidence",
        "照片",
        "--who",
        "wang",
    )
    assert warning("respond", "aa", *words).strip() == "1 answered"
    assert warning("close", "aa", "--note", "还清", "--who", "zhao").strip() == "1 closed"
    shown = warning("show", "aa")
    for part in ("raised", "told", "acknowledged", "responded", "closed", "wang 15 日前还清"):
        assert part in shown
    (alert,) = store.alerts("G1", live_only=False)
    assert (alert.state.value, alert.disposition) == ("closed", "visited")
    assert identifiers(warning("list", "--json")) == ["ab2", "ac3"]
    assert identifiers(warning("list", "--state", "closed", "--json")) == ["aa1"]


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("show", "zz"), UsageError, "no warning called 'zz'"),
        (("ack", "a"), UsageError, "several warnings called 'a'"),
        (("list", "--state", "lost"), UsageError, "there is no state 'lost'"),
        (("close", "aa"), AnswerError, "has not been answered"),
        (
            ("respond", "aa", "--disposition", "dreamt", "--note", "x"),
            AnswerError,
            "visited \\(已走访\\)",
        ),
        (
            ("respond", "aa", "--disposition", "visited", "--note", " "),
            AnswerError,
            "say in a note",
        ),
    ],
)
def test_what_cannot_be_done_is_said(warning, store: Store, words, error, says) -> None:
    before = store.alerts(live_only=False)
    with pytest.raises(error, match=says):
        warning(*words)
    assert store.alerts(live_only=False) == before


def test_the_report_counts_by_institution_and_manager(warning) -> None:
    warning("respond", "ab", "--disposition", "visited", "--note", "ok", "--who", "li")
    found = json.loads(warning("report", "--json"))
    # two were told and due 6 hours ago: one is answered now, late, after 30 hours; one is overdue
    whole = found["whole"]
    assert (whole["told"], whole["answered"], whole["in_time"], whole["overdue"]) == (2, 1, 0.0, 1)
    assert whole["median_hours"] == 30.0
    assert set(found["by_institution"]) == {"GR1"}
    assert {name: m["overdue"] for name, m in found["by_manager"].items()} == {"M1": 1, "M2": 0}
    assert [late["guarantee_id"] for late in found["overdue"]] == ["G1"]
    text = warning("report")
    assert "held back by the daily budget: 1" in text
    assert "6.0 h over" in text


BOUNCE = """MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.guarantor.cn

Final-Recipient: rfc822; wang@guarantor.cn
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: <m1@vouch>

--b--
"""


def test_what_came_back_is_noted(warning, store: Store, tmp_path: Path) -> None:
    with store.alert_desk() as desk:
        desk.queue([Mail("<m1@vouch>", "wang@guarantor.cn", "Subject: x\n\nx")], NOW)
    (tmp_path / "back.eml").write_text(BOUNCE, encoding="ascii")
    assert warning("bounced", str(tmp_path / "back.eml")).strip() == "back.eml: 1 recipients noted"
    assert [mail.state for mail in store.mails()] == [MailState.BOUNCED]


def test_runs_are_none_before_the_first(warning) -> None:
    assert json.loads(warning("runs", "--json")) == []
