"""Model versions: promoted, listed, used, judged, packed."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from vouch import clock
from vouch.cli.options import BookOption, JsonOption, StageArgument
from vouch.cli.terminal import day, parsed_stage, progress, required_day, say, say_json
from vouch.settings import Settings

app = typer.Typer()


@app.command()
def promote(
    stage: StageArgument,
    version: Annotated[str, typer.Option(help="The version to make champion")],
    override: Annotated[
        str, typer.Option(help="Why it may answer although it fails a gate; recorded")
    ] = "",
    json_: JsonOption = False,
) -> None:
    """Make a version that passes its gates the champion of its stage, and note it in the ledger."""
    import getpass

    from vouch.bootstrap import build

    chosen = parsed_stage(stage)
    made = (
        build(Settings.from_env())
        .promoter()
        .promote(chosen, version, getpass.getuser(), clock.now(), override)
    )
    is_champion = made.act == "promote"
    if json_:
        say_json(
            {
                "stage": chosen.value,
                "version": version,
                "previous": made.previous,
                "champion": is_champion,
                "proposed_by": made.proposed_by or made.who,
                "note": made.note,
            }
        )
    elif is_champion:
        before = made.previous or "none"
        say(f"{chosen.model_name}: version {version} is champion (before: {before})")
    else:
        say(
            f"{chosen.model_name}: version {version} is proposed by {made.who}; someone else makes "
            "it champion with the same command"
        )


@app.command()
def rollback(
    stage: StageArgument,
    note: Annotated[str, typer.Option(help="Why; kept in the ledger")] = "",
    json_: JsonOption = False,
) -> None:
    """Make the version champion again that was before, and note it in the ledger."""
    import getpass

    from vouch.bootstrap import build

    chosen = parsed_stage(stage)
    promoter = build(Settings.from_env()).promoter()
    made = promoter.roll_back(chosen, getpass.getuser(), clock.now(), note)
    if json_:
        say_json({"stage": chosen.value, "version": made.version, "previous": made.previous})
        return
    say(f"{chosen.model_name}: version {made.version} is champion again (before: {made.previous})")


@app.command()
def promotions(stage: StageArgument, json_: JsonOption = False) -> None:
    """Show the ledger of a stage: who proposed, approved or rolled back what, on what evidence."""
    from vouch.bootstrap import build

    found = build(Settings.from_env()).store().promotions(parsed_stage(stage).value)
    if json_:
        say_json([vars(entry) | {"at": entry.at.isoformat()} for entry in found])
        return
    for entry in found:
        by = f"{entry.proposed_by}, {entry.who}" if entry.proposed_by else entry.who
        data = str((entry.evidence or {}).get("data_hash", ""))[:12]
        at = entry.at.isoformat(timespec="seconds")
        say(
            f"{at}  {entry.act:9s}  version {entry.version:>4s}  by {by}  data {data}  {entry.note}"
        )


@app.command()
def compare(
    stage: StageArgument,
    version: Annotated[str, typer.Option(help="The challenger")],
    book: BookOption,
    from_: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD")],
    until: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD")],
    json_: JsonOption = False,
) -> None:
    """Set a version beside the champion: who would be decided otherwise, and how those ended."""
    from vouch.book.book import Book
    from vouch.bootstrap import build
    from vouch.monitoring.swap_set import swap_set

    chosen, parts = parsed_stage(stage), build(Settings.from_env())
    champion, challenger = parts.champion(chosen), parts.registry.load(chosen, version)
    days = required_day(from_), required_day(until)
    with progress("comparing") as step:
        found = swap_set(Book(book), champion, challenger, parts.policy, *days, clock.today(), step)
    if json_:
        say_json(found.summary())
        return
    say(f"{chosen.model_name}: champion {found.champion}, challenger {found.challenger}")
    say(f"  {found.rows:,} cases from {days[0]} to {days[1]}, {found.compensated:,} compensated")
    if found.learnt:
        say(
            f"  learnt from cases of these days: version {' and '.join(found.learnt)}; the figures "
            "flatter what learnt from them: compare on later days, or judge by those of training"
        )
    say(f"  {'':15s} champion challenger")
    for name, figure in found.champion_figures.items():
        other = found.challenger_figures[name]
        say(f"  {name:15s} {figure.value:8.4f} {other.value:10.4f}")
    for name, group in found.groups.items():
        say(
            f"  {name.replace('_', ' '):20s} {group.rows:>7,} cases, "
            f"observed {group.observed:7.2%}, champion {group.champion_predicted:7.2%}, "
            f"challenger {group.challenger_predicted:7.2%}"
        )


@app.command()
def challenge(
    stage: StageArgument,
    version: Annotated[
        str | None, typer.Option(help="The version to score in shadow; default: none any more")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Let the service score every case by a second version too, without answering with it."""
    import getpass

    from vouch.bootstrap import build
    from vouch.store.audit import AuditEntry

    chosen = parsed_stage(stage)
    parts = build(Settings.from_env())
    parts.registry.challenge(chosen, version)
    detail = {"version": version}
    entry = AuditEntry(clock.now(), getpass.getuser(), "challenge", chosen.model_name, detail)
    parts.store().audit.add(entry)
    if json_:
        say_json({"stage": chosen.value, "challenger": version})
        return
    say(f"{chosen.model_name}: {f'version {version}' if version else 'nothing'} is in shadow")


