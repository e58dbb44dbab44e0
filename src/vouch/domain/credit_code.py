"""The unified social credit code (统一社会信用代码) of GB 32100-2015, with both its check digits.

Eighteen characters: 1 registering authority, 2 kind of organisation, 3-8 region (GB/T 2260),
9-17 organisation code (GB 11714-1997, its own check digit last), 18 check digit. The region is
that of the first registration and stays when the business moves, so it is never compared with an
address.
"""

from vouch.domain.resident_number import resident_number_fault

CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
ORGANISATION_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
ORGANISATION_CHECKS = "0123456789X"

_LENGTH = 18
_OLD_LENGTHS = {
    15: "; 15 is the length of the old registration number 注册号",
    9: "; 9 is the length of the organisation code 组织机构代码 alone",
}


def check_character(body: str) -> str:
    """The last character of a code whose first 17 are `body` (GB 32100-2015, GB/T 17710 mod 31).

    >>> check_character("91330100799655058")
    'B'
    """
    total = sum(
        CHARACTERS.index(character) * weight
        for character, weight in zip(body, WEIGHTS, strict=True)
    )
    return CHARACTERS[-total % 31]


def organisation_check_character(body: str) -> str:
    """The last character of an organisation code whose first 8 are `body` (GB 11714-1997).

    >>> organisation_check_character("79965505")
    '8'
    """
    total = sum(
        ORGANISATION_CHARACTERS.index(character) * weight
        for character, weight in zip(body, ORGANISATION_WEIGHTS, strict=True)
    )
    return ORGANISATION_CHECKS[-total % 11]


def credit_code_fault(code: str) -> str | None:
    """What is wrong with a code, in words that follow it; None where nothing is.

    >>> credit_code_fault("91330100799655058B")
    >>> credit_code_fault("91330100799655058A")
    "has check digit 'A' in place 18 where 'B' is expected"
    """
    fault = _form_fault(code) or _check_fault(code)
    if fault and resident_number_fault(code) is None:
        return "stands where a credit code is wanted; leave the cell empty for a natural person"
    return fault


def first_region(code: str) -> str:
    """The GB/T 2260 code of the place of first registration, which need not be today's address.

    >>> first_region("91330100799655058B")
    '330100'
    """
    return code[2:8]


def _form_fault(code: str) -> str | None:
    if len(code) != _LENGTH:
        hint = _OLD_LENGTHS.get(len(code), "")
        return f"has {len(code)} characters where a credit code has {_LENGTH}{hint}"
    for place, character in enumerate(code, 1):
        if character not in CHARACTERS:
            return f"has {character!r} in place {place}; {_alphabet_hint(character)}"
        if 3 <= place <= 8 and not character.isdigit():
            return f"has {character!r} in place {place}; places 3 to 8 are digits, the region's"
    return None


def _alphabet_hint(character: str) -> str:
    if character.upper() in CHARACTERS:
        return "letters are capitals"
    return "a credit code has digits and capital letters without I, O, S, V, Z"


def _check_fault(code: str) -> str | None:
    checks = (
        ("organisation check digit", 17, organisation_check_character(code[8:16])),
        ("check digit", 18, check_character(code[:17])),
    )
    faults = [
        f"{name} {code[place - 1]!r} in place {place} where {expected!r} is expected"
        for name, place, expected in checks
        if code[place - 1] != expected
    ]
    return f"has {' and '.join(faults)}" if faults else None
