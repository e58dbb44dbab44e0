"""Alerts of parts of the book: who hears, the same clock and mail, closed when healed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.warning.conftest import AS_OF, NEXT_MONTH, BookWriter, Inbox, Watch
from vouch.domain.alert import AlertState, Severity
from vouch.domain.portfolio_part import PartKind, PortfolioPart
from vouch.errors import PolicyError
from vouch.store.store import Store
from vouch.warning.notify import Mailer

DUTY = """
[person.R1]
name = "赵敏"
email = ["risk@guarantor.cn"]

[person.P1]
email = ["office@province.cn"]

[institution.GC1]
head_of_risk = "R1"

[province]
person = "P1"
"""


def cap(burn: float, guarantor: str | None = "GC1") -> PortfolioPart:
    figures = {"burn": burn, "claims": 20e6 * burn, "cap_amount": 20e6}
    title = ("代偿上限 晋商银行", "Cap Jinshang Bank")
    return PortfolioPart(PartKind.CAP, "batch:L1", *title, guarantor, figures)


@pytest.fixture
def duty_list(tmp_path: Path) -> Path:
    """A head of risk of one institution, and the province."""
    path = tmp_path / "duty.toml"
    path.write_text(DUTY, encoding="utf-8")
    return path


Look = Callable[..., Any]


@pytest.fixture
def look(small_book: BookWriter, watch: Watch, smtp: Mailer, duty_list: Path) -> Look:
    """Watch a book whose cap stands as given."""

    def run(*parts: PortfolioPart, **more: Any) -> Any:
        given = {"by": smtp, "duty_list": duty_list, "portfolio": lambda *_: parts}
        return watch(small_book, **(given | more))

    return run


def of_the_cap(store: Store, live_only: bool = True) -> list[Any]:
    found = store.alerts(live_only=live_only)
    return [a for a in found if a.guarantee_id == "portfolio:cap:batch:L1"]


def text_of(mail: EmailMessage) -> str:
    plain = mail.get_body(("plain",))
    assert plain is not None
    return str(plain.get_content())


def test_the_head_of_risk_is_told_in_words(look: Look, inbox: Inbox, store: Store) -> None:
    look(cap(0.9))
    (mail,) = (m for m in inbox.mails if "risk@guarantor.cn" in str(m["To"]))
    text = text_of(mail)
    assert "[橙色] 代偿上限 晋商银行" in text
    assert "代偿 18,000,000 元，上限 20,000,000 元，已消耗 90%" in text
    assert "claims 18,000,000 of a cap of 20,000,000 yuan, 90% used" in text
    assert "预期代偿分担" not in text  # a part of the book has no borrower and no scheme of its own
    html = mail.get_body(("html",))
    assert html is not None
    assert "Cap Jinshang Bank" in html.get_content()
    (alert,) = of_the_cap(store)
    assert (alert.manager_id, alert.severity) == ("R1", Severity.ORANGE)
    assert alert.respond_by - alert.clock_from == timedelta(hours=24)


def test_beyond_the_cap_is_urgent_and_named_in_the_subject(look: Look, inbox: Inbox) -> None:
    look(cap(1.2))
    subjects = [str(m["Subject"]) for m in inbox.mails if "risk@guarantor.cn" in str(m["To"])]
    assert len(subjects) == 1
    assert subjects[0].startswith("【红色预警】代偿上限 晋商银行 ：代偿上限消耗")
    assert "RED: Cap Jinshang Bank: Compensation cap is burning" in subjects[0]


def test_what_is_no_institutions_goes_to_the_province(look: Look, store: Store) -> None:
    look(cap(0.9, guarantor=None))
    assert [a.manager_id for a in of_the_cap(store)] == ["P1"]


def test_where_nobody_holds_the_office_the_administrator_hears(
    look: Look, inbox: Inbox, store: Store
) -> None:
    report = look(cap(0.9), duty_list=None, administrator="admin@guarantor.cn")
    assert [a.manager_id for a in of_the_cap(store)] == [None]
    assert "portfolio:cap:batch:L1" in report.without_manager
    assert "admin@guarantor.cn" in inbox.recipients


def test_seen_again_it_is_the_same_alert_and_no_news(look: Look, store: Store) -> None:
    look(cap(0.9))
    second = look(cap(0.9), as_of=NEXT_MONTH)
    assert len(of_the_cap(store, live_only=False)) == 1
    assert second.guarantees == 4


def test_healed_it_is_closed_and_not_by_the_end_of_a_guarantee(look: Look, store: Store) -> None:
    look(cap(0.9))
    look(cap(0.3), as_of=NEXT_MONTH)
    (alert,) = of_the_cap(store, live_only=False)
    assert alert.state is AlertState.CLOSED
    assert store.alert_events(alert.alert_id)[-1].note == "healed"


def test_what_cannot_be_measured_stays_as_it_was_and_is_a_problem(look: Look, store: Store) -> None:
    def broken(*_: object) -> list[PortfolioPart]:
        raise PolicyError("cap_rate.toml: version must be a whole number")

    look(cap(0.9))
    report = look(portfolio=broken, as_of=NEXT_MONTH)
    assert [a.state for a in of_the_cap(store)] == [AlertState.OPEN]
    assert any("cap_rate.toml" in problem for problem in report.problems)
    assert report.as_of > AS_OF
