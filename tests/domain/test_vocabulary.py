"""Every choice has its Chinese names, and no name means two things."""

import pytest

from vouch.book.schema import Column
from vouch.book.tables import TABLES
from vouch.domain.vocabulary import (
    REPAYMENTS,
    SIGNAL_KINDS,
    SIGNAL_MEANINGS,
    Terms,
    term_of,
)

CHOICES = [
    pytest.param(column, id=f"{table.name}.{column.name}")
    for table in TABLES.values()
    for column in table.columns
    if column.choices
]


@pytest.mark.parametrize("column", CHOICES)
def test_every_choice_has_a_chinese_name_of_its_own(column: Column) -> None:
    assert tuple(column.terms) == column.choices
    names = [name for given in column.terms.values() for name in given]
    assert all(column.terms.values())
    assert len(names) == len(set(names))


@pytest.mark.parametrize("column", CHOICES)
def test_a_choice_is_read_by_any_of_its_names(column: Column) -> None:
    terms: Terms = column.terms
    for code, names in terms.items():
        assert {term_of(word, terms) for word in (code, *names)} == {code}
    assert term_of("没有的词", terms) is None


def test_ways_of_repaying_are_named_as_on_the_forms() -> None:
    shown = [names[0] for names in REPAYMENTS.values()]
    assert shown == ["等额本息", "等额本金", "按期付息到期还本", "一次还本付息", "随借随还"]


def test_every_kind_of_signal_says_what_its_value_is() -> None:
    assert list(SIGNAL_MEANINGS) == list(SIGNAL_KINDS)
