"""Unified social credit codes (GB 32100-2015) that cannot belong to anyone."""

import numpy as np
from numpy.typing import NDArray

from vouch.domain.credit_code import (
    CHARACTERS,
    ORGANISATION_CHARACTERS,
    ORGANISATION_CHECKS,
    ORGANISATION_WEIGHTS,
    WEIGHTS,
)
from vouch.simulator.months import Ints

_WEIGHTS = np.array(WEIGHTS)
_INNER_WEIGHTS = np.array(ORGANISATION_WEIGHTS)
_SYNTHETIC = "XXX"  # no organisation code starts like this
_SERIAL_LENGTH = 5

_VALUES = np.full(128, -1, dtype=np.int64)
_VALUES[[ord(c) for c in CHARACTERS]] = np.arange(31)
_INNER_VALUES = np.full(128, -1, dtype=np.int64)
_INNER_VALUES[[ord(c) for c in ORGANISATION_CHARACTERS]] = np.arange(36)
_LETTERS = np.frombuffer(CHARACTERS.encode(), dtype=np.uint8)
_INNER_LETTERS = np.frombuffer(ORGANISATION_CHECKS.encode(), dtype=np.uint8)


def credit_codes(prefixes: list[str], regions: list[str], serials: Ints) -> NDArray[np.object_]:
    """Valid codes, one for each prefix ("91"), region ("140100") and serial number.

    >>> credit_codes(["91"], ["140100"], np.array([1])).tolist()
    ['91140100XXX000019M']
    """
    size = len(serials)
    codes = np.empty((size, 18), dtype=np.uint8)
    heads = "".join(p + r + _SYNTHETIC for p, r in zip(prefixes, regions, strict=True))
    codes[:, :11] = np.frombuffer(heads.encode(), dtype=np.uint8).reshape(size, 11)
    rest = serials.copy()
    for position in reversed(range(11, 11 + _SERIAL_LENGTH)):
        codes[:, position] = _LETTERS[rest % 31]
        rest //= 31
    inner = (11 - _INNER_VALUES[codes[:, 8:16]] @ _INNER_WEIGHTS % 11) % 11
    codes[:, 16] = _INNER_LETTERS[inner]
    codes[:, 17] = _LETTERS[(31 - _VALUES[codes[:, :17]] @ _WEIGHTS % 31) % 31]
    return codes.view("S18").ravel().astype("U18").astype(object)
