"""Every command. Heavy parts are imported when a command needs them, so that --help is quick."""

from __future__ import annotations

import sys
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from vouch import clock, scheme_commands
from vouch.errors import VouchError
from vouch.portfolio_command import portfolio
from vouch.settings import Settings
from vouch.terminal import day, parsed_stage, progress, required_day, say, say_json, warn

app = typer.Typer(
    name="vouch",
    help="Default risk scores with exact reasons and 24-hour early warning for loan guarantors.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
book_commands = typer.Typer(help="The guarantee book.", no_args_is_help=True)
app.add_typer(book_commands, name="book")
app.command()(portfolio)
app.add_typer(scheme_commands.app, name="scheme")

BookOption = Annotated[Path, typer.Option("--book", help="Folder of the guarantee book")]
StageArgument = Annotated[str, typer.Argument(help="pre_loan, in_loan or post_loan")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]
_SHOWN_FAULTS = 20


def main() -> None:
    """Run the command line; an error a user can mend is one line, with exit code 1."""
    for extension in entry_points(group="vouch.commands"):
        extension.load()(app)
    try:
        app()
    except VouchError as error:
        warn(f"vouch: {error}")
        sys.exit(1)


@app.command()
def simulate(
    book: BookOption,
    guarantees: Annotated[int, typer.Option(help="How many guarantees", min=1)] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same book")] = 1,
    until: Annotated[
        str | None, typer.Option(help="Last day known, YYYY-MM-DD; default: last month's end")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Make a provincial guarantee book with a known truth."""
    from vouch.book.book import Book
    from vouch.simulator import simulate as make

    last = day(until) or clock.today().replace(day=1) - timedelta(days=1)
    first = last.replace(year=last.year - 10, month=1, day=1)
    with progress("simulating") as step:
        report = make(
            Book(book, create=True), guarantees, seed, first=first, until=last, progress=step
        )
    _show(report, json_)


def _show(report: Any, json_: bool) -> None:
    body = {key: value for key, value in vars(report).items() if not key.startswith("_")}
    if json_:
        say_json(body)
        return
    for key, value in body.items():
        if value not in ([], {}):
            say(f"{key.replace('_', ' ')}: {_written(key, value)}")


def _written(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v:,}" for k, v in value.items())
    if isinstance(value, list):
        return f"{len(value):,}: " + ", ".join(str(v) for v in value[:_SHOWN_FAULTS])
    if key.endswith("rate"):
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)


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
    for fault in report.quarantined[:_SHOWN_FAULTS]:
        say(f"    {fault.file} row {fault.row}, {fault.column}: {fault.reason}")
    if len(report.quarantined) > _SHOWN_FAULTS:
        say(f"    … {len(report.quarantined) - _SHOWN_FAULTS:,} more; --json lists them all")
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


@app.command()
def promote(
    stage: StageArgument,
    version: Annotated[str, typer.Option(help="The version to make champion")],
    json_: JsonOption = False,
) -> None:
    """Make a version the champion of its stage, and note it in the ledger."""
    import getpass

    from vouch.bootstrap import build

    chosen = parsed_stage(stage)
    parts = build(Settings.from_env())
    before = parts.registry.promote(chosen, version)
    parts.store().add_promotion(
        stage=chosen.value, version=version, previous=before, who=getpass.getuser(), at=clock.now()
    )
    if json_:
        say_json({"stage": chosen.value, "version": version, "previous": before})
        return
    say(f"{chosen.model_name}: version {version} is champion (before: {before or 'none'})")


@app.command()
def models(json_: JsonOption = False) -> None:
    """List the versions of every stage."""
    from vouch.domain.stage import Stage
    from vouch.scoring.registry import Registry

    settings = Settings.from_env()
    registry = Registry(settings.mlflow_tracking_uri, settings.home / "cache")
    found = [row for stage in Stage for row in registry.versions(stage)]
    if json_:
        say_json(found)
        return
    for row in found:
        mark = "champion" if row["champion"] else ""
        auc = f"{row['auc']:.4f}" if row["auc"] is not None else "-"
        say(f"{row['stage']:10s} {row['version']:>4s}  AUC {auc}  {row['hash'][:12]}  {mark}")


@app.command()
def score(
    stage: StageArgument,
    book: BookOption,
    from_: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD")],
    until: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD")],
    out: Annotated[Path, typer.Option(help="Parquet file to write")],
    json_: JsonOption = False,
) -> None:
    """Score a window of the book with the champion, with the points of every feature."""
    from vouch.book.book import Book
    from vouch.bootstrap import build
    from vouch.scoring.bulk import score_book

    bundle = build(Settings.from_env()).champion(parsed_stage(stage))
    with progress("scoring") as step:
        rows = score_book(Book(book), bundle, required_day(from_), required_day(until), out, step)
    if json_:
        say_json({"rows": rows, "model_version": bundle.version, "out": str(out)})
        return
    say(f"{rows:,} rows scored by {bundle.stage.model_name} version {bundle.version} to {out}")


@app.command()
def evaluate(
    stage: StageArgument,
    book: BookOption,
    from_: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD")],
    until: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD")],
    json_: JsonOption = False,
) -> None:
    """Judge the champion by the outcomes known now."""
    from vouch.book.book import Book
    from vouch.bootstrap import build
    from vouch.monitoring.evaluation import evaluate as judge

    parts = build(Settings.from_env())
    bundle = parts.champion(parsed_stage(stage))
    days = required_day(from_), required_day(until)
    with progress("evaluating") as step:
        found = judge(Book(book), bundle, parts.policy, *days, clock.today(), step)
    if json_:
        say_json(found.summary())
        return
    say(f"{bundle.stage.model_name} version {bundle.version} on cases from {days[0]} to {days[1]}")
    say(
        f"  {found.rows:,} cases, {found.compensated:,} compensated, "
        f"{found.unknown:,} with no outcome yet"
    )
    for name, figure in found.figures.items():
        say(f"  {name:15s} {figure.value:8.4f}  [{figure.low:.4f}, {figure.high:.4f}]")
    for g in found.grades:
        say(
            f"  grade {g.grade}: {g.rows:>7,} cases, predicted {g.predicted:7.2%}, "
            f"observed {g.observed.value:7.2%}  [{g.observed.low:.2%}, {g.observed.high:.2%}]"
        )


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
    from vouch.domain.stage import Stage
    from vouch.terminal import UsageError
    from vouch.warning.watch import watch_once

    if not once:
        raise UsageError("say --once: one run, to be called by your scheduler")
    parts = build(Settings.from_env())
    with progress("watching") as step:
        report = watch_once(
            Book(book),
            parts.champion(Stage.POST_LOAN),
            parts.policy,
            parts.store(),
            parts.mailer(),
            day(as_of) or clock.today(),
            clock.now(),
            step,
            parts.settings.administrator,
        )
    _show(report, json_)


@app.command()
def pack(
    folder: Annotated[Path | None, typer.Option(help="Default: VOUCH_CHAMPIONS")] = None,
) -> None:
    """Copy the champions to a folder from which a Bento serves them without MLflow."""
    from vouch.bootstrap import build

    settings = Settings.from_env()
    for line in build(settings).registry.pack(folder or settings.champions):
        say(f"packed {line}")


@app.command()
def features(json_: JsonOption = False) -> None:
    """List every feature with its meaning."""
    from vouch.features.registry import features as declared

    found = declared().values()
    if json_:
        say_json(
            [
                {"name": f.name, "zh": f.zh, "en": f.en, "unit": f.unit, "about": f.about}
                for f in found
            ]
        )
        return
    for f in found:
        say(f"{f.name:32s} {f.zh}\n{'':32s} {f.about.splitlines()[0]}")


@app.command()
def settings(json_: JsonOption = False) -> None:
    """List every setting, its value and meaning; secrets are masked."""
    found = Settings.from_env().listed()
    if json_:
        say_json(found)
        return
    for row in found:
        say(f"{row['variable']}={row['value']}\n    {row['about']}")


@app.command()
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether they are current")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where the documents stand")] = Path("docs"),
) -> None:
    """Write the documents that are generated from the code."""
    from vouch.documents import stale, write

    if not check:
        write(folder)
    elif old := stale(folder):
        raise VouchError(f"{', '.join(old)} no longer say what the code does; run `vouch docs`")


@app.command()
def demo(
    serve_: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Leave the service running at the end")
    ] = True,
    guarantees: Annotated[int, typer.Option(help="Size of the simulated book")] = 20_000,
) -> None:
    """Show the whole thing: simulate, train, promote, score with reasons, warn, serve."""
    from vouch.demo import run

    run(Settings.from_env(), guarantees, serve_)
