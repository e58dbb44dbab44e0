"""Threads that hang are counted for as long as they hang, and no more are sent after them."""

import asyncio
import time
from threading import Event

import pytest

from vouch.service import threads


def test_what_hangs_is_given_up_and_counted_until_it_ends(monkeypatch):
    monkeypatch.setattr(threads, "DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr(threads, "_MOST_UNDER_WAY", 20)
    release, begun = Event(), []

    def hang():
        begun.append(1)
        release.wait()

    async def besiege():
        found = threads.Threads()
        for _ in range(200):  # at most eight begin each time, until twenty are under way
            if len(begun) == 20:
                break
            told = await asyncio.gather(
                *(found.run(hang) for _ in range(30)), return_exceptions=True
            )
            assert {one.status for one in told} == {503}
        told = await asyncio.gather(*(found.run(hang) for _ in range(30)), return_exceptions=True)
        assert {one.message for one in told} == {"too many requests at once; try again"}
        assert len(begun) == 20
        release.set()
        deadline = time.monotonic() + 5
        while found._under_way:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert await found.run(lambda: 7) == 7
        assert found._under_way == 0

    asyncio.run(besiege())


def test_an_error_is_passed_on_and_counted_off():
    async def fail():
        found = threads.Threads()
        with pytest.raises(ZeroDivisionError):
            await found.run(lambda: 1 / 0)
        await asyncio.sleep(0)
        assert found._under_way == 0

    asyncio.run(fail())
