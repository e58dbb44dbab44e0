"""Tables of who and what: guarantors, managers, lenders, borrowers, guarantees."""

import numpy as np
import pyarrow as pa

from vouch.book.tables import (
    BORROWER,
    COUNTER_GUARANTEE,
    GUARANTEE,
    GUARANTOR,
    LENDER,
    MANAGER,
)
from vouch.simulator.borrowers import Borrowers
from vouch.simulator.codes import credit_codes
from vouch.simulator.facts import facts
from vouch.simulator.history import History, World
from vouch.simulator.months import Ints, add_months
from vouch.simulator.names import Texts, businesses
from vouch.simulator.settlement import numbers
from vouch.simulator.terms import Terms

_CODE_PREFIX = {"enterprise": "91", "sole_trader": "92", "cooperative": "93"}


def institutions(world: World) -> dict[str, pa.Table]:
    """The tables that all partitions share, known from the first day on."""
    net = world.network
    return {
        "guarantor": facts(
            GUARANTOR,
            _since(world, len(net.guarantors.ids))
            | {
                "guarantor_id": net.guarantors.ids,
                "name": net.guarantors.names,
                "level": net.guarantors.levels,
                "parent_id": net.guarantors.parents,
                "region": net.guarantors.regions,
                "net_assets": net.guarantors.net_assets * 100,
            },
        ),
        "manager": facts(
            MANAGER,
            _since(world, len(net.managers.ids))
            | {
                "manager_id": net.managers.ids,
                "name": net.managers.names,
                "email": net.managers.emails,
                "guarantor_id": net.guarantors.ids[net.managers.guarantor],
            },
        ),
        "lender": facts(
            LENDER,
            _since(world, len(net.lenders.ids))
            | {
                "lender_id": net.lenders.ids,
                "name": net.lenders.names,
                "kind": net.lenders.kinds,
                "region": net.lenders.regions,
            },
        ),
    }


def _since(world: World, size: int) -> dict[str, object]:
    return {"event_at": np.full(size, world.first), "known_at": np.full(size, world.first)}


def identifiers(letter: str, partition: int, numbers: Ints) -> Texts:
    """Identifiers such as G003-00042, in one partition."""
    return np.array([f"{letter}{partition:03d}-{number:05d}" for number in numbers], dtype=object)


def borrower_facts(
    world: World, rng: np.random.Generator, past: History, partition: int, serial: int
) -> pa.Table:
    """Each borrower as stated at each application; `serial` is the first borrower's number."""
    people, agreed = past.people, past.terms
    province, at = world.province, past.terms.borrower
    codes = np.array(province["industry"]["codes"], dtype=object)[people.industry]
    regions = np.array(province["city"]["codes"], dtype=object)[people.city]
    cities = np.array(province["city"]["names"], dtype=object)[people.city]
    names = businesses(rng, cities, codes, people.kind)
    return facts(
        BORROWER,
        {
            "borrower_id": identifiers("B", partition, np.arange(len(people)))[at],
            "name": names[at],
            "kind": people.kind[at],
            "uscc": _codes(people.kind, regions, serial)[at],
            "established_on": people.founded[at],
            "industry": codes[at],
            "region": regions[at],
            "headcount": agreed.headcount,
            "annual_revenue": agreed.revenue,
            "is_new_business": agreed.is_new,
            "group_id": _group_ids(people, partition)[at],
            "controller_id": controllers(people, partition)[at],
            "event_at": agreed.applied,
            "known_at": agreed.applied,
        },
    )


def _group_ids(people: Borrowers, partition: int) -> Texts:
    ids = identifiers("GR", partition, people.group)
    ids[people.group < 0] = None
    return ids


def controllers(people: Borrowers, partition: int) -> Texts:
    """Who is in control: one person for each group, else one for each borrower; none of persons."""
    own = identifiers("P", partition, np.arange(len(people)))
    in_group = people.group >= 0
    first = np.unique(people.group[in_group], return_index=True)[1]
    own[in_group] = own[np.flatnonzero(in_group)[first]][people.group[in_group]]
    own[~np.isin(people.kind, list(_CODE_PREFIX))] = None
    return own


