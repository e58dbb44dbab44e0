"""What a simulated province has to be like, measured on its book."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from vouch.book.book import Book, Known
from vouch.domain.credit_code import credit_code_fault
from vouch.domain.risk_sharing import Party
from vouch.domain.stage import Stage
from vouch.errors import BookError
from vouch.policy.reading import Policy
from vouch.simulator.calibration import Section, province
from vouch.simulator.ceiling.separation import reachable_auc

_STAGES = {Stage.PRE_LOAN: "保前", Stage.IN_LOAN: "保中", Stage.POST_LOAN: "保后"}
_CODED = "('enterprise', 'sole_trader', 'cooperative')"
_YEAR = 365


@dataclass(frozen=True)
class Gate:
    """One measured value and the limits that it has to keep, both included."""

    name: str
    zh: str
    measured: float | None
    target: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether it lies within the limits; a value that cannot be measured does not."""
        return self.measured is not None and abs(self.measured - self.target) <= self.tolerance


def gates(book: Book) -> list[Gate]:
    """Every gate of the calibration, measured on the last day that the book knows of.

    Raises:
        BookError: the book is empty.
    """
    last = book.newest_known_at
    if last is None:
        raise BookError(f"the book at {book.path} is empty; fill it with `vouch simulate`")
    known, limits = book.known(last), province()["gate"]
    return [
        *_bank_mix(known, limits),
        _small_share(known, limits),
        _financing_cost(known, limits, last),
        _rolling_rate(known, limits, last),
        *_never(known),
    ]


def separations(book: Book) -> list[Gate]:
    """How well the best reachable probabilities tell cases apart, by stage, as an AUC.

    Higher than the limit means that something hidden shows; lower, that nothing can be learnt.

    Raises:
        BookError: the book was not simulated.
    """
    limits = province()["separation"]
    return [
        Gate(
            f"best reachable AUC, {stage.value.replace('_', '-')}",
            f"{zh}可达AUC上限",
            reachable_auc(book, stage),
            *limits[stage.value],
        )
        for stage, zh in _STAGES.items()
    ]


def _bank_mix(known: Known, limits: Section) -> list[Gate]:
    rows = known.query(
        "SELECT l.kind, sum(g.amount)::DOUBLE AS amount "
        f"FROM {known.current('guarantee')} g JOIN {known.current('lender')} l USING (lender_id) "
        "GROUP BY 1"
    ).to_pylist()
    by_kind = {row["kind"]: row["amount"] for row in rows}
    total = sum(by_kind.values())
    lender = province()["lender"]
    return [
        Gate(
            f"share of {kind.replace('_', '-')} banks by amount",
            f"{zh}占比",
            by_kind.get(kind, 0.0) / total if total else None,
            share / sum(lender["shares"]),
            limits["bank_mix"],
        )
        for kind, zh, share in zip(
            lender["kinds"], lender["names_zh"], lender["shares"], strict=True
        )
    ]


def _small_share(known: Known, limits: Section) -> Gate:
    """By client: the loan with everything else the client has running on the day it is signed."""
    guarantee, release = known.current("guarantee"), known.current("release")
    share = _one(
        known,
        f"""WITH run AS (
            SELECT g.*, coalesce(r.event_at, DATE '9999-12-31') AS ended
            FROM {guarantee} g LEFT JOIN (SELECT * FROM {release} WHERE is_final) r
            USING (guarantee_id)),
        client AS (
            SELECT a.guarantee_id, any_value(a.amount) AS amount, sum(b.amount) AS whole
            FROM run a JOIN run b ON a.borrower_id = b.borrower_id
                AND b.start_on <= a.start_on AND a.start_on < b.ended GROUP BY 1)
        SELECT sum(amount) FILTER (whole <= {limits["small_amount"]})::DOUBLE
            / sum(amount)::DOUBLE FROM client""",
    )
    return Gate(
        "share of clients up to 5 million, by amount",
        "单户500万元以下占比",
        share,
        limits["small_share"],
        limits["small_share_tolerance"],
    )


