"""The guarantee book: made, filled, shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vouch import clock
from vouch.cli.options import SHOWN_FAULTS, BookOption, JsonOption, show
from vouch.cli.terminal import day, progress, say, say_json

if TYPE_CHECKING:
    from vouch.simulator.gates import Gate

app = typer.Typer()
book_commands = typer.Typer(help="The guarantee book.", no_args_is_help=True)
app.add_typer(book_commands, name="book")


@app.command()
def simulate(
    book: BookOption,
    guarantees: Annotated[int, typer.Option(help="How many guarantees", min=1)] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same book")] = 1,
    until: Annotated[
        str | None, typer.Option(help="Last day known, YYYY-MM-DD; default: last month's end")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(help="Hold the book to its calibration; one that is there is only checked"),
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Make a provincial guarantee book with a known truth."""
    from vouch.book.book import Book
    from vouch.simulator import simulate as make

    if check and (book / "log").is_dir() and Book(book).commits():
        _check(book, json_)
        return

    last = day(until) or clock.today().replace(day=1) - timedelta(days=1)
    first = last.replace(year=last.year - 10, month=1, day=1)
    with progress("simulating") as step:
        report = make(
            Book(book, create=True), guarantees, seed, first=first, until=last, progress=step
        )
    if not (check and json_):
        show(report, json_)
    if check:
        _check(book, json_)


def _check(book: Path, json_: bool) -> None:
    """Print every gate; the command fails where one does."""
    from vouch.book.book import Book
    from vouch.simulator.gates import gates, separations

    held = Book(book)
    with progress("checking"):
        found = [*gates(held), *separations(held)]
    if json_:
        say_json([vars(gate) | {"passed": gate.passed} for gate in found])
    else:
        for gate in found:
            say(_line(gate))
    if not all(gate.passed for gate in found):
        raise typer.Exit(1)


def _line(gate: Gate) -> str:
    def written(value: float | None) -> str:
        if value is None:
            return "none"
        return f"{value:.2%}" if gate.tolerance else f"{value:,.0f}"

    limits = f"{written(gate.target)} ± {gate.tolerance * 100:.2f} pp" if gate.tolerance else "0"
    verdict = "pass" if gate.passed else "FAIL"
    return f"{verdict}  {written(gate.measured):>8s}  wanted {limits:17s}  {gate.name} {gate.zh}"


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="Layout of the files; `vouch sources` lists them")],
    files: Annotated[list[Path], typer.Argument(help="The files")],
    book: BookOption,
    json_: JsonOption = False,
) -> None:
    """Add files to a book: all that is new, nothing twice, faulty rows set aside with a reason."""
    from vouch.book.book import Book
    from vouch.book.ingest import ingest
    from vouch.book.sources import SOURCES
    from vouch.errors import SourceError

    if source not in SOURCES:
        raise SourceError(f"there is no source {source!r}; known are {', '.join(SOURCES)}")
    with progress("importing"):
        report = ingest(Book(book, create=True), SOURCES[source], files, clock.today())
    if json_:
        body = vars(report) | {"quarantined": [vars(fault) for fault in report.quarantined]}
        say_json(body | {"quarantined_rows": report.quarantined_rows})
        return
    say(f"{report.rows:,} rows read with {report.source}")
    say(f"  accepted       {report.accepted:>10,}")
    say(f"  already known  {report.already_known:>10,}")
    say(f"  quarantined    {report.quarantined_rows:>10,}")
    for fault in report.quarantined[:SHOWN_FAULTS]:
        say(f"    {fault.file} row {fault.row}, {fault.column}: {fault.reason}")
    if len(report.quarantined) > SHOWN_FAULTS:
        say(f"    … {len(report.quarantined) - SHOWN_FAULTS:,} more; --json lists them all")
    for column, reason in report.unread.items():
        say(f"  never read: {column} ({reason})")
    for note in report.notes:
        say(f"  note: {note}")


@app.command()
def sources(json_: JsonOption = False) -> None:
    """List the layouts that can be imported, and what is never read of each."""
    from vouch.book.sources import SOURCES

    if json_:
        say_json([{"name": s.name, "about": s.about, "unread": s.unread} for s in SOURCES.values()])
        return
    for source in SOURCES.values():
        say(f"{source.name:16s} {source.about}")
        for column, reason in source.unread.items():
            say(f"{'':16s}   never read: {column} ({reason})")


@book_commands.command("template")
def book_template(
    folder: Annotated[Path, typer.Argument(help="Where the files go")],
    language: Annotated[str, typer.Option(help="Headers in zh or en")] = "zh",
) -> None:
    """Write an empty CSV for every table of the book, ready to fill in."""
    from vouch.book.sources.canonical import write_templates

    for path in write_templates(folder, language):
        say(str(path))


@book_commands.command("show")
def book_show(book: BookOption, json_: JsonOption = False) -> None:
    """Say what a book holds: every import with its rows."""
    from vouch.book.book import Book

    commits = Book(book).commits()
    if json_:
        say_json([vars(commit) for commit in commits])
        return
    for number, commit in enumerate(commits, 1):
        rows = ", ".join(f"{table} {count:,}" for table, count in commit.counts.items())
        say(f"{number:4d}  {commit.source:15s} known to {commit.newest_known_at}  {rows}")


@book_commands.command("case")
def book_case(
    guarantee_id: Annotated[str, typer.Argument(help="The guarantee")],
    book: BookOption,
    as_of: Annotated[str | None, typer.Option(help="Known by this day")] = None,
) -> None:
    """Print the facts of one guarantee as the score service takes them."""
    from vouch.book.book import Book
    from vouch.book.case import case_facts

    say_json(case_facts(Book(book), guarantee_id, day(as_of)))
