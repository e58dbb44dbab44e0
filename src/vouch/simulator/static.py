"""Tables of who and what: guarantors, managers, lenders, borrowers, guarantees."""

import numpy as np
import pyarrow as pa

from vouch.book.tables import BORROWER, GUARANTEE, GUARANTOR, LENDER, MANAGER
from vouch.simulator.codes import credit_codes
from vouch.simulator.facts import facts
from vouch.simulator.history import History, World
from vouch.simulator.months import Ints, add_months
from vouch.simulator.names import Texts, businesses
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
                "level": ["city"] * (len(net.guarantors.ids) - 1) + ["province"],
                "parent_id": [net.guarantors.ids[-1]] * (len(net.guarantors.ids) - 1) + [None],
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
            "event_at": agreed.applied,
            "known_at": agreed.applied,
        },
    )


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