def _financing_cost(known: Known, limits: Section, last: date) -> Gate:
    cost = _one(
        known,
        "SELECT sum(amount * (interest_rate + fee_rate))::DOUBLE / sum(amount)::DOUBLE "
        f"FROM {known.current('guarantee')} WHERE start_on > DATE '{last - timedelta(_YEAR)}'",
    )
    return Gate(
        "financing cost of the last year's loans, interest and fee",
        "综合融资成本",
        cost,
        limits["financing_cost"],
        limits["financing_cost_tolerance"],
    )


def _rolling_rate(known: Known, limits: Section, last: date) -> Gate:
    since = last - timedelta(_YEAR)
    paid, released = (
        f"(SELECT sum(amount)::DOUBLE FROM {known.current(table)} WHERE event_at > DATE '{since}')"
        for table in ("compensation", "release")
    )
    return Gate(
        "rolling 365-day compensation rate",
        "滚动365天代偿率",
        _one(known, f"SELECT {paid} / {released}"),
        province()["level"]["target_compensation_rate"],
        limits["rate_tolerance"],
    )


def _never(known: Known) -> list[Gate]:
    """Counts of what must not be there."""
    guarantee, compensation = known.current("guarantee"), known.current("compensation")
    overdue = (
        "(SELECT guarantee_id, arg_max(event_at - days_past_due::INTEGER, event_at) AS since "
        f"FROM {known.current('performance')} WHERE days_past_due > 0 GROUP BY 1)"
    )
    pairs = {
        ("negative balances", "负余额"): f"SELECT count(*) FROM {known.versions('performance')} "
        "WHERE balance < 0",
        ("contracts before their application", "签约早于申请"): f"SELECT count(*) FROM {guarantee} "
        "WHERE start_on < event_at",
        ("arrears before the contract", "逾期早于签约"): f"SELECT count(*) FROM {overdue} o "
        f"JOIN {guarantee} g USING (guarantee_id) WHERE o.since < g.start_on",
        ("compensations before the arrears", "代偿早于逾期"): "SELECT count(*) "
        f"FROM {compensation} c LEFT JOIN {overdue} o USING (guarantee_id) "
        "WHERE c.event_at < o.since",
        ("recoveries before the compensation", "追偿早于代偿"): "SELECT count(*) "
        f"FROM {known.current('recovery')} r LEFT JOIN {compensation} c USING (guarantee_id) "
        "WHERE c.event_at IS NULL OR r.event_at < c.event_at",
    }
    found = [_nothing(*names, _one(known, sql)) for names, sql in pairs.items()]
    return [
        *found,
        _nothing(
            "guarantees whose shares do not sum to one", "分险比例之和不为一", _unshared(known)
        ),
        _nothing("businesses without a valid credit code", "信用代码无效", _uncoded(known)),
    ]


def _unshared(known: Known) -> float:
    """Guarantees without a scheme in force when signed, or with another part than it says."""
    rows = known.query(
        "SELECT scheme, start_on, (guaranteed_amount / amount)::DOUBLE AS part, count(*) AS size "
        f"FROM {known.current('guarantee')} GROUP BY ALL"
    ).to_pylist()
    policy = Policy()
    return float(sum(row["size"] for row in rows if not _is_shared(policy, row)))


def _is_shared(policy: Policy, row: dict[str, Any]) -> bool:
    for version in policy.schemes.get(row["scheme"], ()):
        until = version.effective_until or date.max
        if version.effective_from <= row["start_on"] <= until:
            bank = float(version.shares.get(Party.BANK, 0))
            return sum(version.shares.values()) == 1 and abs(row["part"] + bank - 1) < 1e-6
    return False


def _uncoded(known: Known) -> float:
    codes = known.query(f"SELECT uscc FROM {known.current('borrower')} WHERE kind IN {_CODED}")[
        "uscc"
    ].to_pylist()
    return float(sum(code is None or credit_code_fault(code) is not None for code in codes))


def _nothing(name: str, zh: str, count: float | None) -> Gate:
    return Gate(name, zh, count, 0.0, 0.0)


def _one(known: Known, sql: str) -> float | None:
    value = known.query(sql)[0][0].as_py()
    return None if value is None else float(value)
