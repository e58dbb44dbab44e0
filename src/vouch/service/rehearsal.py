"""Deciding cases that nobody asked for, so that no caller waits for what a first case brings along.

Functions are compiled (or fetched from the compiler's cache) when they first meet a kind of array,
templates and policy are read when first asked for: one case, a list and a case of the book meet
them all. Nothing is stored.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta

from vouch.bootstrap import Vouch
from vouch.domain.access import PROVINCE
from vouch.errors import VouchError
from vouch.features.facts import EPOCH
from vouch.features.portfolio import PortfolioIndex
from vouch.service.desk import Desk
from vouch.service.payloads import EXAMPLES, Case, KnownCase, one_case
from vouch.service.refusals import Refusal

log = logging.getLogger("vouch.service")

# More than are explained one by one.
_LIST = 64


def rehearse(vouch: Vouch, desk: Desk) -> None:
    """Decide one case, a list and a case of the book at each stage that has a champion."""
    facts = EXAMPLES["facts"]["value"]
    given = one_case(json.dumps(facts).encode(), facts)
    known = _oldest(vouch.held_book.portfolio())
    for bundle in vouch.champions.held.values():
        asked: list[list[Case]] = [[given], [given] * _LIST, [known] if known else []]
        for cases in asked:
            try:
                desk.decide(bundle, cases, PROVINCE)
            except (Refusal, VouchError) as error:
                # whoever asks the like will be told why; here it only leaves something to the first
                log.warning("rehearsal of %s: %s", bundle.stage.model_name, error)


def _oldest(portfolio: PortfolioIndex | None) -> KnownCase | None:
    """The guarantee of the book that was known first, on the day after; None without a book."""
    if portfolio is None or not portfolio.table.num_rows:
        return None
    days = portfolio.table["known_day"].to_numpy()
    first = int(days.argmin())
    return KnownCase(
        guarantee_id=portfolio.table["guarantee_id"][first].as_py(),
        as_of=EPOCH + timedelta(days=float(days[first]) + 1),
    )
