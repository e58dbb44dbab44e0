"""Which bank and scheme fit an application: advice only, every point of it explained.

Each criterion gives up to its weight in points. Those that meet every criterion come first, the
most points first; equals are ordered by lender and scheme, so the order of input never matters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from vouch.domain.advice.case import CapState
from vouch.domain.advice.written import percent, yuan
from vouch.domain.risk_sharing import Party, Scheme
from vouch.domain.vocabulary import BORROWER_KINDS, LENDER_KINDS


class Criterion(StrEnum):
    """What a lender and a scheme are judged by."""

    POLICY = "policy"
    GRADE = "grade"
    TICKET = "ticket"
    REGION = "region"
    CAP = "cap"


class Reach(StrEnum):
    """How far from where it sits a bank lends."""

    CITY = "city"
    PROVINCE = "province"
    ANYWHERE = "anywhere"


@dataclass(frozen=True)
class Appetite:
    """What banks of these kinds, or these banks, lend to; empty or None: any."""

    lenders: tuple[str, ...]
    lender_kinds: tuple[str, ...]
    borrower_kinds: tuple[str, ...]
    grades: tuple[str, ...]
    ticket_from: Decimal | None
    ticket_to: Decimal | None
    reach: Reach
    source: str


@dataclass(frozen=True)
class FitTerms:
    """One version of the weights, in whole points, and of the banks' appetites."""

    effective_from: date
    effective_until: date | None
    source: str
    weights: Mapping[Criterion, int]
    appetites: tuple[Appetite, ...]

    def appetite(self, lender_id: str, kind: str | None) -> Appetite | None:
        """That of the bank itself, else that of its kind; None where policy says nothing."""
        named = (a for a in self.appetites if lender_id in a.lenders)
        of_kind = (a for a in self.appetites if not a.lenders and kind in a.lender_kinds)
        return next(named, None) or next(of_kind, None)


@dataclass(frozen=True)
class Application:
    """What is looked for a bank; regions are GB/T 2260 codes."""

    amount: Decimal
    grade: str
    kind: str | None
    region: str | None


@dataclass(frozen=True)
class Candidate:
    """A bank under a scheme; `cap` is None where nobody can tell, or where there is no cap."""

    lender_id: str
    name: str
    kind: str | None
    region: str | None
    scheme: Scheme
    cap: CapState | None = None


@dataclass(frozen=True)
class Points:
    """What one criterion gave, of how many points, and why."""

    criterion: Criterion
    points: int
    of: int
    zh: str
    en: str


@dataclass(frozen=True)
class Rank:
    """A candidate in its place; it fits where every criterion gave something."""

    place: int
    candidate: Candidate
    points: int
    fits: bool
    reasons: tuple[Points, ...]


def ranked(
    application: Application, candidates: Iterable[Candidate], terms: FitTerms
) -> list[Rank]:
    """The candidates, the best first."""
    judged = []
    for candidate in candidates:
        reasons = _judged(application, candidate, terms)
        points = sum(reason.points for reason in reasons)
        fits = all(reason.points for reason in reasons if reason.of)
        order = (not fits, -points, candidate.lender_id, candidate.scheme.name)
        judged.append((order, Rank(0, candidate, points, fits, reasons)))
    judged.sort(key=lambda one: one[0])
    return [
        Rank(place, rank.candidate, rank.points, rank.fits, rank.reasons)
        for place, (_, rank) in enumerate(judged, 1)
    ]


def _judged(application: Application, candidate: Candidate, terms: FitTerms) -> tuple[Points, ...]:
    appetite = terms.appetite(candidate.lender_id, candidate.kind)
    weights = terms.weights
    return (
        _policy(application, candidate, appetite, weights[Criterion.POLICY]),
        _grade(application, appetite, weights[Criterion.GRADE]),
        _ticket(application, appetite, weights[Criterion.TICKET]),
        _region(application, candidate, appetite, weights[Criterion.REGION]),
        _cap(candidate, weights[Criterion.CAP]),
    )


def _given(criterion: Criterion, met: bool, of: int, zh: str, en: str) -> Points:
    return Points(criterion, of if met else 0, of, zh, en)


