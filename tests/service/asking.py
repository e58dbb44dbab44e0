"""Clients that ask while something breaks, and what was promised them."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any

import httpx
from sqlalchemy import func, select

from vouch.store.engine import Database
from vouch.store.store import Store
from vouch.store.tables import DECISIONS, IDEMPOTENCY

PATH = "/v1/pre-loan/score"


def case(number: int) -> dict[str, Any]:
    """An application; no two are the same."""
    guarantee = {"borrower_id": f"B{number}", "lender_id": "L1", "amount": f"{250_000 + number}.00"}
    return {"as_of": "2024-03-15", "guarantee": guarantee}


class Asking:
    """Clients that ask one case, or every fifth time three, each request under a key of its own.

    Args:
        http: whose address and headers are used.
        name: no other's keys begin so.
    """

    def __init__(self, http: httpx.Client, name: str) -> None:
        self._http = http
        self._name = name
        self._numbers = itertools.count()
        self._lock = Lock()
        self._stop = Event()
        self.asked: dict[str, Any] = {}
        self.answered: dict[str, Any] = {}
        self.refused: list[httpx.Response] = []
        self.broken = 0

    @contextmanager
    def going_on(self, clients: int) -> Iterator[None]:
        """Ask all the while; at the end each client's last request has been answered or refused."""
        self._stop.clear()
        threads = [Thread(target=self._ask_on) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _ask_on(self) -> None:
        with self._client() as http:
            while not self._stop.is_set():
                number = next(self._numbers)
                key = f"{self._name}-{number}"
                body = [case(number), case(number + 1), case(number)] if number % 5 == 4 else None
                self.ask(http, key, body or case(number))

    def _client(self) -> httpx.Client:
        headers, address = self._http.headers, self._http.base_url
        return httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=30)

    def ask(self, http: httpx.Client, key: str, body: Any) -> None:
        """One request and what came of it."""
        with self._lock:
            self.asked[key] = body
        try:
            answer = http.post(PATH, json=body, headers={"idempotency-key": key})
        except httpx.TransportError:
            with self._lock:
                self.broken += 1
            return
        with self._lock:
            if answer.status_code == 200:
                before = self.answered.setdefault(key, answer.json())
                assert before == answer.json(), "one key was given two decisions"
            else:
                self.refused.append(answer)

    def statuses(self) -> Counter[int]:
        """How requests were refused."""
        return Counter(answer.status_code for answer in self.refused)

    def ask_again(self) -> None:
        """Repeat every request under its key, until each is answered."""
        with self._client() as http:
            deadline = time.monotonic() + 30
            for key, body in self.asked.items():
                self.ask(http, key, body)
                while key not in self.answered:
                    assert time.monotonic() < deadline, self.refused[-1].text
                    time.sleep(0.1)
                    self.ask(http, key, body)


def check_promises(asking: Asking, store_url: str) -> None:
    """What was answered is stored as it was answered, each request once, and the log is whole.

    The store's decisions have to be this asking's alone.
    """
    store, database = Store(store_url), Database(store_url)
    given = [
        decision
        for answer in asking.answered.values()
        for decision in (answer if isinstance(answer, list) else [answer])
    ]
    kept = {r.decision_id: r for r in store.decisions.many([d["decision_id"] for d in given])}
    assert all(kept[one["decision_id"]].answer == one for one in given)
    assert len({one["decision_id"] for one in given}) == len(given)
    with database.reading() as connection:
        decisions = connection.execute(select(func.count()).select_from(DECISIONS)).scalar_one()
        keys = connection.execute(select(func.count()).select_from(IDEMPOTENCY)).scalar_one()
    assert (keys, decisions) == (len(asking.asked), len(given))
    assert store.verify().faults == []
    store.close()
    database.close()
