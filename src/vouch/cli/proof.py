"""`vouch audit` and `vouch replay`: proof that what was said is what was stored, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from vouch.cli.options import JsonOption
from vouch.cli.terminal import UsageError, say, say_json
from vouch.errors import VouchError
from vouch.settings import Settings
from vouch.store.audit import AuditHead
from vouch.store.store import Store

app = typer.Typer()
audit = typer.Typer(help="The audit log.", no_args_is_help=True)
app.add_typer(audit, name="audit")

_SHOWN = 20


@audit.command()
def verify(
    noted: Annotated[
        str | None, typer.Option(help="NUMBER:HASH, an end of the log noted earlier")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Check every entry and every decision; anything changed or missing is named."""
    found = Store(Settings.from_env().store_url).verify(_head(noted))
    if json_:
        say_json(vars(found) | {"head": f"{found.head.number}:{found.head.hash}"})
    else:
        say(f"{found.entries:,} entries, {found.decisions:,} decisions, {found.erased:,} erased")
        say(f"{found.before_the_log:,} decisions from before the log began")
        say(f"end of the log, to be noted elsewhere: {found.head.number}:{found.head.hash}")
    if found.faults:
        raise VouchError("the audit log does not verify: " + "; ".join(found.faults))


@audit.command("show")
def show_entries(
    last: Annotated[int, typer.Option(help="How many of the newest entries", min=1)] = 20,
    json_: JsonOption = False,
) -> None:
    """Show the newest entries."""
    entries = Store(Settings.from_env().store_url).audit.latest(last)
    if json_:
        say_json([vars(entry) for entry in entries])
        return
    for entry in entries:
        say(
            f"{entry.number:>8} {entry.at:%Y-%m-%d %H:%M:%S} {entry.actor:24s} "
            f"{entry.action:16s} {entry.object}"
        )


@app.command()
def replay(
    sample: Annotated[int, typer.Option(help="How many decisions, drawn at random", min=1)] = 1000,
    json_: JsonOption = False,
) -> None:
    """Make stored decisions again from archived models and policies; name those that differ."""
    from vouch.monitoring.replay import replay as run

    decisions = Store(Settings.from_env().store_url).decisions
    found = run(decisions, decisions.sample(sample))
    if json_:
        say_json(vars(found) | {"differing": [vars(one) for one in found.differing]})
    else:
        same = f"{found.identical:,} identical"
        say(f"{found.decisions:,} decisions, {same}: score, points, decision and advice")
        for reason, count in found.not_replayable.items():
            say(f"{count:,} not replayable: {reason}")
        for one in found.differing[:_SHOWN]:
            say(f"{one.decision_id}: {one.what} was {one.then}, is {one.now}")
    if found.differing:
        raise VouchError(f"{len(found.differing):,} decisions come out another way")


def _head(text: str | None) -> AuditHead | None:
    if text is None:
        return None
    number, _, hash_ = text.partition(":")
    if not number.isdigit() or len(hash_) != 64:
        raise UsageError(f"{text!r} is no end of a log; write NUMBER:HASH")
    return AuditHead(int(number), hash_)
