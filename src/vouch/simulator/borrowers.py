"""Who borrows: the people and firms, with a quality that is only partly to be seen."""

from dataclasses import dataclass, fields

import numpy as np

from vouch.simulator.calibration import Section, choose, choose_by_row, shares
from vouch.simulator.months import Flags, Floats, Ints, first_day, month_of, year_of
from vouch.simulator.names import Texts


@dataclass(frozen=True)
class Borrowers:
    """One partition's borrowers, a row each. Money is in yuan, days are day numbers.

    `quality`, `lender_view` and `loss_scale` are the truth nobody sees; the lender's view shows
    in the interest rate. `feeds` says for which signals there is a feed.
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
    headcount_surplus: Floats
    quality: Floats
    lender_view: Floats
    silent: Flags
    loss_scale: Floats
    feeds: Flags

    def __len__(self) -> int:
        return len(self.segment)

    def take(self, rows: Ints) -> "Borrowers":
        """The borrowers at `rows`."""
        return Borrowers(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


FEEDS = ("tax_paid", "invoice_out", "insured_headcount", "bureau_inquiries")
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
    segment = choose(rng, segment_weights(province), size)
    kind = _by_segment(province, rng, segment, "kinds")
    applied = _applications(province["volume"], rng, size, first, until)
    ticket = _tickets(province, rng, segment)
    revenue, headcount, surplus = _business(province["revenue"], rng, ticket)
    quality = rng.standard_normal(size)
    seen = province["risk"]["seen_by_lender"]
    signal = province["signal"]
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
        headcount_surplus=surplus,
        quality=quality,
        lender_view=seen * quality + np.sqrt(1 - seen**2) * rng.standard_normal(size),
        silent=rng.random(size) < province["feed"]["silent_share"],
        loss_scale=np.exp(signal["loss_spread"] * rng.standard_normal(size)),
        feeds=_feeds(province["feed"], rng, np.isin(kind, _PERSONS)),
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

    drawn = of("median") * np.exp(of("spread") * rng.standard_normal(len(segment)))
    return np.clip(drawn, of("lowest"), of("highest"))


def _business(
    revenue: Section, rng: np.random.Generator, ticket: Floats
) -> tuple[Floats, Ints, Floats]:
    size = len(ticket)
    yearly = ticket * revenue["multiple"] * np.exp(revenue["spread"] * rng.standard_normal(size))
    surplus = rng.standard_normal(size)
    heads = (yearly / revenue["yuan_per_head"]) ** revenue["head_power"]
    heads = heads * np.exp(revenue["head_spread"] * surplus)
    return yearly, np.maximum(np.rint(heads), 1).astype(np.int64), surplus


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
    absent = np.array(
        [
            feed["without_tax"],
            feed["without_invoice"],
            feed["without_insured"],
            feed["without_bureau"],
        ]
    )
    chance = absent[None, :] + feed["person_extra"] * is_person[:, None]
    has_feed: Flags = rng.random(chance.shape) >= chance
    return has_feed


def usual_age_log(province: Section, segment: Ints) -> Floats:
    """The usual log age of business, in years, of each segment."""
    medians = np.array([s["median_age_years"] for s in province["segment"]])
    logs: Floats = np.log(medians)[segment]
    return logs
