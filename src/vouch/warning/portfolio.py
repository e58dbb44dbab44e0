"""Alerts of parts of the book: who hears of them, and what a reader is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from vouch.domain.alert import Sighting, most_urgent
from vouch.domain.portfolio_part import PortfolioPart
from vouch.domain.response import Role
from vouch.policy.reading import Policy
from vouch.warning.observe import plain_text
from vouch.warning.people import People
from vouch.warning.rule import PartsSeen, signals


def sightings(
    parts: Sequence[PortfolioPart], policy: Policy, as_of: date, staff: People, role: Role
) -> list[Sighting]:
    """One sighting per part and cause, for whoever holds `role` at its institution.

    Args:
        as_of: the day whose numbers hold.
        role: where nobody holds it, or the part is no institution's, the next one up hears.
    """
    by_id = {part.subject_id: part for part in parts}
    found = most_urgent(signals(PartsSeen(parts), policy, as_of)).values()
    seen = []
    for signal in found:
        part = by_id[signal.guarantee_id]
        title = {"zh": plain_text(part.title_zh), "en": plain_text(part.title_en)}
        seen.append(
            Sighting(
                signal=signal,
                manager_id=staff.office(role, part.guarantor_id),
                guarantor_id=part.guarantor_id,
                detail={"title": title, "borrower": title["zh"], "scheme_is_assumed": False},
            )
        )
    return seen