def counter_facts(
    world: World, rng: np.random.Generator, past: History, partition: int, ids: Texts
) -> pa.Table:
    """Who and what secures the guarantor: collateral, the person in control, other borrowers."""
    counter, agreed, people = world.province["counter"], past.terms, past.people
    size = len(agreed)
    borrowers = identifiers("B", partition, np.arange(len(people)))
    person = controllers(people, partition)[agreed.borrower]
    asked = agreed.product != "batch"
    low, high = counter["collateral_value"]
    worth = agreed.guaranteed * (low + (high - low) * rng.random(size))
    other = _neighbours(people, rng)[agreed.borrower]
    by_person = asked & (rng.random(size) < counter["controller_share"]) & (person != None)  # noqa: E711
    by_other = asked & (rng.random(size) < counter["borrower_share"]) & (other != agreed.borrower)
    parts = [
        ("mortgage", agreed.collateral, borrowers[agreed.borrower], worth.astype(np.int64)),
        ("guarantee", by_person, person, agreed.guaranteed),
        ("guarantee", by_other, borrowers[other], agreed.guaranteed),
    ]
    rows = np.concatenate([np.flatnonzero(given) for _, given, _, _ in parts])
    kinds = np.concatenate([np.full(int(g.sum()), kind, dtype=object) for kind, g, _, _ in parts])
    order = np.argsort(rows, kind="stable")
    days = agreed.start[rows[order]]
    return facts(
        COUNTER_GUARANTEE,
        {
            "guarantee_id": ids[rows[order]],
            "counter_no": numbers(rows[order]),
            "kind": kinds[order],
            "provider_id": np.concatenate([who[given] for _, given, who, _ in parts])[order],
            "value": np.concatenate([fen[given] for _, given, _, fen in parts])[order],
            "event_at": days,
            "known_at": days,
        },
        days <= world.until,
    )


def _neighbours(people: Borrowers, rng: np.random.Generator) -> Ints:
    """For each borrower another one of the same city, or itself where there is none."""
    order = np.lexsort((rng.random(len(people)), people.city))
    following = np.roll(order, -1)
    other = np.empty(len(people), dtype=np.int64)
    same = people.city[order] == people.city[following]
    other[order] = np.where(same, following, order)
    return other


def _codes(kinds: Texts, regions: Texts, serial: int) -> Texts:
    has_code = np.isin(kinds, list(_CODE_PREFIX))
    prefixes = [_CODE_PREFIX.get(kind, "91") for kind in kinds]
    codes = credit_codes(prefixes, list(regions), serial + np.arange(len(kinds)))
    codes[~has_code] = None
    return codes


def guarantee_facts(world: World, past: History, partition: int) -> pa.Table:
    """Each guarantee as applied for, and once more when its maturity is moved."""
    first = facts(GUARANTEE, _columns(world, past.terms, partition, np.arange(len(past.terms))))
    moved = np.flatnonzero(past.outcomes.is_extended & (past.terms.maturity <= world.until))
    columns = _columns(world, past.terms.take(moved), partition, moved)
    agreed = past.terms.take(moved)
    columns["known_at"] = agreed.maturity
    columns["maturity_on"] = add_months(agreed.maturity, agreed.extension)
    return pa.concat_tables([first, facts(GUARANTEE, columns)])


def _columns(world: World, agreed: Terms, partition: int, rows: Ints) -> dict[str, object]:
    province, net = world.province, world.network

    def named(section: str, indices: Ints, key: str = "names") -> Texts:
        chosen: Texts = np.array(province[section][key], dtype=object)[indices]
        return chosen

    return {
        "guarantee_id": identifiers("G", partition, rows),
        "borrower_id": identifiers("B", partition, agreed.borrower),
        "lender_id": net.lenders.ids[agreed.lender],
        "guarantor_id": net.guarantors.ids[agreed.guarantor],
        "manager_id": net.managers.ids[agreed.manager],
        "product": agreed.product,
        "channel": named("channel", agreed.channel),
        "scheme": named("scheme", agreed.scheme),
        "start_on": agreed.start,
        "maturity_on": agreed.maturity,
        "amount": agreed.amount,
        "guaranteed_amount": agreed.guaranteed,
        "interest_rate": agreed.interest,
        "fee_rate": agreed.fee,
        "tenor_months": agreed.tenor,
        "repayment": named("repayment", agreed.repayment),
        "purpose": named("terms", agreed.purpose, "purposes"),
        "is_revolving": agreed.repayment == province["repayment"]["names"].index("revolving"),
        "has_collateral": agreed.collateral,
        "jobs_supported": agreed.jobs,
        "project_region": named("city", agreed.city, "codes"),
        "event_at": agreed.applied,
        "known_at": agreed.applied,
    }
