"""Threads for what may have to wait for the store: few, and never more waiting than may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeVar

import anyio

from vouch.service.refusals import Refusal

T = TypeVar("T")

# A little less than BentoML's own time-out, so that the refusal keeps the one shape of error.
DEADLINE_SECONDS = 9.0
# Fewer at work than the store's pool has connections.
_AT_WORK = 8
_MOST_UNDER_WAY = 64


class Threads:
    """Runs tasks in threads within a deadline.

    A task given up by its deadline still occupies its thread until the store lets go of it; it is
    counted for as long as that, so a store that hangs is not besieged by ever more threads.
    """

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(_AT_WORK)
        self._under_way = 0

    async def run(self, task: Callable[[], T]) -> T:
        """What a task gives.

        Raises:
            Refusal: too many are under way, or it takes too long.
        """
        if self._under_way >= _MOST_UNDER_WAY:
            raise Refusal(503, "too many requests at once; try again")
        turn = _Turn(self, task)
        self._under_way += 1
        try:
            with anyio.fail_after(DEADLINE_SECONDS):
                return await anyio.to_thread.run_sync(
                    turn.work, abandon_on_cancel=True, limiter=self._limiter
                )
        except TimeoutError:
            message = f"no answer within {DEADLINE_SECONDS:g} seconds; send less, or try again"
            raise Refusal(503, message) from None
        finally:
            turn.give_up()

    def ended(self) -> None:
        """Count a task no longer."""
        self._under_way -= 1


class _Turn(Generic[T]):
    """A task that is counted until it has ended, or was given up before it began."""

    def __init__(self, threads: Threads, task: Callable[[], T]) -> None:
        self._threads = threads
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._claim = Lock()  # taken by whichever comes first: the beginning or the giving up

    def work(self) -> T:
        if not self._claim.acquire(blocking=False):
            raise TimeoutError  # nobody waits for it any more
        try:
            return self._task()
        finally:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                self._loop.call_soon_threadsafe(self._threads.ended)

    def give_up(self) -> None:
        if self._claim.acquire(blocking=False):
            self._threads.ended()
