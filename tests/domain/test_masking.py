"""What is masked in a body, whatever shape it has."""

import re

from hypothesis import given
from hypothesis import strategies as st

from vouch.domain.masking import masked, masked_account, masked_text


def test_names_codes_and_numbers_in_texts_are_masked() -> None:
    body = {
        "borrower": {"name": "张三丰", "uscc": "92140300XXXX00027J", "kind": "sole_trader"},
        "signals": [{"note": "法人身份证140100199001011234，电话13812345678"}],
        "amount": "1000000.00",
        "n": 5,
    }
    assert masked(body) == {
        "borrower": {"name": "张*", "uscc": "921***********027J", "kind": "sole_trader"},
        "signals": [{"note": "法人身份证140***********1234，电话138****5678"}],
        "amount": "1000000.00",
        "n": 5,
    }


def test_accounts_and_addresses_are_masked() -> None:
    assert masked_text("户6222020200112233445") == "户***************3445"
    assert masked_text("li.si@bank.cn") == "l***@bank.cn"
    assert masked_account("123") == "***"


@given(st.text(), st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text())
def test_no_mobile_number_standing_alone_survives(before: str, phone: str, after: str) -> None:
    text = f"{before} {phone} {after}"
    assert f" {phone} " not in masked_text(text)
    assert re.sub(r"[0-9*]", "", masked_text(phone)) == ""
