"""What is applied for and signed, and how risky it truly is."""

from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np

from vouch.simulator.borrowers import Borrowers, products, usual_age_log
from vouch.simulator.calibration import Section, choose, choose_by_row, log_effects, shares
from vouch.simulator.months import Flags, Floats, Ints, add_months, day_number, month_of, year_of
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
) -> Terms:
    """Agree terms with the borrowers at `rows`, who apply on the days `applied`."""
    who = people.take(rows)
    agreed = _agreed(province, network, rng, who, rows, applied, turn)
    return replace(agreed, log_risk=_log_risk(province, network, who, agreed))


def _agreed(
    province: Section,
    network: Network,
    rng: np.random.Generator,
    who: Borrowers,
    rows: Ints,
    applied: Ints,
    turn: int,
) -> Terms:
    size = len(rows)
    revenue = _revenue(province["revenue"], rng, who, applied)
    amount = _amounts(province, rng, who, turn)
    product = products(province, rng, who.segment)
    channel, start = _channel(province["channel"], rng, product, applied)
    tenor = _tenors(province["tenor"], rng, size)
    scheme = _schemes(province, rng, who.city, product, applied)
    lender = choose_by_row(rng, network.lenders.weights[who.city])
    guarantor, manager = _desk(province["province"], network, rng, who.city)
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
        interest=_interest(province["interest"], rng, who, start, add),
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
    province: Section, rng: np.random.Generator, city: Ints, product: Texts, applied: Ints
) -> Ints:
    scheme, shift = province["scheme"], province["scheme_shift"]
    chosen = choose(rng, shares(scheme["shares"]), len(city))
    moved = rng.random(len(city))
    days: list[date] = shift["even_from"]
    for slug, day, share in zip(shift["even_cities"], days, shift["even_shares"], strict=True):
        there = city == province["city"]["slugs"].index(slug)
        chosen[there & (applied >= day_number(day)) & (moved < share)] = scheme["names"].index(
            "5:5"
        )
    startup = (product == "startup") & (applied >= day_number(shift["startup_from"]))
    chosen[startup & (moved > 1 - shift["startup_share"])] = scheme["names"].index("4:6")
    return chosen


def _desk(
    top: Section, network: Network, rng: np.random.Generator, city: Ints
) -> tuple[Ints, Ints]:
    province_at = len(network.guarantors.ids) - 1
    guarantor = np.where(rng.random(len(city)) < top["direct_share"], province_at, city)
    managers = network.managers
    manager = managers.first[guarantor] + rng.integers(managers.count[guarantor])
    return guarantor, manager


def _interest(
    interest: Section, rng: np.random.Generator, who: Borrowers, start: Ints, add: Floats
) -> Floats:
    years = interest["mean_year"] - year_of(month_of(start))
    rate = interest["mean"] + interest["fall_per_year"] * years + add
    rate = rate - interest["lender_view"] * who.lender_view
    rate = rate + interest["spread"] * rng.standard_normal(len(who))
    quoted: Floats = np.round(np.clip(rate, interest["lowest"], interest["highest"]), 4)
    return quoted


def _grace(grace: Section, rng: np.random.Generator, size: int) -> Ints:
    agreed = np.array(grace["days"])[choose(rng, shares(grace["shares"]), size)]
    return agreed + rng.integers(grace["processing_days"] + 1, size=size)


def _log_risk(province: Section, network: Network, who: Borrowers, agreed: Terms) -> Floats:
    risk, revenue = province["risk"], province["revenue"]
    segments = province["segment"]
    by_segment = log_effects([s["rate"] for s in segments], [s["share"] for s in segments])
    by_industry = log_effects(province["industry"]["rates"], province["industry"]["shares"])
    age = np.maximum(_age(who, agreed.applied), 0.1)
    log_age = np.log(age) - usual_age_log(province, who.segment)
    log_leverage = np.log(agreed.amount / agreed.revenue * revenue["multiple"])
    total: Floats = (
        by_segment[who.segment]
        + by_industry[who.industry]
        + np.log(np.array(province["city"]["multipliers"]))[who.city]
        + network.lenders.effects[agreed.lender]
        + risk["leverage"] * log_leverage / revenue["spread"]
        - risk["youth"] * log_age / province["terms"]["age_spread"]
        + risk["new_business"] * agreed.is_new
        + risk["headcount"] * who.headcount_surplus
        + risk["tenor"] * np.log(agreed.tenor / 12)
        + risk["collateral"] * agreed.collateral
        + risk["repeat"] * (agreed.turn > 0)
        - risk["hidden_quality"] * who.quality
    )
    return total
