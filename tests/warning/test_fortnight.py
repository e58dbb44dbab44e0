"""A fortnight around the National Day of 2024, told hour by hour and compared with the case."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from vouch.domain.alert import Alert, Change
from vouch.policy.reading import SHIPPED, Policy
from vouch.scoring.bundle import Bundle
from vouch.store.alerts import AlertEvent
from vouch.store.store import Store
from vouch.warning.answering import answer, take_up
from vouch.warning.duty import Duty
from vouch.warning.notify import mailer
from vouch.warning.schedule import Watchman

from .conftest import BookWriter

pytestmark = pytest.mark.slow

CASE = tomllib.loads((ROOT / "tests/cases/warning/fortnight.toml").read_text(encoding="utf-8"))
ROUND = timedelta(hours=3)


def here(text: str) -> datetime:
    """A moment of the case, which speaks Chinese time."""
    return datetime.fromisoformat(f"2024-{text}:00+08:00").astimezone(UTC)


class Fortnight:
    """The case, run on a clock moved by hand."""

    def __init__(
        self, writer: BookWriter, champion: Bundle, store: Store, folder: Path, policy: Policy
    ) -> None:
        self.writer, self.store, self.policy = writer, store, policy
        self.now = here(CASE["from"])
        duty_list = folder / "duty.toml"
        duty_list.write_text(CASE["duty_list"], encoding="utf-8")
        duty = Duty(
            policy,
            store,
            mailer(None, "vouch@guarantor.cn", folder / "outbox"),
            policy.calendar(),
            lambda: self.now,
            "watchman",
            administrator="admin@guarantor.cn",
            duty_list=duty_list,
        )
        self.watchman = Watchman(duty, writer.book.path, lambda: champion)
        self.late = dict.fromkeys(CASE["guarantees"], 0)

    def run(self) -> None:
        for manager_id, name, email in CASE["managers"]:
            self.writer.manager(manager_id, name, email or None)
        for guarantee_id, manager_id in CASE["guarantees"].items():
            self.writer.guarantee(guarantee_id, manager_id=manager_id)
        acts = sorted(CASE["act"], key=lambda act: here(act["at"]))
        while self.now <= here(CASE["until"]):
            while acts and here(acts[0]["at"]) <= self.now:
                self.act(acts.pop(0))
            if self.now.hour == 22:  # six in the morning: the bank's file of the day is in
                self.feed()
            self.watchman.round()
            self.now += ROUND

    def feed(self) -> None:
        day = (self.now + timedelta(hours=8)).date()
        self.late |= CASE["days_past_due"].get(f"{day:%m-%d}", {})
        self.writer.month(day, self.late)

    def act(self, act: dict[str, Any]) -> None:
        found = [a for a in self.store.alerts(act["on"]) if a.cause == "arrears"]
        ids = [alert.alert_id for alert in found]
        at = here(act["at"])
        if act["does"] == "acknowledges":
            take_up(self.store, ids, act["who"], at)
        else:
            answer(self.store, ids, act["does"], act["note"], [], act["who"], at)

    def timeline(self) -> list[str]:
        found = [
            (event.at, alert.guarantee_id, alert.cause, number, _line(alert, event))
            for alert in self.store.alerts(live_only=False)
            for number, event in enumerate(self.store.alert_events(alert.alert_id))
            if event.change is not Change.UPDATED
        ]
        return [line for *_, line in sorted(found)]


def _line(alert: Alert, event: AlertEvent) -> str:
    at = event.at + timedelta(hours=8)
    words = [event.note if event.change is not Change.REMINDED else "", event.who]
    to = str(event.given.get("to", ""))
    if to:
        words.append(f"-> {to}")
    if event.change is Change.RESPONDED:
        words.insert(0, f"[{event.given['disposition']}]")
    text = " ".join(word for word in words if word)
    line = (
        f"{at:%m-%d %a %H:%M}  {alert.guarantee_id:7s} {alert.cause:10s} "
        f"{event.severity.slug:6s} {event.change.value:12s} {text}"
    )
    return line.rstrip()


def test_a_fortnight(writer: BookWriter, champion: Bundle, store: Store, tmp_path: Path) -> None:
    folder = shutil.copytree(SHIPPED, tmp_path / "policy")
    numbers = (folder / "warning.toml").read_text(encoding="utf-8")
    # one cause in orange and red, one in yellow: the rest would only lengthen the story
    calm = numbers.replace("default_probability = 0.10", "default_probability = 0.99")
    (folder / "warning.toml").write_text(calm, encoding="utf-8")
    told = Fortnight(writer, champion, store, tmp_path, Policy(folder))
    told.run()
    found = "\n".join(told.timeline())
    assert found.splitlines() == CASE["timeline"].strip().splitlines(), f"\n{found}\n"


def test_the_case_lies_in_days_whose_holidays_are_known() -> None:
    calendar = replace(Policy().calendar())
    assert not calendar.is_worked(date(2024, 10, 1))
    assert calendar.is_worked(date(2024, 9, 29))  # a Sunday worked for it