def _policy(
    application: Application, candidate: Candidate, appetite: Appetite | None, of: int
) -> Points:
    kind = application.kind or ""
    zh_kind = BORROWER_KINDS.get(kind, ("类型不明",))[0]
    en_kind = kind.replace("_", " ") or "unknown"
    share = percent(candidate.scheme.shares.get(Party.BANK, Decimal(0)))
    if appetite is None:
        bank = LENDER_KINDS.get(candidate.kind or "", ("类型不明",))[0]
        return Points(
            Criterion.POLICY,
            of // 2,
            of,
            f"未设定该银行（{bank}）的偏好，按一半计；{candidate.scheme.name} 银行分担 {share}",
            f"nothing is set for this bank ({candidate.kind or 'kind unknown'}): half counts; "
            f"under {candidate.scheme.name} the bank bears {share}",
        )
    met = not appetite.borrower_kinds or application.kind in appetite.borrower_kinds
    return _given(
        Criterion.POLICY,
        met,
        of,
        f"{'接受' if met else '不接受'}{zh_kind}客户；{candidate.scheme.name} 银行分担 {share}",
        f"{'takes' if met else 'does not take'} clients of this kind ({en_kind}); under "
        f"{candidate.scheme.name} the bank bears {share}",
    )


def _grade(application: Application, appetite: Appetite | None, of: int) -> Points:
    grades = appetite.grades if appetite else ()
    met = not grades or application.grade in grades
    listed = "、".join(grades) or "不限"
    return _given(
        Criterion.GRADE,
        met,
        of,
        f"等级 {application.grade}，银行接受 {listed}",
        f"grade {application.grade}, the bank takes {', '.join(grades) or 'any'}",
    )


def _ticket(application: Application, appetite: Appetite | None, of: int) -> Points:
    low = appetite.ticket_from if appetite else None
    high = appetite.ticket_to if appetite else None
    amount = application.amount
    met = (low is None or amount >= low) and (high is None or amount <= high)
    least, most = (yuan(low) if low else "0.00"), (yuan(high) if high else None)
    return _given(
        Criterion.TICKET,
        met,
        of,
        f"金额 {yuan(amount)} 元，银行接受 {least} 至 {most or '不限'} 元",
        f"{yuan(amount)} yuan, the bank lends {least} to {most or 'any amount'}",
    )


def _region(
    application: Application, candidate: Candidate, appetite: Appetite | None, of: int
) -> Points:
    theirs, home = candidate.region or "", application.region or ""
    reach = appetite.reach if appetite else Reach.ANYWHERE
    same_city = bool(home) and theirs[:4] == home[:4]
    same_province = bool(home) and theirs[:2] == home[:2]
    met = same_city or reach is Reach.ANYWHERE or (reach is Reach.PROVINCE and same_province)
    zh_reach = {"city": "本市", "province": "本省", "anywhere": "不限"}[reach]
    en_reach = {"city": "in its city", "province": "in its province", "anywhere": "anywhere"}[reach]
    where = "同市" if same_city else "同省" if same_province else "异地或不明"
    en_where = "same city" if same_city else "same province" if same_province else "elsewhere"
    points = of if same_city else of // 2 if met else 0
    return Points(
        Criterion.REGION,
        points,
        of,
        f"银行 {theirs or '不明'}，借款人 {home or '不明'}（{where}），服务范围{zh_reach}",
        f"bank in {theirs or '?'}, borrower in {home or '?'} ({en_where}), it lends {en_reach}",
    )


def _cap(candidate: Candidate, of: int) -> Points:
    name, cap = candidate.scheme.name, candidate.cap
    if candidate.scheme.cap is None:
        return _given(Criterion.CAP, True, of, f"{name} 无代偿上限", f"{name} has no cap")
    if cap is None or cap.amount <= 0:
        claims = "" if cap is None else f"，已申请 {yuan(cap.claims)} 元"
        en_claims = "" if cap is None else f", claims so far {yuan(cap.claims)}"
        is_open = cap is None or not cap.claims
        return Points(
            Criterion.CAP,
            of // 2 if is_open else 0,
            of,
            f"{name} 上限为零或不明{claims}",
            f"the cap of {name} is nothing yet or not known{en_claims}",
        )
    left = cap.left / cap.amount
    return Points(
        Criterion.CAP,
        int(of * left),
        of,
        f"{name} 上限 {yuan(cap.amount)} 元，剩余 {yuan(cap.left)} 元（{percent(left)}）",
        f"cap of {name} {yuan(cap.amount)}, {yuan(cap.left)} left ({percent(left)})",
    )
