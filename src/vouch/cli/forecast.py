"""`vouch forecast`: what the guarantees of a book are expected to cost, with caps and without."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vouch.cli.options import JsonOption
from vouch.cli.terminal import UsageError, day, progress, required_day, say, say_json, warn
from vouch.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from rich.table import Table

    from vouch.bootstrap import Vouch
    from vouch.monitoring.expectation.book import BookForecast, PeriodForecast, Portfolio
    from vouch.monitoring.expectation.in_force import Guarantee, Probabilities
    from vouch.monitoring.measures.view import View

app = typer.Typer()
_WIDTH_OF_A_FILE = 180  # where standard output is no terminal
_NOTHING = "–"
_SHOWN = 20
_WHOM = 44  # two names of institutions
_PARTIES = {
    "bank": "银行",
    "city_guarantor": "市级担保",
    "county_guarantor": "县级担保",
    "province": "省级再担保",
    "national_fund": "国担基金",
    "government_pool": "政府补偿",
    "unshared": "未分担",
    "total": "合计",
}


@app.command()
def forecast(
    as_of: Annotated[str, typer.Option(help="Known by this day, YYYY-MM-DD")],
    book: Annotated[
        Path | None, typer.Option(help="Folder of the guarantee book; default: VOUCH_BOOK")
    ] = None,
    scheme: Annotated[str | None, typer.Option(help="Only portfolios of this scheme")] = None,
    until: Annotated[
        str | None, typer.Option(help="Every cap period that begins by this day; else the current")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="A yearly default probability for all, where there is no model: 0.013"),
    ] = None,
    scenarios: Annotated[
        int | None, typer.Option(help="How many to draw; default: portfolio.toml")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write a row per guarantee: .csv or .parquet")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Forecast compensation: each guarantee by party, each capped portfolio by simulation."""
    from dataclasses import replace

    from vouch.book.book import Book
    from vouch.bootstrap import build
    from vouch.monitoring.expectation.assumptions import read_assumptions
    from vouch.monitoring.expectation.book import forecast_book
    from vouch.monitoring.expectation.guarantees import expected_by_guarantee, table, totals
    from vouch.monitoring.expectation.in_force import guarantees_in_force
    from vouch.monitoring.measures.view import View

    parts = build(Settings.from_env())
    known = Book(book or parts.settings.book).known(required_day(as_of))
    assumptions = read_assumptions(parts.policy.folder)
    if scenarios is not None:
        if scenarios < 2:
            raise UsageError(f"--scenarios: {scenarios} is too few; give two or more")
        assumptions = replace(assumptions, scenarios=scenarios)
    _check_target(out)
    view = View(known)
    guarantees = guarantees_in_force(view)
    chances = probabilities_of(parts, view, guarantees, rate)
    each = expected_by_guarantee(parts.policy, guarantees, chances, known.as_of)
    with progress("forecasting") as step:
        found = forecast_book(known, parts.policy, chances, day(until), scheme, assumptions, step)
    sums = totals(each)
    if out:
        _write(table(each, chances), out)
    if json_:
        say_json(found.answer() | {"guarantees": _each(len(each), chances, sums)})
        return
    for note in found.notes:
        warn(f"note: {note}")
    _print_sums(len(each), chances, sums, known.as_of)
    _print(found)


def _check_target(out: Path | None) -> None:
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise UsageError(f"--out: {out} is neither .csv nor .parquet; name it as one of them")


def probabilities_of(
    parts: Vouch, view: View, guarantees: list[Guarantee], rate: float | None
) -> Probabilities:
    """How likely each guarantee is claimed: by the model in use, or one rate for all."""
    from vouch.domain.stage import Stage
    from vouch.errors import ModelError
    from vouch.monitoring.expectation.in_force import assumed, scored

    if rate is not None:
        try:
            return assumed(rate, guarantees)
        except ValueError as error:
            raise UsageError(f"--rate: {error}") from error
    try:
        bundle = parts.champion(Stage.POST_LOAN)
    except ModelError as error:
        raise UsageError(
            f"{error}; or give a yearly probability for every guarantee: --rate 0.013"
        ) from error
    with progress("scoring") as step:
        return scored(view.known, bundle, guarantees, step)


def _each(count: int, chances: Probabilities, sums: dict[str, Decimal]) -> dict[str, object]:
    return {
        "in_force": count,
        "horizon_days": chances.horizon_days,
        "expected_compensation": {name: f"{amount:.2f}" for name, amount in sums.items()},
    }


