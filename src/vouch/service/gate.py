"""The gate: who calls, what they may call, how often. Everything else is behind it."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from vouch import clock
from vouch.domain.access import Caller
from vouch.policy.access import AccessTable
from vouch.service.rates import RateLimits, retry_after
from vouch.service.refusals import Refusal
from vouch.service.tokens import Tokens
from vouch.settings import Settings
from vouch.store.keys import key_hash
from vouch.store.store import Store

# A revoked key opens nothing once this has passed.
REMEMBERED = timedelta(seconds=5)
_MOST_REMEMBERED = 10_000
_KEY = re.compile(r"vouch_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
_LONGEST_TOKEN = 8_192

_WHO = {"www-authenticate": 'Bearer realm="vouch"'}


class Gate:
    """Lets callers in by key or token.

    Args:
        store: gives the store, which holds the keys.
        table: who may call what.
        timer: seconds that only go forward.
    """

    def __init__(
        self,
        store: Callable[[], Store],
        table: AccessTable,
        settings: Settings,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._table = table
        self._tokens = Tokens(settings) if settings.jwt_keys else None
        self._limits = RateLimits(settings.workers, timer)
        self._timer = timer
        self._remembered: OrderedDict[str, tuple[Caller | None, float]] = OrderedDict()

    def remembered(self, presented: str) -> Caller | None:
        """The caller of a credential looked up moments ago, without going to the store."""
        caller, until = self._remembered.get(key_hash(presented), (None, 0.0))
        return caller if self._timer() < until else None

    def look_up(self, presented: str) -> Caller | None:
        """The caller of a credential, by the store or the identity provider's keys.

        Raises:
            StoreError: the store does not answer.
        """
        hash_ = key_hash(presented)
        found, until = self._remembered.get(hash_, (None, 0.0))
        if self._timer() < until:
            return found
        now = clock.now()
        caller, ends = self._proved(presented, hash_, now)
        seconds = min(REMEMBERED, ends - now).total_seconds()
        self._remembered[hash_] = (caller, self._timer() + seconds)
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return caller

    def admit(self, caller: Caller | None, endpoint: str) -> Caller:
        """Let a caller through to an endpoint, counting the request.

        Raises:
            Refusal: 401 without a caller, 403 for a role the table does not name, 429 too often.
        """
        if caller is None:
            raise Refusal(401, "give a valid key as `Authorization: Bearer KEY`", headers=_WHO)
        wait = self._limits.take(caller.id, self._table.rate(caller))
        if wait:
            after = {"retry-after": retry_after(wait)}
            raise Refusal(429, "more requests than this caller may make; wait", headers=after)
        if not self._table.allows(caller.role, endpoint):
            raise Refusal(403, f"the role {caller.role} may not do this")
        return caller

    def _proved(self, presented: str, hash_: str, now: datetime) -> tuple[Caller | None, datetime]:
        later = now + REMEMBERED
        if _KEY.fullmatch(presented):
            key = self._store().keys.find(hash_)
            if key is None or not key.is_live(now):
                return None, later
            return key.caller, key.expires_at
        if self._tokens and len(presented) <= _LONGEST_TOKEN:
            return self._tokens.caller(presented) or (None, later)
        return None, later


def credential(authorization: str | None, key: str | None) -> str:
    """What was presented: `Authorization: Bearer …`, or `X-API-Key`; empty where nothing was.

    >>> credential("Bearer abc", None), credential(None, "abc"), credential("Basic abc", None)
    ('abc', 'abc', '')
    """
    if authorization is None:
        return (key or "").strip()
    scheme, _, presented = authorization.partition(" ")
    return presented.strip() if scheme.lower() == "bearer" else ""
