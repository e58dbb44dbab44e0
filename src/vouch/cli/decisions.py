"""`vouch decide` and `vouch lenders`: advice on one case, of the book or of a file of facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vouch import clock
from vouch.cli.options import JsonOption
from vouch.cli.terminal import UsageError, day, parsed_stage, say, say_json
from vouch.settings import Settings

if TYPE_CHECKING:
    from vouch.bootstrap import Vouch
    from vouch.domain.lender_fit import Rank
    from vouch.domain.stage import Stage
    from vouch.features.facts import Cases, Facts
    from vouch.scoring.decision import Decision

app = typer.Typer()

GuaranteeArgument = Annotated[str | None, typer.Argument(help="A guarantee of the book")]
AsOfOption = Annotated[
    str | None, typer.Option(help="Known by this day; default: the application's, or today")
]
FactsOption = Annotated[
    Path | None, typer.Option("--facts", help="JSON of facts as POST /v1/pre-loan/score takes them")
]
CaseBookOption = Annotated[
    Path | None, typer.Option("--book", help="Folder of the guarantee book; default: VOUCH_BOOK")
]


@app.command()
def decide(
    guarantee: GuaranteeArgument = None,
    facts: FactsOption = None,
    stage: Annotated[str, typer.Option(help="pre_loan or in_loan")] = "pre_loan",
    as_of: AsOfOption = None,
    scheme: Annotated[str | None, typer.Option(help="Under this scheme")] = None,
    book: CaseBookOption = None,
    json_: JsonOption = False,
) -> None:
    """Decide one case: approve, refer or decline, with every rule that fired, limit and fee."""
    case = case_of(parsed_stage(stage), guarantee, facts, as_of, book)
    decision = case.decided(scheme)
    if json_:
        say_json(decision.answer())
        return
    show_decision(decision)


@dataclass(frozen=True)
class AskedCase:
    """One case with where its facts and the portfolio come from."""

    parts: Vouch
    stage: Stage
    cases: Cases
    facts: Facts
    scheme: str | None

    def decided(self, scheme: str | None = None) -> Decision:
        """The decision, under a scheme if one is asked for."""
        from vouch.scoring.decision import decide as decide_cases
        from vouch.service.given import named

        (found,) = decide_cases(
            self.parts.champion(self.stage),
            self.parts.policy,
            self.cases,
            self.facts,
            self.parts.held_book.portfolio(),
            [scheme or self.scheme],
            self.parts.held_book.states,
        )
        borrower, guarantee = named(found.borrower_id), named(found.guarantee_id)
        return replace(found, borrower_id=borrower, guarantee_id=guarantee)


def case_of(
    stage: Stage, guarantee: str | None, facts: Path | None, as_of: str | None, book: Path | None
) -> AskedCase:
    """The case asked for.

    Raises:
        UsageError: neither or both of a guarantee and a file, or a stage without a decision.
    """
    from vouch.bootstrap import build
    from vouch.domain.stage import Stage

    if (guarantee is None) == (facts is None):
        raise UsageError("name a guarantee of the book, or give --facts FILE, one of the two")
    if stage is Stage.POST_LOAN:
        raise UsageError("after the loan `vouch watch` warns; --stage is pre_loan or in_loan")
    settings = Settings.from_env()
    parts = build(replace(settings, book=book.absolute()) if book else settings)
    wanted = day(as_of)
    if facts is not None:
        return _given(parts, stage, facts, wanted)
    return _known(parts, stage, str(guarantee), wanted)


def _known(parts: Vouch, stage: Stage, guarantee: str, as_of: date | None) -> AskedCase:
    from math import isnan

    from vouch.book.book import Book
    from vouch.domain.stage import Stage
    from vouch.features.facts import EPOCH, Facts
    from vouch.features.spine import application_days, one

    book = parts.held_book.book() or Book(parts.settings.book)
    facts = Facts.of(book.known(as_of or clock.today()), [guarantee])
    when = as_of or clock.today()
    if as_of is None and stage is Stage.PRE_LOAN:
        (applied,) = application_days(facts, [guarantee]).tolist()
        when = when if isnan(applied) else date.fromordinal(EPOCH.toordinal() + int(applied))
    return AskedCase(parts, stage, one(guarantee, when), facts, None)


def _given(parts: Vouch, stage: Stage, path: Path, as_of: date | None) -> AskedCase:
    from pydantic import ValidationError

    from vouch.errors import FactsError, FieldFault
    from vouch.features.spine import one
    from vouch.service.given import Batch, given_case
    from vouch.service.payloads import FactsCase

    try:
        body = FactsCase.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--facts: {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = [
            FieldFault(".".join(map(str, fault["loc"])) or str(path), fault["msg"])
            for fault in error.errors()
        ]
        raise FactsError(faults) from error
    if as_of is not None:
        body = body.model_copy(update={"as_of": as_of})
    case = given_case(body, 0, stage, clock.today())
    batch = Batch()
    batch.add(case)
    facts = batch.facts()
    return AskedCase(parts, stage, one(case.guarantee_id, case.as_of), facts, case.scheme)


def show_decision(decision: Decision) -> None:
    """Print a decision for an underwriter."""
    from vouch.scoring.advised import outcome_words

    advice = decision.advice
    assert advice is not None  # noqa: S101 - only post_loan has none, and is refused above
    say(
        f"{decision.guarantee_id or 'case 个案'} as of {decision.as_of}: "
        f"{outcome_words(advice.outcome)}"
    )
    say(
        f"  score 评分 {decision.score}, grade 等级 {decision.grade}, "
        f"default probability 代偿概率 {decision.default_probability:.2%} "
        f"({decision.model.name} {decision.model.version})"
    )
    say("rules 触发的规则")
    for finding in advice.findings:
        say(f"  {finding.outcome.word:8s} {finding.rule}: {finding.zh}")
        say(f"           {finding.en}")
    if advice.untested:
        say("not tested 未能检查")
    for rule in advice.untested:
        say(f"  {rule.rule}: {rule.zh}；{rule.en}")
    advised: list[Any] = [advice.limit, advice.fee, advice.action]
    for title, part in zip(("limit 额度", "fee 费率", "action 措施"), advised, strict=True):
        if part is not None:
            say(f"{title}\n  {part.zh}\n  {part.en}")
    say(
        f"expected compensation at that limit 该额度下预期代偿 "
        f"{advice.limit.expected_compensation:,.2f}, target 目标 {advice.limit.target:,.2f}"
    )


@app.command()
def lenders(
    guarantee: GuaranteeArgument = None,
    facts: FactsOption = None,
    as_of: AsOfOption = None,
    top: Annotated[int, typer.Option(help="How many to show", min=1)] = 5,
    book: CaseBookOption = None,
    json_: JsonOption = False,
) -> None:
    """Rank banks and schemes for an application, each place explained; the bank decides."""
    from vouch.domain.stage import Stage
    from vouch.monitoring.lender_ranking import rank_lenders
    from vouch.scoring.advised import outcome_words

    case = case_of(Stage.PRE_LOAN, guarantee, facts, as_of, book)
    decision = case.decided()
    found = rank_lenders(
        case.parts.policy, case.parts.held_book.portfolio_on(decision.as_of), decision
    )
    if json_:
        say_json([_ranked(rank) for rank in found])
        return
    fitting = sum(rank.fits for rank in found)
    if decision.advice:
        say(f"decision 决策: {outcome_words(decision.advice.outcome)}")
    say(
        f"grade 等级 {decision.grade}; {fitting} of {len(found)} banks and schemes meet every "
        f"criterion 满足全部条件; advice only 仅供参考"
    )
    for rank in found[:top]:
        _show_rank(rank)


def _show_rank(rank: Rank) -> None:
    candidate = rank.candidate
    mark = "" if rank.fits else "  (does not fit 不符合)"
    say(
        f"{rank.place:3d}. {candidate.name} ({candidate.lender_id}) {candidate.scheme.name}: "
        f"{rank.points} points 分{mark}"
    )
    for reason in rank.reasons:
        say(f"     {reason.points:3d}/{reason.of:<3d} {reason.criterion:7s} {reason.zh}")
        say(f"             {reason.en}")


def _ranked(rank: Rank) -> dict[str, Any]:
    candidate = rank.candidate
    return {
        "place": rank.place,
        "lender_id": candidate.lender_id,
        "name": candidate.name,
        "kind": candidate.kind,
        "scheme": candidate.scheme.name,
        "points": rank.points,
        "fits": rank.fits,
        "reasons": [vars(reason) for reason in rank.reasons],
    }
