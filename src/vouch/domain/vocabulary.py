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
COUNTER_KINDS: Terms = {
    "guarantee": ("保证",),
    "mortgage": ("抵押",),
    "pledge": ("质押",),
}
# What was done about a warning; the words are ours, after what account managers report.
DISPOSITIONS: Terms = {
    "visited": ("已走访",),
    "contacted": ("已联系",),
    "repaid": ("已还款", "已结清"),
    "rescheduled": ("展期或调整还款",),
    "secured": ("追加反担保",),
    "collecting": ("启动催收",),
    "legal_action": ("诉讼保全",),
    "compensation_prepared": ("准备代偿",),
    "watching": ("持续关注",),
    "false_alarm": ("误报",),
}
SIGNAL_KINDS: Terms = {
    "tax_paid": ("纳税",),
    "tax_declared": ("申报收入",),
    "tax_arrears": ("欠税",),
    "tax_grade": ("纳税信用等级",),
    "invoice_out": ("销项发票",),
    "invoice_in": ("进项发票",),
    "invoice_void_share": ("发票作废红冲率",),
    "invoice_red_share": ("发票红冲率",),
    "invoice_gap": ("距上次开票天数",),
    "invoice_buyers": ("下游客户数",),
    "top_buyer_share": ("第一大客户占比",),
    "buyer_lost": ("核心客户流失",),
    "insured_headcount": ("参保人数",),
    "social_security_gap": ("社保断缴",),
    "housing_fund_gap": ("公积金停缴",),
    "power_used": ("用电量",),
    "bureau_inquiries": ("征信查询",),
    "bureau_overdue": ("他行逾期",),
    "bureau_debt": ("征信负债总额",),
    "bureau_lenders": ("授信机构数",),
    "bureau_limit": ("他行授信额度",),
    "bureau_class": ("他行五级分类",),
    "external_guarantee": ("对外担保额",),
    "net_assets": ("净资产",),
    "control_change": ("法定代表人或控股股东变更",),
    "registry_change": ("工商变更",),
    "abnormal_listing": ("经营异常名录",),
    "serious_violation": ("严重违法失信", "吊销或注销"),
    "equity_frozen": ("股权冻结",),
    "equity_pledged": ("股权质押",),
    "court_claim": ("新增被告",),
    "court_enforcement": ("法院执行",),
    "enforcement_amount": ("执行标的",),
    "dishonest_debtor": ("失信被执行人", "限制高消费"),
    "insolvency": ("破产或终本",),
    "asset_seizure": ("财产查封",),
    "interest_arrears": ("欠息",),
    "late_payment": ("短期逾期",),
    "account_balance": ("还款账户余额",),
    "fund_diversion": ("资金挪用",),
    "unreachable": ("失联",),
    "controller_incident": ("实控人重大变故",),
    "negative_news": ("负面舆情",),
    "sector_price_change": ("行业价格变化",),
}
# What the value of a signal counts, and in which unit.
SIGNAL_MEANINGS: Mapping[str, str] = {
    "tax_paid": "Tax paid in the period that ends on the day, yuan.",
    "tax_declared": "Revenue declared for value-added tax in the quarter, yuan; 0 is a nil return.",
    "tax_arrears": "Tax overdue on the day, yuan.",
    "tax_grade": "Tax credit grade given on the day: 1 A, 2 B, 3 M, 4 C, 5 D.",
    "invoice_out": "Sales invoiced in the month, yuan; 0 where none was issued.",
    "invoice_in": "Purchases invoiced in the quarter, yuan.",
    "invoice_void_share": "Voided and reversed invoices in the quarter, share of the amount.",
    "invoice_red_share": "Reversed (red-letter) invoices in the quarter, share of the amount.",
    "invoice_gap": "Days since the last sales invoice, at the month's end.",
    "invoice_buyers": "Buyers invoiced in the quarter, count.",
    "top_buyer_share": "The largest buyer's part of the quarter's sales, share.",
    "buyer_lost": "A buyer stopped buying for three months: its rank by sales before, 1 to 3.",
    "insured_headcount": "Persons insured at the quarter's end.",
    "social_security_gap": "Months of social security unpaid in a row, on the day.",
    "housing_fund_gap": "Months of housing fund unpaid in a row, on the day.",
    "power_used": "Electricity used in the month, kWh.",
    "bureau_inquiries": "Loan inquiries by lenders in the quarter, count.",
    "bureau_overdue": "Loans elsewhere that are overdue on the day, count.",
    "bureau_debt": "Debt to all lenders on the day, yuan.",
    "bureau_lenders": "Lenders with a loan outstanding on the day, count.",
    "bureau_limit": "Credit lines granted by other lenders on the day, yuan.",
    "bureau_class": "Worst class another lender gives a loan, five levels: 1 normal to 5 loss.",
    "external_guarantee": "What the borrower guarantees for others on the day, yuan.",
    "net_assets": "Net assets by the yearly statements, yuan.",
    "control_change": "Legal representative or controlling shareholder changed; 1 each.",
    "registry_change": "Any entry of the business registry changed; 1 each.",
    "abnormal_listing": "Entered in the list of abnormal operations; 1 each.",
    "serious_violation": "Seriously unlawful, licence revoked or closing announced; 1 each.",
    "equity_frozen": "Part of the borrower's equity newly frozen, share.",
    "equity_pledged": "Part of the borrower's equity pledged since the day, share.",
    "court_claim": "Sued over a loan or a sale: the claim, yuan.",
    "court_enforcement": "Court enforcement against the borrower opened; 1 each.",
    "enforcement_amount": "What an enforcement is about, yuan.",
    "dishonest_debtor": "Listed as dishonest judgment debtor or barred from luxury; 1 each.",
    "insolvency": "Bankruptcy petition, or enforcement ended for want of assets; 1 each.",
    "asset_seizure": "Movables or accounts seized or frozen, yuan.",
    "interest_arrears": "Interest due on guaranteed loans and unpaid on the day, yuan.",
    "late_payment": "A payment on a guaranteed loan came late, on the day: days late.",
    "account_balance": "Balance of the repayment account 15 days before maturity, yuan.",
    "fund_diversion": "Loan money that went to securities, real estate or back, yuan.",
    "unreachable": "Attempts in five working days to reach the borrower, all in vain, count.",
    "controller_incident": "Death, grave illness or detention of who controls it; 1 each.",
    "negative_news": "News of unpaid wages, a halt or the like: 1 slight to 3 severe.",
    "sector_price_change": "Change of the sector's price index over three months, share.",
}


def term_of(word: str, terms: Terms) -> str | None:
    """The code that a word stands for, be it the code itself or one of its Chinese names.

    >>> term_of("先息后本", REPAYMENTS)
    'interest_then_principal'
    """
    wanted = word.strip()
    return next((code for code, names in terms.items() if wanted in (code, *names)), None)
