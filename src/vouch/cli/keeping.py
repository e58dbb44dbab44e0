"""`vouch retention` and `vouch store`: what is kept how long, and a second copy of it."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from vouch import clock
from vouch.cli.options import JsonOption, show
from vouch.cli.terminal import UsageError, say, say_json
from vouch.policy.retention import read_periods
from vouch.settings import Settings
from vouch.store.retention import HoldKind
from vouch.store.store import Store

retention = typer.Typer(help="How long records are kept.", no_args_is_help=True)
store = typer.Typer(help="The store: a copy, and back.", no_args_is_help=True)


@retention.command("show")
def show_periods(json_: JsonOption = False) -> None:
    """Show the period of each class and the legal holds."""
    settings = Settings.from_env()
    periods = {name: p.days for name, p in read_periods(settings.policy).items()}
    holds = Store(settings.store_url).retention.holds()
    if json_:
        say_json({"days": periods, "holds": [vars(hold) for hold in holds]})
        return
    for name, days in periods.items():
        say(f"{name:12s} {days:,} days")
    for hold in holds:
        state = "released" if hold.released_at else "on hold"
        say(f"{hold.number:>4} {state:9s} {hold.kind} {hold.id}: {hold.reason}")


@retention.command()
def run(
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Only count")] = False,
    json_: JsonOption = False,
) -> None:
    """Delete what is over its time and not on hold; every deletion is in the audit log."""
    settings = Settings.from_env()
    periods = read_periods(settings.policy)
    found = Store(settings.store_url).retention.run(
        periods, getpass.getuser(), clock.now(), rehearse
    )
    show(found, json_)


@retention.command()
def hold(
    kind: Annotated[str, typer.Argument(help=", ".join(HoldKind))],
    identifier: Annotated[str, typer.Argument(help="Which one")],
    reason: Annotated[str, typer.Option(help="Why, for the record")],
) -> None:
    """Keep everything about a decision, a guarantee or a borrower until released."""
    if kind not in list(HoldKind):
        raise UsageError(f"{kind!r} cannot be held; write one of {', '.join(HoldKind)}")
    kept = Store(Settings.from_env().store_url).retention
    number = kept.hold(HoldKind(kind), identifier, reason, getpass.getuser(), clock.now())
    say(f"hold {number}: {kind} {identifier}")


@retention.command()
def release(number: Annotated[int, typer.Argument(help="Of the hold")]) -> None:
    """End a legal hold."""
    kept = Store(Settings.from_env().store_url).retention
    kept.release(number, getpass.getuser(), clock.now())
    say(f"hold {number} is released")


@store.command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write, .json.gz")], json_: JsonOption = False
) -> None:
    """Write the whole store to one file while it is in use."""
    counts = Store(Settings.from_env().store_url).backup(file)
    _show_counts(counts, "backed up", json_)


@store.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file of `vouch store backup`")],
    json_: JsonOption = False,
) -> None:
    """Fill an empty store, of either database, from a backup, and verify its audit log."""
    opened = Store(Settings.from_env().store_url)
    counts = opened.restore(file)
    faults = opened.verify().faults
    if faults:
        raise UsageError(f"restored, but the audit log does not verify: {'; '.join(faults)}")
    _show_counts(counts, "restored", json_)


def _show_counts(counts: dict[str, int], verb: str, json_: bool) -> None:
    if json_:
        say_json(counts)
        return
    rows = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    say(f"{verb}: {rows or 'nothing'}")
