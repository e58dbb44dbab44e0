"""Warnings for people without the mail: what is live, what was done, how well it is answered."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouch import clock
from vouch.cli.options import JsonOption, show
from vouch.cli.terminal import UsageError, day, say, say_json
from vouch.settings import Settings

if TYPE_CHECKING:
    from vouch.bootstrap import Vouch
    from vouch.domain.alert import Alert
    from vouch.warning.reporting import Figures

app = typer.Typer(help="Warnings: list, acknowledge, answer, close, report.", no_args_is_help=True)

Alerts = Annotated[list[str], typer.Argument(help="Alerts by identifier, or by its first letters")]
Who = Annotated[str | None, typer.Option("--who", help="Who acts; default: the login name")]


def _parts() -> Vouch:
    from vouch.bootstrap import build

    return build(Settings.from_env())


@app.command("list")
def list_(
    manager: Annotated[str | None, typer.Option(help="Only of this account manager")] = None,
    guarantee: Annotated[str | None, typer.Option(help="Only of this guarantee")] = None,
    state: Annotated[
        str | None,
        typer.Option(help="held, overdue, open, acknowledged, responded or closed; default: live"),
    ] = None,
    most: Annotated[int, typer.Option(help="At most so many lines")] = 100,
    json_: JsonOption = False,
) -> None:
    """List warnings, the most urgent first; `--state held` shows what waits behind the budget."""
    parts = _parts()
    found = parts.store().alerts(guarantee, live_only=state != "closed")
    chosen = [a for a in found if manager in (None, a.manager_id) and _is_in(a, state)]
    if json_:
        say_json([asdict(alert) for alert in chosen[:most]])
        return
    from vouch.warning.digest import local_time

    zone = parts.settings.timezone
    for alert in chosen[:most]:
        due = local_time(alert.respond_by, zone)[:16] if alert.needs_answer else "–"
        waits = "held" if _is_in(alert, "held") else alert.state.value
        say(
            f"{alert.alert_id[:8]}  {alert.severity.slug:6s}  {waits:12s}  {due:16s}  "
            f"{alert.manager_id or '–':12s}  {alert.rule:5s}  {alert.guarantee_id}  "
            f"{alert.detail.get('borrower', '')}"
        )
    say(f"{len(chosen)} warnings" + (f", {most} shown" if len(chosen) > most else ""))


def _is_in(alert: Alert, state: str | None) -> bool:
    states = ("held", "overdue", "open", "acknowledged", "responded", "closed")
    if state is None:
        return True
    if state not in states:
        raise UsageError(f"there is no state {state!r}; choose one of {', '.join(states)}")
    is_waiting = alert.state.is_waiting and alert.needs_answer
    if state == "held":
        return is_waiting and alert.told_at is None
    if state == "overdue":
        return is_waiting and alert.told_at is not None and alert.respond_by < clock.now()
    return alert.state.value == state


@app.command("show")
def show_alert(alert_id: Annotated[str, typer.Argument(help="The alert")]) -> None:
    """Show a warning and everything that happened to it."""
    parts = _parts()
    (found,) = _found(parts, [alert_id])
    from vouch.warning.digest import local_time

    body = asdict(found)
    body.pop("detail")
    for key, value in body.items():
        say(f"{key.replace('_', ' '):16s} {value}")
    for event in parts.store().alert_events(found.alert_id):
        at = local_time(event.at, parts.settings.timezone)[:16]
        words = " ".join(filter(None, (event.who, event.note, str(event.given.get("to") or ""))))
        say(f"{at}  {event.change.value:12s} {event.severity.slug:6s} {event.rule:5s} {words}")


@app.command()
def ack(alerts: Alerts, who: Who = None) -> None:
    """Acknowledge warnings: you have them and are on it."""
    from vouch.warning.answering import take_up

    parts = _parts()
    done = take_up(parts.store(), _ids(parts, alerts), who or getpass.getuser(), clock.now())
    say(f"{len(done)} acknowledged")


@app.command()
def respond(
    alerts: Alerts,
    disposition: Annotated[str, typer.Option(help="What was done, by code or Chinese name")],
    note: Annotated[str, typer.Option(help="What was found and agreed, in words")],
    evidence: Annotated[
        list[str] | None, typer.Option(help="What shows it; may be given several times")
    ] = None,
    who: Who = None,
) -> None:
    """Answer warnings with what was done and what shows it."""
    from vouch.warning.answering import answer

    parts = _parts()
    person = who or getpass.getuser()
    ids = _ids(parts, alerts)
    done = answer(parts.store(), ids, disposition, note, evidence or [], person, clock.now())
    say(f"{len(done)} answered")


@app.command()
def close(
    alerts: Alerts,
    note: Annotated[str, typer.Option(help="Why")] = "",
    who: Who = None,
) -> None:
    """Close warnings that were answered."""
    from vouch.warning.answering import close as close_answered

    parts = _parts()
    ids = _ids(parts, alerts)
    done = close_answered(parts.store(), ids, note, who or getpass.getuser(), clock.now())
    say(f"{len(done)} closed")


@app.command()
def report(
    since: Annotated[str | None, typer.Option(help="From this day on; default: 30 days")] = None,
    overdue: Annotated[int, typer.Option(help="Most overdue warnings shown")] = 20,
    json_: JsonOption = False,
) -> None:
    """Report how warnings are answered: in time, how fast, what is overdue, by whom."""
    from vouch.warning.digest import local_time
    from vouch.warning.reporting import response_report

    parts = _parts()
    calendar, now = parts.policy.calendar(parts.settings.timezone), clock.now()
    first = day(since) or calendar.day(now) - timedelta(days=30)
    found = response_report(parts.store().alerts(live_only=False), calendar.start_of(first), now)
    if json_:
        say_json(asdict(found))
        return
    say(f"warnings known since {first}")
    say(_HEAD.format(" "))
    say(_line("all 合计", found.whole))
    for title, groups in (
        ("institution 机构", found.by_institution),
        ("manager 经理", found.by_manager),
    ):
        say(title)
        for name, figures in groups.items():
            say(_line(f"  {name}", figures))
    say(f"held back by the daily budget: {found.held}")
    say(f"overdue: {len(found.overdue)}")
    for late in found.overdue[:overdue]:
        due = local_time(late.respond_by, parts.settings.timezone)[:16]
        say(
            f"  {late.alert_id[:8]}  {late.severity:6s}  {late.rule:5s}  {late.guarantee_id}  "
            f"{late.manager_id}  due {due}, {late.hours_over} h over"
        )


_HEAD = "{:24s}   told  acknowledged  answered  in time  median h  overdue  escalated"


def _line(name: str, figures: Figures) -> str:
    in_time = "–" if figures.in_time is None else f"{figures.in_time:.0%}"
    hours = "–" if figures.median_hours is None else f"{figures.median_hours:.1f}"
    return (
        f"{name:24s} {figures.told:6d} {figures.acknowledged:13d} {figures.answered:9d} "
        f"{in_time:>8s} {hours:>9s} {figures.overdue:8d} {figures.escalated:10d}"
    )


@app.command()
def runs(
    most: Annotated[int, typer.Option(help="At most so many")] = 10, json_: JsonOption = False
) -> None:
    """Show the latest runs of the watch with their reports."""
    found = _parts().store().watch_runs(most)
    if json_:
        say_json([asdict(run) for run in found])
        return
    for run in found:
        show(_Shown(run.report or {"as_of": run.as_of, "unfinished": run.looked_at}), False)
        say()


class _Shown:
    def __init__(self, body: Any) -> None:
        self.__dict__.update(body)


@app.command()
def bounced(
    files: Annotated[list[Path], typer.Argument(help="Messages that came back (.eml)")],
) -> None:
    """Record mails that came back, so that somebody else is told."""
    from vouch.warning.bounces import record_bounce

    store, now = _parts().store(), clock.now()
    for path in files:
        found = record_bounce(store, path.read_bytes(), now)
        say(f"{path.name}: {found} recipients noted")


def _ids(parts: Vouch, given: list[str]) -> list[str]:
    return [alert.alert_id for alert in _found(parts, given)]


def _found(parts: Vouch, given: list[str]) -> list[Alert]:
    everything = parts.store().alerts(live_only=False)
    found = []
    for text in given:
        fitting = [alert for alert in everything if alert.alert_id.startswith(text)]
        if len(fitting) != 1:
            what = "no warning" if not fitting else "several warnings"
            raise UsageError(f"{what} called {text!r}; `vouch warning list` shows them")
        found += fitting
    return found
