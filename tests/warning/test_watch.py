"""The watch from the book to the alerts."""

from datetime import date

from vouch.domain.alert import AlertState, Change, Severity
from vouch.store.store import Store

from .conftest import AS_OF, NEXT_MONTH, BookWriter, Watch


def test_x(small_book, watch, store):
    r = watch(small_book)
    print(r)
    for a in store.alerts(): print(a)
    print(watch(small_book))
    assert 0
