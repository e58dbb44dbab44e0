"""Who borrows: the people and firms, with a quality that is only partly to be seen."""

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import ndtri

from vouch.simulator.calibration import (
    Section,
    choose,
    choose_by_row,
    chosen,
    shares,
    spread_evenly,
)
from vouch.simulator.months import Flags, Floats, Ints, first_day, month_of, year_of
from vouch.simulator.names import Texts


@dataclass(frozen=True)
class Borrowers:
    """One partition's borrowers, a row each. Money is in yuan, days are day numbers.

    `quality` and `lender_view` are the truth nobody sees; the lender's view shows in the interest
    rate. `silent` are those whose trouble no outside signal shows. `feeds` says which feeds there
    are, a column each; `own` is each borrower's usual level of every report in parts of the
    general one. `group` is -1 for a borrower that belongs to none.
    """

    segment: Ints
    kind: Texts
    city: Ints
    industry: Ints
    first_application: Ints
    founded: Ints
    ticket: Floats
    revenue: Floats
    headcount: Ints
    quality: Floats
    lender_view: Floats
    silent: Flags
    feeds: Flags
    own: Floats
    group: Ints

    def __len__(self) -> int:
        return len(self.segment)

    def take(self, rows: Ints) -> "Borrowers":
        """The borrowers at `rows`."""
        return Borrowers(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


_PERSONS = ("sole_trader", "owner", "person", "farmer")


def segment_weights(province: Section) -> Floats:
    """Shares by number, from the shares by amount and the mean tickets."""
    means = [s["median"] * np.exp(s["spread"] ** 2 / 2) for s in province["segment"]]
    mean = np.minimum(means, [s["highest"] for s in province["segment"]])
    return shares(list(np.array([s["share"] for s in province["segment"]]) / mean))


def borrowers(
    province: Section, rng: np.random.Generator, size: int, first: int, until: int
) -> Borrowers:
    """Draw `size` borrowers whose first applications lie from day `first` to day `until`."""
    segment = chosen(segment_weights(province), spread_evenly(rng, np.arange(size)))
    kind = _by_segment(province, rng, segment, "kinds")
    applied = _applications(province["volume"], rng, size, first, until)
    ticket = _tickets(province, rng, segment)
    revenue, headcount = _business(province["revenue"], rng, ticket)
    quality = rng.standard_normal(size)
    seen = province["risk"]["seen_by_lender"]
    own = np.array([report["own_spread"] for report in province["report"]])
    return Borrowers(
        segment=segment,
        kind=kind,
        city=choose(rng, shares(province["city"]["shares"]), size),
        industry=_industries(province, rng, segment),
        first_application=applied,
        founded=_founded(province, rng, segment, applied),
        ticket=ticket,
        revenue=revenue,
        headcount=headcount,
        quality=quality,
        lender_view=seen * quality + np.sqrt(1 - seen**2) * rng.standard_normal(size),
        silent=rng.random(size) < province["feed"]["silent_share"],
        feeds=_feeds(province["feed"], rng, np.isin(kind, _PERSONS)),
        own=np.exp(own * rng.standard_normal((size, len(own)))),
        group=_groups(province["group"], rng, kind),
    )


def _by_segment(province: Section, rng: np.random.Generator, segment: Ints, key: str) -> Texts:
    names = sorted({name for s in province["segment"] for name in s[key]})
    weights = np.array([[s[key].get(name, 0.0) for name in names] for s in province["segment"]])
    return np.array(names, dtype=object)[choose_by_row(rng, weights[segment])]


def products(province: Section, rng: np.random.Generator, segment: Ints) -> Texts:
    """The guarantee product of each application."""
    return _by_segment(province, rng, segment, "products")


def _applications(
    volume: Section, rng: np.random.Generator, size: int, first: int, until: int
) -> Ints:
    months = np.arange(month_of(np.array([first]))[0], month_of(np.array([until]))[0] + 1)
    starts = np.maximum(first_day(months), first)
    days = np.minimum(first_day(months + 1), until + 1) - starts
    season = np.array(volume["month_weights"], dtype=np.float64)[months % 12]
    growth = (1 + volume["yearly_growth"]) ** (
        (year_of(months) - year_of(months[:1])).astype(float)
    )
    at = choose(rng, season * growth * days, size)
    drawn: Ints = starts[at] + (rng.random(size) * days[at]).astype(np.int64)
    return drawn


def _tickets(province: Section, rng: np.random.Generator, segment: Ints) -> Floats:
    def of(key: str) -> Floats:
        values: Floats = np.array([s[key] for s in province["segment"]], dtype=np.float64)[segment]
        return values

    luck = np.clip(spread_evenly(rng, segment), 1e-9, 1 - 1e-9)
    drawn = of("median") * np.exp(of("spread") * ndtri(luck))
    tickets: Floats = np.clip(drawn, of("lowest"), of("highest"))
    return tickets


def _business(revenue: Section, rng: np.random.Generator, ticket: Floats) -> tuple[Floats, Ints]:
    size = len(ticket)
    yearly = ticket * revenue["multiple"] * np.exp(revenue["spread"] * rng.standard_normal(size))
    heads = usual_headcount(revenue, yearly)
    heads = heads * np.exp(revenue["head_spread"] * rng.standard_normal(size))
    return yearly, np.maximum(np.rint(heads), 1).astype(np.int64)


def usual_headcount(revenue: Section, yearly: Floats) -> Floats:
    """Persons usually employed at a yearly revenue in yuan."""
    heads: Floats = (yearly / revenue["yuan_per_head"]) ** revenue["head_power"]
    return heads


def _groups(group: Section, rng: np.random.Generator, kind: Texts) -> Ints:
    """Numbers of the groups of affiliated enterprises; members follow each other."""
    members = np.flatnonzero((kind == "enterprise") & (rng.random(len(kind)) < group["share"]))
    sizes = np.array(group["sizes"])[choose(rng, shares(group["size_shares"]), len(members))]
    number = np.full(len(kind), -1)
    number[members] = np.repeat(np.arange(len(sizes)), sizes)[: len(members)]
    return number


def _industries(province: Section, rng: np.random.Generator, segment: Ints) -> Ints:
    industry = province["industry"]
    codes = industry["codes"]
    usual = shares(industry["shares"])
    weights = np.tile(usual, (len(province["segment"]), 1))
    for row, part in enumerate(province["segment"]):
        only = industry.get(part["name"])
        if only:
            weights[row] = usual * np.isin(codes, only)
    return choose_by_row(rng, weights[segment])


def _founded(province: Section, rng: np.random.Generator, segment: Ints, applied: Ints) -> Ints:
    terms = province["terms"]
    median = np.array([s["median_age_years"] for s in province["segment"]])[segment]
    years = median * np.exp(terms["age_spread"] * rng.standard_normal(len(segment)))
    days = np.clip(years, 0.1, terms["oldest_years"]) * 365.25
    founded: Ints = applied - days.astype(np.int64)
    return founded


def _feeds(feed: Section, rng: np.random.Generator, is_person: Flags) -> Flags:
    chance = np.array(feed["absent"])[None, :] + feed["person_extra"] * is_person[:, None]
    has_feed: Flags = rng.random(chance.shape) >= chance
    return has_feed


def usual_age_log(province: Section, segment: Ints) -> Floats:
    """The usual log age of business, in years, of each segment."""
    medians = np.array([s["median_age_years"] for s in province["segment"]])
    logs: Floats = np.log(medians)[segment]
    return logs
