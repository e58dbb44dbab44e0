"""The words of each enumeration: the code kept in the book, and its Chinese names.

The first Chinese name is the one shown, the others are accepted as well. Kinds of borrower, bank
and institution, ways of repaying: the fields of the public guarantee forms; where a form has no
word for it, the usual one of the trade.
"""

from collections.abc import Mapping

Terms = Mapping[str, tuple[str, ...]]

BORROWER_KINDS: Terms = {
    "enterprise": ("企业",),
    "sole_trader": ("个体工商户", "个体户"),
    "owner": ("小微企业主",),
    "farmer": ("农户",),
    "cooperative": ("农民专业合作社", "合作社"),
    "person": ("个人", "自然人"),
}
LENDER_KINDS: Terms = {
    "state": ("国有大型银行", "国有大行", "国有"),
    "joint_stock": ("股份制银行", "股份制"),
    "local": ("地方法人银行", "地方法人", "地方"),
    "internet": ("互联网银行", "互联网"),
    "policy": ("政策性银行", "政策性"),
    "other": ("其他",),
}
GUARANTOR_LEVELS: Terms = {
    "national": ("国家级", "国家"),
    "province": ("省级", "省"),
    "city": ("市级", "市"),
    "county": ("县级", "县"),
}
REPAYMENTS: Terms = {
    "equal_instalment": ("等额本息",),
    "equal_principal": ("等额本金",),
    "interest_then_principal": ("按期付息到期还本", "按期付息、到期还本", "先息后本"),
    "single": ("一次还本付息", "到期一次还本付息"),
    "revolving": ("随借随还", "循环"),
}
RELEASE_CAUSES: Terms = {
    "repaid": ("还清",),
    "cancelled": ("撤销",),
    "compensated": ("代偿",),
    "written_off": ("核销",),
    "transferred": ("转让",),
}
SIGNAL_KINDS: Terms = {
    "tax_paid": ("纳税",),
    "invoice_out": ("销项发票",),
    "insured_headcount": ("参保人数",),
    "court_enforcement": ("法院执行",),
    "bureau_inquiries": ("征信查询",),
}


def term_of(word: str, terms: Terms) -> str | None:
    """The code that a word stands for, be it the code itself or one of its Chinese names.

    >>> term_of("先息后本", REPAYMENTS)
    'interest_then_principal'
    """
    wanted = word.strip()
    return next((code for code, names in terms.items() if wanted in (code, *names)), None)
