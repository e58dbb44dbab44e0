"""What runs: the score service and the watch."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vouch import clock
from vouch.cli.options import BookOption, JsonOption, show
from vouch.cli.terminal import day, progress
from vouch.settings import Settings

app = typer.Typer()


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="Port; default: VOUCH_PORT")] = None,
) -> None:
    """Run the score service."""
    from vouch.service.serve import serve as run

    sys.exit(run(Settings.from_env(), port))


@app.command()
def watch(
    book: BookOption,
    once: Annotated[bool, typer.Option("--once", help="One run, then stop")] = False,
    as_of: Annotated[str | None, typer.Option(help="The day to look at; default: today")] = None,
    json_: JsonOption = False,
) -> None:
    """Score the guarantees in force, raise or update alerts, and mail each account manager."""
    from vouch.book.book import Book
    from vouch.bootstrap import build
    from vouch.cli.terminal import UsageError
    from vouch.domain.stage import Stage
    from vouch.warning.watch import watch_once

    if not once:
        raise UsageError("say --once: one run, to be called by your scheduler")
    parts = build(Settings.from_env())
    with progress("watching") as step:
        report = watch_once(
            parts.duty(),
            Book(book),
            parts.champion(Stage.POST_LOAN),
            day(as_of) or clock.today(),
            progress=step,
        )
    show(report, json_)
