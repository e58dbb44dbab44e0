"""What is applied for and signed, and how risky it truly is."""

from dataclasses import dataclass, fields, replace

import numpy as np

from vouch.simulator.borrowers import Borrowers, products, usual_age_log, usual_headcount
from vouch.simulator.calibration import (
    Section,
    choose,
    choose_by_row,
    chosen_by_row,
    log_effects,
    shares,
    spread_evenly,
)
from vouch.simulator.months import Flags, Floats, Ints, add_months, day_number
from vouch.simulator.names import Texts
from vouch.simulator.network import Network

YUAN = 100  # fen
_ROUNDING = 10_000  # tickets are agreed in 万元


@dataclass(frozen=True)
class Terms:
    """Guarantees of one turn of their borrowers, a row each. Money is in fen, days are numbers.

    `log_risk` is the true log-intensity of trouble but for the province's level.
    """

    borrower: Ints
    turn: Ints
    city: Ints
    applied: Ints
    start: Ints
    maturity: Ints
    tenor: Ints
    amount: Ints
    guaranteed: Ints
    interest: Floats
    fee: Floats
    repayment: Ints
    product: Texts
    channel: Ints
    scheme: Ints
    lender: Ints
    guarantor: Ints
    manager: Ints
    purpose: Ints
    collateral: Flags
    jobs: Ints
    revenue: Ints
    headcount: Ints
    is_new: Flags
    grace: Ints
    extension: Ints
    log_risk: Floats

    def __len__(self) -> int:
        return len(self.borrower)

    def take(self, rows: Ints | Flags) -> "Terms":
        """The guarantees at `rows`."""
        return Terms(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def join_terms(parts: list[Terms]) -> Terms:
    """Turns below each other."""
    names = [f.name for f in fields(Terms)]
    return Terms(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def terms(
    province: Section,
    network: Network,
    rng: np.random.Generator,
    people: Borrowers,
    rows: Ints,
    applied: Ints,
    turn: int,
    until: int,
) -> Terms:
    """Agree terms with the borrowers at `rows`, who apply on the days `applied`.

    `until` is the book's last day; the level of interest is that of the year before it.
    """
    who = people.take(rows)
    agreed = _agreed(province, network, rng, who, rows, applied, turn, until)
    return replace(agreed, log_risk=_log_risk(province, network, who, agreed))


def _agreed(
    province: Section,
    network: Network,
    rng: np.random.Generator,
    who: Borrowers,
    rows: Ints,
    applied: Ints,
    turn: int,
    until: int,
) -> Terms:
    size = len(rows)
    revenue = _revenue(province["revenue"], rng, who, applied)
    amount = _amounts(province, rng, who, turn)
    product = products(province, rng, who.segment)
    channel, start = _channel(province["channel"], rng, product, applied)
    tenor = _tenors(province["tenor"], rng, size)
    scheme = _schemes(province, rng, who.city, product, start)
    lender = chosen_by_row(network.lenders.weights[who.city], spread_evenly(rng, amount))
    guarantor, manager = _desk(province, network, rng, who.city, scheme)
    add = network.lenders.interest_add[lender]
    share = np.array(province["scheme"]["guaranteed"])[scheme]
    return Terms(
        borrower=rows,
        turn=np.full(size, turn),
        city=who.city,
        applied=applied,
        start=start,
        maturity=add_months(start, tenor),
        tenor=tenor,
        amount=amount * YUAN,
        guaranteed=np.rint(amount * YUAN * share).astype(np.int64),
        interest=_interest(province["interest"], rng, who, until - start, add),
        fee=np.array(province["scheme"]["fees"])[scheme],
        repayment=choose(rng, shares(province["repayment"]["shares"]), size),
        product=product,
        channel=channel,
        scheme=scheme,
        lender=lender,
        guarantor=guarantor,
        manager=manager,
        purpose=choose(rng, shares(province["terms"]["purpose_shares"]), size),
        collateral=rng.random(size) < province["terms"]["collateral_share"],
        jobs=rng.poisson(amount / 1e6 * province["terms"]["jobs_per_million"]),
        revenue=np.rint(revenue / 100).astype(np.int64) * 100 * YUAN,
        headcount=who.headcount,
        is_new=_age(who, applied) <= province["terms"]["new_business_years"],
        grace=_grace(province["grace"], rng, size),
        extension=rng.choice(np.array(province["course"]["extend_months"]), size),
        log_risk=np.zeros(size),
    )


def _age(who: Borrowers, applied: Ints) -> Floats:
    """Age of the business in years."""
    years: Floats = (applied - who.founded) / 365.25
    return years


def _tenors(tenor: Section, rng: np.random.Generator, size: int) -> Ints:
    months: Ints = np.array(tenor["months"])[choose(rng, shares(tenor["shares"]), size)]
    return months


def _revenue(revenue: Section, rng: np.random.Generator, who: Borrowers, applied: Ints) -> Floats:
    years = (applied - who.first_application) / 365.25
    noise = revenue["restated_spread"] * rng.standard_normal(len(who))
    restated: Floats = who.revenue * (1 + revenue["yearly_growth"]) ** years * np.exp(noise)
    return restated


def _amounts(province: Section, rng: np.random.Generator, who: Borrowers, turn: int) -> Ints:
    repeat = province["repeat"]
    limits = [(s["lowest"], s["highest"]) for s in province["segment"]]
    lowest, highest = np.array(limits, dtype=np.float64)[who.segment].T
    factor = (1 + repeat["amount_growth"]) ** turn
    drawn = who.ticket * factor * np.exp(repeat["amount_spread"] * rng.standard_normal(len(who)))
    rounded = np.rint(np.clip(drawn, lowest, highest) / _ROUNDING) * _ROUNDING
    yuan: Ints = rounded.astype(np.int64)
    return yuan


def _channel(
    channel: Section, rng: np.random.Generator, product: Texts, applied: Ints
) -> tuple[Ints, Ints]:
    size = len(applied)
    weights = np.tile(shares(channel["shares"]), (size, 1))
    names = channel["names"]
    for name in ("direct_link", "platform"):
        weights[applied < day_number(channel[f"{name}_from"]), names.index(name)] = 0.0
    weights[product == "batch"] = np.array([name == "batch" for name in names], dtype=np.float64)
    chosen = choose_by_row(rng, weights)
    low = np.array(channel["shortest_days"])[chosen]
    high = np.array(channel["longest_days"])[chosen]
    return chosen, applied + rng.integers(low, high + 1)


def _schemes(
    province: Section, rng: np.random.Generator, city: Ints, product: Texts, start: Ints
) -> Ints:
    """The scheme under which each guarantee is signed on its first day."""
    names = province["scheme"]["names"]
    chosen = np.zeros(len(city), dtype=np.int64)
    for use in province["scheme_use"]:
        there = start >= day_number(use["from"])
        if "city" in use:
            there &= city == province["city"]["slugs"].index(use["city"])
        if "product" in use:
            there &= product == use["product"]
        chosen[there & (rng.random(len(city)) < use["share"])] = names.index(use["scheme"])
    return chosen


def _desk(
    province: Section, network: Network, rng: np.random.Generator, city: Ints, scheme: Ints
) -> tuple[Ints, Ints]:
    """The guarantor and its account manager; five-party business is the county guarantors'."""
    county, cities = province["county"], len(province["city"]["codes"])
    goes = rng.random(len(city))
    in_county = scheme == province["scheme"]["names"].index("520")
    in_county |= goes < county["share"]
    direct = goes > 1 - province["province"]["direct_share"]
    seat = cities + city * county["per_city"] + rng.integers(county["per_city"], size=len(city))
    guarantor = np.where(in_county, seat, city)
    guarantor = np.where(direct & ~in_county, len(network.guarantors.ids) - 1, guarantor)
    managers = network.managers
    manager = managers.first[guarantor] + rng.integers(managers.count[guarantor])
    return guarantor, manager


def usual_interest(interest: Section, days_before_end: Ints, add: Floats) -> Floats:
    """What a borrower of average standing pays, so many days before the book's end."""
    years = np.maximum(days_before_end, 0) // 365
    usual: Floats = interest["mean"] + interest["fall_per_year"] * years + add
    return usual


def _interest(
    interest: Section,
    rng: np.random.Generator,
    who: Borrowers,
    days_before_end: Ints,
    add: Floats,
) -> Floats:
    rate = usual_interest(interest, days_before_end, add)
    rate = rate - interest["lender_view"] * who.lender_view
    rate = rate + interest["spread"] * rng.standard_normal(len(who))
    quoted: Floats = np.round(np.clip(rate, interest["lowest"], interest["highest"]), 4)
    return quoted


def _grace(grace: Section, rng: np.random.Generator, size: int) -> Ints:
    agreed = np.array(grace["days"])[choose(rng, shares(grace["shares"]), size)]
    return agreed + rng.integers(grace["processing_days"] + 1, size=size)


def _log_risk(province: Section, network: Network, who: Borrowers, agreed: Terms) -> Floats:
    shown = Shown(
        segment=who.segment,
        industry=who.industry,
        city=who.city,
        lender=agreed.lender,
        amount=agreed.amount / YUAN,
        revenue=agreed.revenue / YUAN,
        headcount=agreed.headcount.astype(np.float64),
        age=_age(who, agreed.applied),
        is_new=agreed.is_new,
        tenor=agreed.tenor,
        collateral=agreed.collateral,
        is_repeat=agreed.turn > 0,
    )
    total: Floats = (
        shown_risk(province, network, shown) - province["risk"]["hidden_quality"] * who.quality
    )
    return total


@dataclass(frozen=True)
class Shown:
    """What an application shows of its risk, a row each; money in yuan, age in years."""

    segment: Ints
    industry: Ints
    city: Ints
    lender: Ints
    amount: Floats
    revenue: Floats
    headcount: Floats
    age: Floats
    is_new: Flags
    tenor: Ints
    collateral: Flags
    is_repeat: Flags


def shown_risk(province: Section, network: Network, shown: Shown) -> Floats:
    """The true log-intensity of trouble, but for the hidden quality and the province's level."""
    risk, revenue = province["risk"], province["revenue"]
    segments = province["segment"]
    by_segment = log_effects([s["rate"] for s in segments], [s["share"] for s in segments])
    by_industry = log_effects(province["industry"]["rates"], province["industry"]["shares"])
    log_age = np.log(np.maximum(shown.age, 0.1)) - usual_age_log(province, shown.segment)
    log_leverage = np.log(shown.amount / shown.revenue * revenue["multiple"])
    heads = np.log(shown.headcount / usual_headcount(revenue, shown.revenue))
    surplus = np.clip(heads / revenue["head_spread"], -2.5, 2.5)
    total: Floats = (
        by_segment[shown.segment]
        + by_industry[shown.industry]
        + np.log(np.array(province["city"]["multipliers"]))[shown.city]
        + network.lenders.effects[shown.lender]
        + risk["leverage"] * log_leverage / revenue["spread"]
        - risk["youth"] * log_age / province["terms"]["age_spread"]
        + risk["new_business"] * shown.is_new
        + risk["headcount"] * surplus
        + risk["tenor"] * np.log(shown.tenor / 12)
        + risk["collateral"] * shown.collateral
        + risk["repeat"] * shown.is_repeat
    )
    return total
