"""The command that prints the portfolio's measures."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vouch.cli.terminal import progress, required_day, say, say_json, warn
from vouch.settings import Settings

if TYPE_CHECKING:
    from vouch.monitoring.measures.report import Figure, Report

app = typer.Typer()
_WIDTH_OF_A_FILE = 150  # where standard output is no terminal
_NOTHING = "–"


@app.command()
def portfolio(
    as_of: Annotated[str, typer.Option(help="Known by this day, YYYY-MM-DD")],
    by: Annotated[
        str | None,
        typer.Option(help="guarantor, lender, city, scheme, industry, product or month"),
    ] = None,
    book: Annotated[
        Path | None, typer.Option(help="Folder of the guarantee book; default: VOUCH_BOOK")
    ] = None,
    indicator: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be given several times")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(help="TOML with what a book does not hold, by guarantor: fees, reserves …"),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Measure the portfolio: rates, liability, concentration, shares, prices, reserves."""
    from vouch.book.book import Book
    from vouch.monitoring.measures.catalogue import catalogue
    from vouch.monitoring.measures.figures import read_figures
    from vouch.monitoring.measures.report import measure_book

    settings = Settings.from_env()
    day = required_day(as_of)
    known = Book(book or settings.book).known(day)
    given = read_figures(figures) if figures else {}
    with progress("measuring"):
        indicators = catalogue(settings.policy / "indicators")
        found = measure_book(known, indicators, by, given, indicator or ())
    for note in found.notes:
        warn(f"note: {note}")
    if json_:
        say_json([figure.as_json() for figure in found.figures])
        return
    say(f"as of {day}, amounts in yuan")
    _print(found, by)


def _print(found: Report, by: str | None) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_FILE)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("indicator 指标", overflow="fold")
    if by:
        table.add_column(by, overflow="fold")
    for title in ("numerator 分子", "denominator 分母", "value 数值"):
        table.add_column(title, justify="right", no_wrap=True)
    for declared, figures in groupby(found.figures, key=lambda figure: figure.indicator):
        title = f"{declared.en} {declared.zh}"
        for figure in figures:
            group = [found.names.get(figure.group or "", figure.group or "")] if by else []
            table.add_row(title, *group, *_written(figure))
            title = ""
    console.print(table)


def _written(figure: Figure) -> tuple[str, str, str]:
    """Numerator, denominator and value for people."""
    people = figure.indicator.counted == "persons"
    return (
        _number(figure.numerator, 0 if people else 2),
        _number(figure.denominator, 2),
        _value(figure),
    )


def _value(figure: Figure) -> str:
    value = figure.value
    if value is None:
        return _NOTHING
    unit = figure.indicator.unit
    if unit == "share":
        return f"{float(value):.4%}"
    if unit == "times":
        return f"{float(value):.4f}×"
    return _number(value, 2 if unit == "yuan" else 1)


def _number(value: Fraction | None, places: int) -> str:
    from vouch.monitoring.measures.report import decimal

    return _NOTHING if value is None else f"{decimal(value, places):,}"
