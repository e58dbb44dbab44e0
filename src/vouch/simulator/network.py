"""Who guarantees and who lends: the guarantors, their account managers, the lenders."""

from dataclasses import dataclass

import numpy as np

from vouch.simulator.calibration import Section, log_effects, shares
from vouch.simulator.months import Floats, Ints
from vouch.simulator.names import Texts, people


@dataclass(frozen=True)
class Guarantors:
    """One for each city, in the order of the cities, then the counties', the province's last."""

    ids: Texts
    names: Texts
    levels: Texts
    parents: Texts
    regions: Texts
    net_assets: Ints


@dataclass(frozen=True)
class Managers:
    """Account managers; those of guarantor `g` are `first[g]` to `first[g] + count[g] - 1`."""

    ids: Texts
    names: Texts
    emails: Texts
    guarantor: Ints
    first: Ints
    count: Ints


@dataclass(frozen=True)
class Lenders:
    """Lenders; `weights[c]` is how business of a borrower in city `c` spreads over them."""

    ids: Texts
    names: Texts
    kinds: Texts
    regions: Texts
    effects: Floats
    interest_add: Floats
    weights: Floats


@dataclass(frozen=True)
class Network:
    """Everyone on the guarantee's side of the table."""

    guarantors: Guarantors
    managers: Managers
    lenders: Lenders


def network(province: Section, rng: np.random.Generator) -> Network:
    """The institutions of the province."""
    return Network(_guarantors(province), _managers(province, rng), _lenders(province, rng))


def _guarantors(province: Section) -> Guarantors:
    city, county, top = province["city"], province["county"], province["province"]
    slugs = _slugs(province)
    names = [f"{name}市模拟融资担保有限公司" for name in city["names"]]
    names += [f"{name}模拟融资担保有限公司" for name in county["names"]]
    assets = (shares(city["shares"]) * top["city_net_assets"]).astype(np.int64)
    counties = np.full(len(county["names"]), county["net_assets"])
    seats = [len(slugs) - 1] * len(city["slugs"])
    seats += [at // county["per_city"] for at in range(len(county["slugs"]))]
    return Guarantors(
        ids=np.array([f"GC-{slug}" for slug in slugs], dtype=object),
        names=np.array([*names, f"{top['name']}模拟融资再担保有限公司"], dtype=object),
        levels=np.array(
            ["city"] * len(city["slugs"]) + ["county"] * len(county["slugs"]) + ["province"],
            dtype=object,
        ),
        parents=np.array([f"GC-{slugs[seat]}" for seat in seats] + [None], dtype=object),
        regions=np.array([*city["codes"], *county["codes"], top["code"]], dtype=object),
        net_assets=np.concatenate([assets, counties, [top["net_assets"]]]),
    )


def _slugs(province: Section) -> list[str]:
    parts = province["city"], province["county"]
    return [slug for part in parts for slug in part["slugs"]] + [province["province"]["slug"]]


def _managers(province: Section, rng: np.random.Generator) -> Managers:
    top, county, cities = province["province"], province["county"], len(province["city"]["slugs"])
    slugs = _slugs(province)
    count = np.array(
        [top["managers_per_city"]] * cities
        + [county["managers"]] * len(county["slugs"])
        + [top["managers_of_province"]]
    )
    guarantor = np.repeat(np.arange(len(slugs)), count)
    numbers = np.concatenate([np.arange(1, size + 1) for size in count])
    pairs = [(number, slugs[g]) for number, g in zip(numbers, guarantor, strict=True)]
    return Managers(
        ids=np.array([f"AM-{slug}-{number:02d}" for number, slug in pairs], dtype=object),
        names=people(rng, len(pairs)),
        emails=np.array([f"m{n:02d}.{slug}@example.com" for n, slug in pairs], dtype=object),
        guarantor=guarantor,
        first=np.cumsum(count) - count,
        count=count,
    )


def _lenders(province: Section, rng: np.random.Generator) -> Lenders:
    city, lender = province["city"], province["lender"]
    rows: list[tuple[str, str, str, int]] = []  # kind, name, region, city or -1
    for kind, label in (
        ("state", "国有大行"),
        ("internet", "互联网银行"),
        ("joint_stock", "股份行"),
    ):
        rows += [
            (kind, f"模拟{label}{n:02d}", province["province"]["code"], -1)
            for n in range(1, lender[kind] + 1)
        ]
    for index, (name, code) in enumerate(zip(city["names"], city["codes"], strict=True)):
        rows += [
            ("local", f"{name}模拟农商银行{n:02d}", code, index)
            for n in range(1, lender["local_per_city"] + 1)
        ]
    kind_at = np.array([lender["kinds"].index(kind) for kind, *_ in rows])
    effects = log_effects(lender["rates"], lender["shares"])[kind_at]
    return Lenders(
        ids=np.array([f"LD-{n:03d}" for n in range(1, len(rows) + 1)], dtype=object),
        names=np.array([name for _, name, _, _ in rows], dtype=object),
        kinds=np.array([kind for kind, *_ in rows], dtype=object),
        regions=np.array([region for _, _, region, _ in rows], dtype=object),
        effects=effects + lender["own_spread"] * rng.standard_normal(len(rows)),
        interest_add=np.array(lender["interest_add"])[kind_at],
        weights=_weights(kind_at, np.array([at for *_, at in rows]), lender, len(city["codes"])),
    )


def _weights(kind_at: Ints, seat: Ints, lender: Section, cities: int) -> Floats:
    serves = (seat[None, :] < 0) | (seat[None, :] == np.arange(cities)[:, None])
    by_kind = shares(lender["shares"])
    weights = np.zeros(serves.shape)
    for kind, share in enumerate(by_kind):
        of_kind = serves & (kind_at == kind)[None, :]
        weights += of_kind * share / of_kind.sum(axis=1, keepdims=True)
    return weights
