"""Requests that are there at the same time are decided in one stroke and stored in one transaction.

Deciding many cases at once costs little more than deciding one, and so does storing them. While one
batch is decided and stored the next gathers, so nobody waits for the sake of a batch. A store that
would have to be waited for is written to by another thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vouch.errors import FactsError
from vouch.service.refusals import Refusal
from vouch.service.routing import as_json
from vouch.service.rows import shown

if TYPE_CHECKING:
    from vouch.service.desk import Desk, Lone
    from vouch.store.decisions import DecisionRecord

log = logging.getLogger("vouch.service")

# So many are decided in a few milliseconds, in which nobody else is served.
_MOST_AT_ONCE = 16
# More than this wait only where the service is asked more than it can do.
_MOST_WAITING = 256
# Seconds that a batch may take to be stored before its callers are told so.
STORED_WITHIN = 9.0

_BUSY = {"retry-after": "1"}


@dataclass(frozen=True, eq=False)
class _Waiting:
    lone: Lone
    answer: asyncio.Future[bytes | None]


class Batching:
    """Gathers cases that bring their facts.

    Args:
        stored_within: seconds that a batch may take to be stored.
    """

    def __init__(self, stored_within: float = STORED_WITHIN) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._is_working = False
        self._writer = ThreadPoolExecutor(1, "keep")
        self._stuck: asyncio.Future[bool] | None = None
        self._stored_within = stored_within

    async def score(self, desk: Desk, lone: Lone) -> bytes | None:
        """The answer, stored before it is given; None where the case has to be decided alone.

        Raises:
            Refusal: too many wait already, or the store does not answer.
            StoreError: the decision could not be stored.
        """
        if self._stuck is not None and not self._stuck.done():
            raise Refusal(503, "the store does not answer; try again", headers=_BUSY)
        if len(self._waiting) >= _MOST_WAITING:
            raise Refusal(503, "too many requests at once; try again", headers=_BUSY)
        waiting = _Waiting(lone, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if not self._is_working:
            self._is_working = True
            asyncio.get_running_loop().call_soon(self._start, desk)
        return await waiting.answer

    def _start(self, desk: Desk) -> None:
        self._work = asyncio.ensure_future(self._answer_all(desk))

    async def _answer_all(self, desk: Desk) -> None:
        try:
            while self._waiting:
                batch = self._next()
                try:
                    await self._answer(desk, batch)
                except Exception as error:
                    _fail(batch, error)
                await asyncio.sleep(0)  # answers go out before others are decided
        finally:
            self._is_working = False

    def _next(self) -> list[_Waiting]:
        """Those of one stage that came first."""
        stage = self._waiting[0].lone.stage
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < _MOST_AT_ONCE:
            if self._waiting[0].lone.stage is not stage:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _answer(self, desk: Desk, batch: Sequence[_Waiting]) -> None:
        batch, made = _decided(desk, batch)
        if not batch:
            return
        lone = [one.lone for one in batch]
        loop = asyncio.get_running_loop()
        answers = [
            as_json(shown(record.answer, one.caller.institution))
            for one, record in zip(lone, made, strict=True)
        ]
        if desk.keep_at_once(lone, made):
            _give(batch, answers)
            if desk.wants_checkpoint:
                loop.run_in_executor(self._writer, desk.checkpoint)
            return
        keeping = loop.run_in_executor(self._writer, desk.keep_together, lone, made)
        await asyncio.wait([keeping], timeout=self._stored_within)
        if not keeping.done():
            self._stuck = keeping
            refusal = Refusal(503, "the store does not answer; try again", headers=_BUSY)
            _fail([*batch, *self._waiting], refusal)
            self._waiting.clear()
        elif keeping.result():
            _give(batch, answers)
        else:
            _give(batch, [None] * len(batch))


def _decided(
    desk: Desk, batch: Sequence[_Waiting]
) -> tuple[Sequence[_Waiting], list[DecisionRecord]]:
    """Who of a batch can be decided together, and what; the others are sent on alone."""
    while batch:
        try:
            return batch, desk.decide_together([one.lone for one in batch])
        except FactsError as error:
            wrong = {int(fault.field[1 : fault.field.index("]")]) for fault in error.faults}
        except Exception:
            # alone each gets its own error, and whoever is without fault an answer
            wrong = set(range(len(batch)))
        _give([batch[i] for i in wrong], [None] * len(wrong))
        batch = [one for i, one in enumerate(batch) if i not in wrong]
    return [], []


def _give(batch: Sequence[_Waiting], answers: Sequence[bytes | None]) -> None:
    for one, answer in zip(batch, answers, strict=True):
        if not one.answer.done():  # whoever asked may have gone
            one.answer.set_result(answer)


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for one in batch:
        if not one.answer.done():
            one.answer.set_exception(error)
