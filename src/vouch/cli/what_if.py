"""`vouch what-if`: a case, or a whole portfolio, under another scheme, fee or cap."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouch.cli.decisions import (
    AsOfOption,
    CaseBookOption,
    FactsOption,
    GuaranteeArgument,
    case_of,
)
from vouch.cli.options import JsonOption
from vouch.cli.terminal import UsageError, parsed_stage, progress, required_day, say, say_json, warn
from vouch.settings import Settings

if TYPE_CHECKING:
    from vouch.domain.loss_comparison import Change, Comparison, Side
    from vouch.monitoring.what_if import BookWhatIf, Capped
    from vouch.monitoring.what_if_case import CaseWhatIf
    from vouch.policy.reading import Policy

app = typer.Typer()


@app.command("what-if")
def what_if(
    guarantee: GuaranteeArgument = None,
    facts: FactsOption = None,
    scheme: Annotated[str | None, typer.Option(help="Under this scheme: 5:5")] = None,
    fee: Annotated[str | None, typer.Option(help="At this yearly fee rate: 0.005")] = None,
    cap: Annotated[str | None, typer.Option(help="With a cap of this rate: 0.04")] = None,
    as_of: AsOfOption = None,
    stage: Annotated[str, typer.Option(help="Of a case: pre_loan or in_loan")] = "pre_loan",
    guarantor: Annotated[str | None, typer.Option(help="Of a book: only this guarantor's")] = None,
    lender: Annotated[str | None, typer.Option(help="Of a book: only this lender's")] = None,
    of_scheme: Annotated[str | None, typer.Option(help="Of a book: only this scheme's")] = None,
    product: Annotated[str | None, typer.Option(help="Of a book: only this product")] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Of a book: a yearly default probability for all: 0.013"),
    ] = None,
    book: CaseBookOption = None,
    json_: JsonOption = False,
) -> None:
    """Hold other terms against those of a case, or of all guarantees in force on a day."""
    asked = (scheme, _rate("--fee", fee, Decimal("0.2")), _rate("--cap", cap, Decimal("0.99")))
    if asked == (None, None, None):
        raise UsageError("say what should be other: --scheme, --fee or --cap")
    if guarantee is not None or facts is not None:
        from vouch.monitoring.what_if_case import what_if_case

        case = case_of(parsed_stage(stage), guarantee, facts, as_of, book)
        decision = case.decided()
        change = _change(case.parts.policy, decision.as_of, *asked)
        found = what_if_case(case.parts.policy, decision, change, case.parts.held_book.states)
        _show_case(found, json_)
        return
    if as_of is None:
        raise UsageError("name a guarantee, give --facts FILE, or --as-of DAY for the whole book")
    among = {"guarantor": guarantor, "lender": lender, "scheme": of_scheme, "product": product}
    _show_book(_book(as_of, asked, among, rate, book), json_)


def _rate(option: str, text: str | None, highest: Decimal) -> Decimal | None:
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not (found.is_finite() and 0 <= found <= highest):
        raise UsageError(f"{option}: {text!r} is no rate up to {highest}; write 0.5 % as 0.005")
    return found


def _change(
    policy: Policy, on: Any, scheme: str | None, fee: Decimal | None, cap: Decimal | None
) -> Change:
    from vouch.domain.loss_comparison import Change

    if cap == 0:
        raise UsageError("--cap: a cap of nothing is none; write 4 % as 0.04")
    return Change(policy.scheme(scheme, on) if scheme else None, fee, cap)


def _book(
    as_of: str,
    asked: tuple[str | None, Decimal | None, Decimal | None],
    among: dict[str, str | None],
    rate: float | None,
    book: Any,
) -> BookWhatIf:
    from vouch.book.book import Book
    from vouch.bootstrap import build
    from vouch.cli.forecast import probabilities_of
    from vouch.monitoring.expectation.in_force import guarantees_in_force
    from vouch.monitoring.measures.view import View
    from vouch.monitoring.what_if import Among, what_if_book

    parts = build(Settings.from_env())
    known = Book(book or parts.settings.book).known(required_day(as_of))
    change = _change(parts.policy, known.as_of, *asked)
    view = View(known)
    guarantees = guarantees_in_force(view)
    chances = probabilities_of(parts, view, guarantees, rate)
    with progress("comparing") as step:
        return what_if_book(
            known, parts.policy, guarantees, chances, change, Among(**among), progress=step
        )


def _show_case(found: CaseWhatIf, json_: bool) -> None:
    from vouch.scoring.advised import answer, outcome_words

    before, after, terms = found.before, found.after, found.terms
    for note in found.notes if not json_ else ():
        warn(f"note: {note}")
    if json_:
        say_json(
            {
                "before": {"advice": answer(before)} | _side(terms.before),
                "after": {"advice": answer(after)} | _side(terms.after),
                "notes": found.notes,
            }
        )
        return
    was, would = outcome_words(before.outcome), outcome_words(after.outcome)
    say(f"before 现状: {was}; after 调整后: {would}")
    _print(terms)
    kept = {finding.rule for finding in before.findings}
    for finding in after.findings:
        if finding.rule not in kept or finding not in before.findings:
            say(
                f"  {finding.outcome.word:8s} {finding.rule}: {finding.zh}\n           {finding.en}"
            )
    for rule in sorted(kept - {finding.rule for finding in after.findings}):
        say(f"  no longer fires 不再触发: {rule}")


def _show_book(found: BookWhatIf, json_: bool) -> None:
    if json_:
        say_json(
            {
                "as_of": found.as_of,
                "probabilities": found.probabilities,
                "before": _side(found.terms.before) | {"capped": _capped(found.capped_before)},
                "after": _side(found.terms.after) | {"capped": _capped(found.capped_after)},
                "notes": found.notes,
            }
        )
        return
    for note in found.notes:
        warn(f"note: {note}")
    before = found.terms.before
    say(
        f"as of {found.as_of}, {before.loans:,} guarantees 笔在保, loans owed 贷款余额 "
        f"{before.exposure:,.2f}, probabilities from {found.probabilities}"
    )
    _print(found.terms)
    _print_capped("before 现状", found.capped_before)
    _print_capped("after 调整后", found.capped_after)


def _side(side: Side) -> dict[str, Any]:
    amounts = {
        key: f"{value:.2f}" for key, value in vars(side).items() if isinstance(value, Decimal)
    }
    return amounts | {
        "loans": side.loans,
        "without_fee": side.no_fee,
        "expected": {party.value: f"{part:.2f}" for party, part in side.expected.items()},
        "total": f"{side.total:.2f}",
        "result": f"{side.result:.2f}",
    }


def _capped(capped: Capped) -> dict[str, Any]:
    return {k: f"{v:.2f}" if isinstance(v, Decimal) else v for k, v in vars(capped).items()}


def _print(terms: Comparison) -> None:
    """Two columns: as it is, and under other terms."""
    before, after = terms.before, terms.after
    say("expected compensation after recoveries, no cap 预期代偿损失（扣除追偿，不计上限）")
    say(f"  {'':32s} {'before 现状':>18s} {'after 调整后':>18s} {'change 变化':>16s}")
    for party in dict.fromkeys([*before.expected, *after.expected]):
        nothing = Decimal("0.00")
        _row(party.value, before.expected.get(party, nothing), after.expected.get(party, nothing))
    _row("all parties 合计", before.total, after.total)
    _row("fee 担保费", before.fee, after.fee)
    _row("re-guarantee fee 再担保费", before.reguarantee, after.reguarantee)
    _row("guarantor's part 担保机构承担", before.guarantor, after.guarantor)
    _row("left to the guarantor 担保机构净额", before.result, after.result)


def _row(title: str, before: Decimal, after: Decimal) -> None:
    wide = sum("一" <= letter <= "鿿" for letter in title)
    say(f"  {title:{32 - wide}s} {before:18,.2f} {after:18,.2f} {after - before:+18,.2f}")


def _print_capped(title: str, capped: Capped) -> None:
    if not capped.portfolios:
        say(f"{title}: no portfolio is under a cap 无代偿上限")
        return
    say(
        f"{title}: {capped.portfolios} portfolios under caps of 上限合计 {capped.cap_amount:,.2f}; "
        f"{capped.may_reach} reach theirs in one scenario of ten or more"
    )
    say("  payments until the periods end, before recoveries 期内预期代偿（未扣追偿）")
    for who, without, with_cap in (
        ("system 担保体系", capped.system_without, capped.system_with),
        ("bank 银行", capped.bank_without, capped.bank_with),
    ):
        say(f"    {who}: {without:,.2f} without the caps 无上限, {with_cap:,.2f} with 有上限")