def _write(rows: pa.Table, out: Path) -> None:
    """The file appears whole or not at all."""
    import os

    import pyarrow.csv
    import pyarrow.parquet

    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        if out.suffix == ".csv":
            pyarrow.csv.write_csv(rows, draft)
        else:
            pyarrow.parquet.write_table(rows, draft)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _print_sums(count: int, chances: Probabilities, sums: dict[str, Decimal], as_of: date) -> None:
    say(f"as of {as_of}, {count:,} guarantees in force, amounts in yuan 截至当日在保，金额为元")
    say(
        f"probabilities from {chances.source}, within {chances.horizon_days} days "
        "违约概率来源与期限"
    )
    say("expected compensation after recoveries, no cap 预期代偿损失（扣除追偿，不计上限）:")
    for name, amount in sums.items():
        say(f"  {name:17s} {amount:18,.2f}  {_PARTIES[name]}")


def _print(found: BookForecast) -> None:
    if not found.portfolios:
        say("no portfolio is under a cap 无代偿上限的组合")
        return
    say()
    say("to be paid to banks under caps, until the end of each period, before recoveries")
    say("代偿上限组合至期末的预期代偿（追偿前）")
    _show(_by_party(found))
    say("each capped portfolio 各代偿上限组合")
    _show(_by_portfolio(found))
    more = sum(len(portfolio.periods) for portfolio in found.portfolios) - _SHOWN
    if more > 0:
        say(f"… {more:,} more, less likely to reach their cap; --json has all 其余见 --json")


def _by_party(found: BookForecast) -> Table:
    """Expectations over the portfolios of a scheme, which add up; quantiles do not."""
    sums: dict[tuple[str, str], list[float]] = {}
    for portfolio in found.portfolios:
        for period in portfolio.periods:
            free, capped = period.forecast.without_cap, period.forecast.with_cap
            parts = [(p.value, a, capped.by_party[p]) for p, a in free.by_party.items()]
            for name, one, other in [*parts, ("system", free.system, capped.system)]:
                row = sums.setdefault((portfolio.key.scheme, name), [0.0, 0.0])
                row[0] += one.expected
                row[1] += other.expected
    table = _table("scheme 方案", "party 承担方")
    for title in ("without cap 不计上限", "with cap 计上限"):
        table.add_column(title, justify="right")
    before = ""
    for (scheme, name), (without, capped_sum) in sums.items():
        party = f"{name} {_PARTIES.get(name, '担保体系')}"
        table.add_row(
            "" if scheme == before else scheme, party, f"{without:,.2f}", f"{capped_sum:,.2f}"
        )
        before = scheme
    return table


def _by_portfolio(found: BookForecast) -> Table:
    table = _table("scheme 方案", "with 合作方", "until 至")
    table.columns[1].min_width = _WHOM
    for title in (
        "burn today\n当前消耗",
        "cap by the end\n期末上限",
        "claims expected\n预期申请",
        "paid expected\n预期代偿",
        "95 %",
        "99 %",
        "cap reached\n触及概率",
        "about\n约",
    ):
        table.add_column(title, justify="right")
    rows = [(portfolio, period) for portfolio in found.portfolios for period in portfolio.periods]
    for portfolio, period in sorted(rows, key=_urgency)[:_SHOWN]:
        table.add_row(*_portfolio_cells(portfolio, found.names), *_period_cells(portfolio, period))
    return table


def _urgency(row: tuple[Portfolio, PeriodForecast]) -> tuple[float, float]:
    """The likeliest to reach its cap first, then the one that leaves most to the bank."""
    drawn, reached = row[1].forecast, row[1].cap_reached
    unpaid = drawn.without_cap.system.expected - drawn.with_cap.system.expected
    return -reached.probability if reached else 0.0, -unpaid


def _portfolio_cells(portfolio: Portfolio, names: Mapping[str, str]) -> tuple[str, str]:
    key = portfolio.key
    whom = " · ".join(
        names.get(part, part) for part in (key.lender, key.guarantor, key.product) if part
    )
    return f"{key.scheme} {key.effective_from}", whom or "unknown 未知"


def _period_cells(portfolio: Portfolio, period: PeriodForecast) -> tuple[str, ...]:
    drawn, burn = period.forecast, portfolio.today.burn
    paid, reached = drawn.with_cap.system, period.cap_reached
    amounts = (
        drawn.period.cap_amount or Decimal(0),
        drawn.without_cap.system.expected,
        paid.expected,
        paid.quantile_95,
        paid.quantile_99,
    )
    return (
        str(period.last),
        _NOTHING if burn is None else f"{burn:.2%}",
        *(f"{amount:,.0f}" for amount in amounts),
        _NOTHING if reached is None else f"{reached.probability:.2%}",
        str(reached.expected_on or _NOTHING) if reached else _NOTHING,
    )


def _table(*titles: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _show(table: Table) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_FILE)
    console.print(table)
