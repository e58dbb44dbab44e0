"""Challengers score what champions decided, in a thread of their own and never for an answer."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from vouch import clock
from vouch.domain.access import Institution
from vouch.domain.stage import Stage
from vouch.errors import StoreError
from vouch.scoring.bundle import Bundle
from vouch.scoring.champions import Challengers
from vouch.scoring.decision import Decision
from vouch.service.deciding import Deciding, Placed
from vouch.service.payloads import one_case
from vouch.store.decisions import DecisionRecord
from vouch.store.shadows import ShadowScore
from vouch.store.store import Store

log = logging.getLogger("vouch.service")

# So many at once, so that answers do not wait for long.
_MOST_AT_ONCE = 16
# What waits beyond this is left out and counted: answers come first.
_MOST_WAITING = 5_000
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class _Made:
    """A decision that was stored, and for whom."""

    record: DecisionRecord
    institution: Institution

    @property
    def group(self) -> tuple[str, Institution]:
        return self.record.stage, self.institution


class Shadow:
    """Scores decisions by the challenger of their stage.

    Args:
        deciding: decides as it did for the champion.
        challengers: in use.
        store: keeps the scores.
    """

    def __init__(
        self, deciding: Deciding, challengers: Challengers, store: Callable[[], Store]
    ) -> None:
        self._deciding = deciding
        self._challengers = challengers
        self._store = store
        self._waiting: deque[_Made] = deque()
        self.scored = 0
        self.left_out = 0

    def add(self, records: Sequence[DecisionRecord], institution: Institution) -> None:
        """Note decisions just stored, where their stage has a challenger."""
        held = self._challengers.held
        for record in records:
            if Stage(record.stage) not in held:
                continue
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append(_Made(record, institution))
            else:
                self.left_out += 1

    def work(self) -> int:
        """Score a few of those that wait; how many were taken.

        Raises:
            StoreError: the scores could not be kept; they wait again.
        """
        batch = self._next()
        if not batch:
            return 0
        bundle = self._challengers.held.get(Stage(batch[0].record.stage))
        scores = [] if bundle is None else self._scores(bundle, batch)
        try:
            self._store().shadows.add(scores)
        except StoreError:
            self._waiting.extendleft(reversed(batch))
            raise
        self.scored += len(scores)
        self.left_out += len(batch) - len(scores)
        return len(batch)

    def forever(self, stop: Event) -> None:
        """Work until stopped, resting where nothing waits or the store does not answer."""
        while not stop.is_set():
            try:
                if self.work():
                    continue
            except Exception:
                log.exception("what challengers said could not be kept")
            stop.wait(_PAUSE_SECONDS)

    def _next(self) -> list[_Made]:
        batch: list[_Made] = []
        while self._waiting and len(batch) < _MOST_AT_ONCE:
            if batch and self._waiting[0].group != batch[0].group:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _scores(self, bundle: Bundle, batch: Sequence[_Made]) -> list[ShadowScore]:
        """All in one stroke, or where one cannot be decided any more, one by one."""
        try:
            return self._decided(bundle, batch)
        except Exception as error:
            if len(batch) == 1:
                log.warning("%s is not scored in shadow: %s", batch[0].record.decision_id, error)
                return []
        return [score for one in batch for score in self._scores(bundle, [one])]

    def _decided(self, bundle: Bundle, batch: Sequence[_Made]) -> list[ShadowScore]:
        cases = [
            one_case(one.record.texts["request"].encode(), one.record.request).model_copy(
                update={"as_of": one.record.as_of}
            )
            for one in batch
        ]
        asked = [Placed(f"[{i}].", case) for i, case in enumerate(cases)]
        made = self._deciding.decide(bundle, asked, batch[0].institution)
        return [_score(one.record, found) for one, found in zip(batch, made, strict=True)]


def _score(record: DecisionRecord, found: Decision) -> ShadowScore:
    return ShadowScore(
        record.decision_id,
        found.model.hash,
        found.model.name,
        found.model.version,
        clock.now(),
        found.default_probability,
        found.score,
        found.grade,
        found.band,
    )
