"""What runs: the score service and the watch."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from vouch.cli.options import JsonOption, show
from vouch.cli.terminal import UsageError, day, progress, say
from vouch.settings import Settings

if TYPE_CHECKING:
    from vouch.bootstrap import Vouch
    from vouch.warning.schedule import Watchman
    from vouch.warning.watch import WatchReport

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
    book: Annotated[
        Path | None, typer.Option(help="Folder of the guarantee book; default: VOUCH_BOOK")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One run, then stop")] = False,
    forever: Annotated[
        bool, typer.Option("--forever", help="Stay on watch: import, look, tell, chase")
    ] = False,
    as_of: Annotated[
        str | None, typer.Option(help="With --once, the day to look at; default: today")
    ] = None,
    pause: Annotated[float, typer.Option(help="With --forever, seconds between rounds")] = 60.0,
    json_: JsonOption = False,
) -> None:
    """Score the guarantees in force, raise or update alerts, tell people, chase their answers."""
    from vouch.bootstrap import build

    if once == forever:
        raise UsageError("say --once for one run, or --forever to stay on watch")
    if forever and as_of is not None:
        raise UsageError("--as-of goes with --once")
    settings = Settings.from_env()
    parts = build(settings if book is None else replace(settings, book=book))
    with progress("watching") as step:
        if forever:
            _stay(parts.watchman(step), pause)
        else:
            show(_once(parts, day(as_of), step), json_)


def _once(parts: Vouch, as_of: date | None, step: Callable[[int, int], None]) -> WatchReport:
    from vouch.book.book import Book
    from vouch.domain.stage import Stage
    from vouch.warning.schedule import today
    from vouch.warning.watch import watch_once

    duty = parts.duty()
    champion = parts.champion(Stage.POST_LOAN)
    try:
        where = Book(parts.settings.book)
        return watch_once(duty, where, champion, as_of or today(duty), progress=step)
    finally:
        duty.give_back()


def _stay(watchman: Watchman, pause: float) -> None:
    """Stay on watch until interrupted or terminated; a run in progress is resumed by the next."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    rounds = watchman.forever(stop, pause)
    say(f"{rounds.runs} runs, {rounds.failures} failures, stood back {rounds.stood_back} times")
