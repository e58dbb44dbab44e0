"""What challengers said in shadow of decisions made: added once, read beside the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from vouch.store.engine import Database
from vouch.store.tables import DECISIONS, SHADOW_SCORES


@dataclass(frozen=True)
class ShadowScore:
    """What one challenger would have said of one decision."""

    decision_id: str
    model_hash: str
    model_name: str
    model_version: str
    at: datetime
    default_probability: float
    score: int
    grade: str
    band: str


@dataclass(frozen=True)
class Pair:
    """A champion's decision and a challenger's score of the same case."""

    made_at: datetime
    champion_version: str
    default_probability: float
    score: int
    grade: str
    band: str
    shadow: ShadowScore


_SAID = ("default_probability", "score", "grade", "band")


class Shadows:
    """The shadow scores of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, scores: Sequence[ShadowScore]) -> None:
        """Keep scores; one that is there already stays as it is.

        Raises:
            StoreError: a decision is not (or no longer) there; then none is kept.
        """
        if not scores:
            return
        with self._database.writing() as connection:
            made = postgresql if connection.dialect.name == "postgresql" else sqlite
            new = made.insert(SHADOW_SCORES).on_conflict_do_nothing()
            connection.execute(new, [vars(score) for score in scores])

    def of(self, decision_id: str) -> list[ShadowScore]:
        """What challengers said of a decision, oldest first."""
        query = select(SHADOW_SCORES).where(SHADOW_SCORES.c.decision_id == decision_id)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(SHADOW_SCORES.c.at)).mappings()
            return [ShadowScore(**row) for row in rows]

    def pairs(self, stage: str, since: datetime) -> list[Pair]:
        """Decisions of a stage made since then with what challengers said of them."""
        query = (
            select(
                DECISIONS.c.made_at,
                DECISIONS.c.model_version.label("champion_version"),
                DECISIONS.c.answer,
                SHADOW_SCORES,
            )
            .join(SHADOW_SCORES, SHADOW_SCORES.c.decision_id == DECISIONS.c.decision_id)
            .where(DECISIONS.c.stage == stage, DECISIONS.c.made_at >= since)
            .order_by(DECISIONS.c.made_at)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            Pair(
                made_at=row["made_at"],
                champion_version=row["champion_version"],
                **{name: row["answer"][name] for name in _SAID},
                shadow=ShadowScore(
                    **{name: row[name] for name in ShadowScore.__dataclass_fields__}
                ),
            )
            for row in rows
        ]