@app.command()
def shadow(
    stage: StageArgument,
    since: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD; default: all")] = None,
    json_: JsonOption = False,
) -> None:
    """Compare champion and challenger on the cases that both scored in service."""
    from vouch.monitoring.shadowing import compare
    from vouch.store.store import Store

    settings = Settings.from_env()
    first = datetime.combine(day(since) or date(2000, 1, 1), time(), settings.timezone)
    found = compare(Store(settings.store_url).shadows.pairs(parsed_stage(stage).value, first))
    if json_:
        say_json([vars(one) for one in found])
        return
    for one in found:
        say(f"challenger {one.challenger} beside champion {one.champion}: {one.cases:,} cases")
        say(
            f"  mean probability {one.champion_probability:.2%}, "
            f"challenger {one.challenger_probability:.2%}"
        )
        say(
            f"  score {one.mean_score_change:+.1f} points on average; 95 of 100 within "
            f"±{one.score_change_p95:.0f}"
        )
        rank = "-" if one.rank_correlation is None else f"{one.rank_correlation:.4f}"
        say(f"  rank correlation {rank}, same grade {one.same_grade:.1%}, band {one.same_band:.1%}")
        for move, cases in sorted(one.band_moves.items()):
            say(f"  {move}: {cases:,}")
    if not found:
        say("no case was scored by a challenger; name one with `vouch challenge`")


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
        marks = [name for name in ("champion", "challenger") if row[name]]
        marks += [f"fails: {g}" for g in row["failed_gates"]]
        mark = ", ".join(marks)
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

    parts, chosen = build(Settings.from_env()), parsed_stage(stage)
    bundle = parts.champion(chosen)
    days = required_day(from_), required_day(until)
    verdicts = parts.verdicts(chosen, *days)
    with progress("evaluating") as step:
        found = judge(Book(book), bundle, parts.policy, *days, clock.today(), step, verdicts)
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
    for m in found.months:
        say(
            f"  {m.period}: {m.rows:>7,} cases, predicted {m.predicted:7.2%}, "
            f"observed {m.observed:7.2%}"
        )
    for line in found.selection.lines():
        say(f"  {line}")


@app.command()
def pack(
    folder: Annotated[Path | None, typer.Option(help="Default: VOUCH_CHAMPIONS")] = None,
) -> None:
    """Copy the champions to a folder from which a Bento serves them without MLflow."""
    from vouch.bootstrap import build

    settings = Settings.from_env()
    for line in build(settings).registry.pack(folder or settings.champions):
        say(f"packed {line}")
