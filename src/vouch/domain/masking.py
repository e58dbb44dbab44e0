"""Personal identifiers, masked: enough is left to tell two apart, not enough to use them."""

import re
from collections.abc import Mapping
from typing import Any

_RESIDENT = r"[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9Xx]"
_ACCOUNT = r"[0-9]{12,19}"
_PHONE = r"1[3-9][0-9]{9}"
_EMAIL = r"[\w.+-]+@[\w-]+\.[\w.-]+"
# Digits on either side would make it another number.
_FOUND = re.compile(
    rf"(?<![0-9])(?:(?P<id>{_RESIDENT})|(?P<account>{_ACCOUNT})|(?P<phone>{_PHONE}))(?![0-9])"
    rf"|(?P<email>{_EMAIL})"
)


def masked_name(name: str) -> str:
    """A person's or firm's name.

    >>> masked_name("张三丰"), masked_name("")
    ('张*', '')
    """
    return f"{name[:1]}*" if name else ""


def masked_id(text: str) -> str:
    """A resident identity or unified social credit number: first three, last four.

    >>> masked_id("140100199001011234")
    '140***********1234'
    """
    return _starred(text, 3, 4)


def masked_phone(text: str) -> str:
    """A mobile number: first three, last four.

    >>> masked_phone("13812345678"), masked_phone("138")
    ('138****5678', '***')
    """
    return _starred(text, 3, 4)


def masked_account(text: str) -> str:
    """A bank account: the last four.

    >>> masked_account("6222020200112233445")
    '***************3445'
    """
    return _starred(text, 0, 4)


def masked_text(text: str) -> str:
    """Any text, with the identifiers in it masked.

    >>> masked_text("电话13812345678，身份证 14010019900101123X")
    '电话138****5678，身份证 140***********123X'
    """
    return _FOUND.sub(_masked_match, text)


def _masked_match(match: re.Match[str]) -> str:
    text = match.group()
    match match.lastgroup:
        case "id":
            return masked_id(text)
        case "phone":
            return masked_phone(text)
        case "account":
            return masked_account(text)
    return f"{text[:1]}***@{text.partition('@')[2]}"


def _starred(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail:
        return "*" * len(text)
    return text[:head] + "*" * (len(text) - head - tail) + text[-tail:]


# What a field holds, by its name wherever it stands.
_BY_FIELD = {"name": masked_name, "uscc": masked_id}


def masked(body: Any) -> Any:
    """Plain JSON with every personal identifier in it masked."""
    if isinstance(body, Mapping):
        return {
            key: _BY_FIELD[key](value)
            if key in _BY_FIELD and isinstance(value, str)
            else masked(value)
            for key, value in body.items()
        }
    if isinstance(body, list):
        return [masked(item) for item in body]
    return masked_text(body) if isinstance(body, str) else body
