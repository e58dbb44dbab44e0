"""The resident identity number (公民身份号码) of GB 11643-1999.

Sensitive personal data: what is said of a number never repeats any part of it.
"""

import re
from datetime import date

WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CHECKS = "10X98765432"
_LENGTH = 18


def resident_check_character(body: str) -> str:
    """The last character of a number whose first 17 digits are `body` (ISO 7064 mod 11-2).

    >>> resident_check_character("11010519491231002")
    'X'
    """
    total = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True))
    return _CHECKS[total % 11]


def resident_number_fault(number: str) -> str | None:
    """What is wrong with a number, in words that follow it; None where nothing is.

    >>> resident_number_fault("11010519491231002X")
    >>> resident_number_fault("110105194912310021")
    'has a wrong check digit'
    """
    if len(number) != _LENGTH:
        return f"has {len(number)} characters where an identity number has {_LENGTH}"
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return "is not 17 digits and a digit or capital X"
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return "has no day of birth in places 7 to 14"
    if resident_check_character(number[:17]) != number[17]:
        return "has a wrong check digit"
    return None
