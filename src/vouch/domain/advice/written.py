"""Amounts and rates as people read them, the same in both languages."""

from decimal import Decimal
from fractions import Fraction


def yuan(amount: Decimal) -> str:
    """An amount to the fen.

    >>> yuan(Decimal("1234567.5"))
    '1,234,567.50'
    """
    return f"{amount:,.2f}"


def percent(rate: Decimal | Fraction | float) -> str:
    """A rate in percent, two decimals.

    >>> percent(Fraction(1, 3))
    '33.33%'
    """
    return f"{decimal(rate):.2%}"


def times(ratio: Decimal | Fraction) -> str:
    """A multiple, two decimals at most, without needless zeros.

    >>> times(Fraction(21, 2)), times(Decimal(10))
    ('10.5', '10')
    """
    return f"{decimal(ratio):.2f}".rstrip("0").rstrip(".")


def decimal(value: Decimal | Fraction | float) -> Decimal:
    """Any number as a Decimal of the usual precision."""
    if isinstance(value, Fraction):
        return Decimal(value.numerator) / Decimal(value.denominator)
    return value if isinstance(value, Decimal) else Decimal(repr(value))
