"""The tables of the book. Everything known about a column is said here once."""

from vouch.book.schema import Column, Kind, Table
from vouch.domain import vocabulary
from vouch.domain.credit_code import credit_code_fault
from vouch.domain.vocabulary import Terms
from vouch.policy.reading import Policy

C, K = Column, Kind
_CODES = Policy()
_MAX_MONEY = 1e12
_ID = 80  # longest identifier

BORROWER_KINDS = tuple(vocabulary.BORROWER_KINDS)
LENDER_KINDS = tuple(vocabulary.LENDER_KINDS)
GUARANTOR_LEVELS = tuple(vocabulary.GUARANTOR_LEVELS)
RELEASE_CAUSES = tuple(vocabulary.RELEASE_CAUSES)
REPAYMENTS = tuple(vocabulary.REPAYMENTS)
SIGNAL_KINDS = tuple(vocabulary.SIGNAL_KINDS)


def _id(name: str, zh: str, about: str, required: bool = True) -> Column:
    return C(name, K.TEXT, zh, about, required=required, max_length=_ID)


def _money(name: str, zh: str, about: str, required: bool = False) -> Column:
    return C(name, K.MONEY, zh, about, required=required, lowest=0, highest=_MAX_MONEY)


def _choice(name: str, zh: str, about: str, terms: Terms, required: bool = False) -> Column:
    return C(name, K.TEXT, zh, about, required, choices=tuple(terms), terms=terms)


def _region(zh: str, about: str, name: str = "region") -> Column:
    return C(name, K.TEXT, zh, about, text_fault=_CODES.regions.region_fault)


BORROWER = Table(
    "borrower",
    "借款人",
    "Who owes the loan, as last stated.",
    key=("borrower_id",),
    entity="borrower_id",
    own_columns=(
        _id("borrower_id", "借款人编号", "Stable identifier of the borrower."),
        C("name", K.TEXT, "名称", "Name; masked wherever it is shown."),
        _choice("kind", "主体类型", "What the borrower is.", vocabulary.BORROWER_KINDS),
        C(
            "uscc",
            K.TEXT,
            "统一社会信用代码",
            "Unified social credit code, GB 32100-2015; its check digits have to be right.",
            max_length=18,
            text_fault=credit_code_fault,
        ),
        C("established_on", K.DATE, "成立日期", "Day the business was founded."),
        C(
            "industry",
            K.TEXT,
            "行业代码",
            "GB/T 4754-2017 code such as F or F5211, or NAICS code, as the source has it.",
            text_fault=_CODES.industries.section_fault,
        ),
        _region("区域代码", "GB/T 2260 code, or the source's own area code."),
        C("legal_form", K.TEXT, "组织形式", "Legal form as the source states it."),
        C("headcount", K.COUNT, "从业人员", "Persons employed.", lowest=0, highest=1e7),
        _money("annual_revenue", "营业收入", "Revenue of the last full year."),
        C("group_id", K.TEXT, "集团编号", "Group of affiliated borrowers.", max_length=_ID),
        C(
            "controller_id",
            K.TEXT,
            "实际控制人编号",
            "Token of the person in control; the same token is the same person.",
            max_length=_ID,
        ),
        C("is_new_business", K.FLAG, "初创企业", "Two years old or younger at application."),
    ),
)

LENDER = Table(
    "lender",
    "贷款银行",
    "The bank (or other lender) that is guaranteed.",
    key=("lender_id",),
    entity="lender_id",
    own_columns=(
        _id("lender_id", "银行编号", "Stable identifier of the lender."),
        C("name", K.TEXT, "银行名称", "Name of the lender."),
        _choice("kind", "银行类型", "Type of bank.", vocabulary.LENDER_KINDS),
        _region("区域代码", "Where the lender sits."),
    ),
)

GUARANTOR = Table(
    "guarantor",
    "担保机构",
    "The institution that guarantees.",
    key=("guarantor_id",),
    entity="guarantor_id",
    own_columns=(
        _id("guarantor_id", "担保机构编号", "Stable identifier of the guarantor."),
        C("name", K.TEXT, "机构名称", "Name of the guarantor."),
        _choice("level", "层级", "Level in the guarantee system.", vocabulary.GUARANTOR_LEVELS),
        C("parent_id", K.TEXT, "上级机构", "The re-guarantor above it.", max_length=_ID),
        _region("区域代码", "GB/T 2260 code."),
        _money("net_assets", "净资产", "Net assets at the last period end."),
    ),
)

MANAGER = Table(
    "manager",
    "客户经理",
    "The account manager who answers warnings.",
    key=("manager_id",),
    entity="manager_id",
    own_columns=(
        _id("manager_id", "客户经理编号", "Stable identifier of the account manager."),
        C("name", K.TEXT, "姓名", "Name of the account manager."),
        C("email", K.TEXT, "电子邮箱", "Where digests go.", max_length=254),
        C("guarantor_id", K.TEXT, "担保机构编号", "The guarantor employing them.", max_length=_ID),
    ),
)

GUARANTEE = Table(
    "guarantee",
    "担保",
    "One guaranteed loan, as applied for and signed. event_at is the day of application.",
    key=("guarantee_id",),
    entity="guarantee_id",
    own_columns=(
        _id("guarantee_id", "担保编号", "Stable identifier of the guarantee."),
        _id("borrower_id", "借款人编号", "Who borrows."),
        _id("lender_id", "银行编号", "Who lends.", required=False),
        _id("guarantor_id", "担保机构编号", "Who guarantees.", required=False),
        _id("manager_id", "客户经理编号", "Who looks after it.", required=False),
        C("product", K.TEXT, "产品", "Guarantee product or loan programme."),
        C("channel", K.TEXT, "渠道", "How it was processed: direct link, batch, express, …"),
        C("scheme", K.TEXT, "分险方案", "Name of the risk-sharing scheme."),
        C("start_on", K.DATE, "起始日", "First day of the guarantee."),
        C("maturity_on", K.DATE, "到期日", "Last day of the loan."),
        C("amount", K.MONEY, "借款额", "Loan amount.", True, lowest=0.01, highest=_MAX_MONEY),
        _money("guaranteed_amount", "担保额", "Part of the loan that is guaranteed."),
        C("interest_rate", K.RATE, "利率", "Yearly interest rate.", lowest=0, highest=1),
        C("fee_rate", K.RATE, "担保费率", "Yearly guarantee fee rate.", lowest=0, highest=0.2),
        C("tenor_months", K.COUNT, "期限(月)", "Months to run.", lowest=1, highest=600),
        _choice("repayment", "还款方式", "How it is repaid.", vocabulary.REPAYMENTS),
        C("purpose", K.TEXT, "用途", "What the loan is for."),
        C("is_revolving", K.FLAG, "循环额度", "A line that can be drawn again."),
        C("has_collateral", K.FLAG, "有抵质押", "Backed by collateral besides the guarantee."),
        C("is_franchise", K.FLAG, "特许经营", "The business is a franchise."),
        C("jobs_supported", K.COUNT, "带动就业", "Jobs kept or made.", lowest=0, highest=1e6),
        _region("项目所在地", "Where the money works.", "project_region"),
    ),
)

COUNTER_GUARANTEE = Table(
    "counter_guarantee",
    "反担保",
    "What secures the guarantor against the borrower. event_at is the day it was given.",
    key=("guarantee_id", "counter_no"),
    entity="guarantee_id",
    own_columns=(
        _id("guarantee_id", "担保编号", "The guarantee it belongs to."),
        C("counter_no", K.COUNT, "反担保序号", "1 for the first.", True, lowest=1),
        _choice("kind", "反担保方式", "What is given.", vocabulary.COUNTER_KINDS, True),
        C(
            "provider_id",
            K.TEXT,
            "反担保人编号",
            "Who gives it: a borrower's identifier, or the token of a person.",
            max_length=_ID,
        ),
        _money("value", "反担保价值", "What it is worth or covers."),
    ),
)

PERFORMANCE = Table(
    "performance",
    "月度表现",
    "One guarantee at one month end. event_at is the month end.",
    key=("guarantee_id", "event_at"),
    entity="guarantee_id",
    own_columns=(
        _id("guarantee_id", "担保编号", "The guarantee."),
        _money("balance", "在保余额", "Principal still guaranteed."),
        C(
            "days_past_due",
            K.COUNT,
            "逾期天数",
            "Days the oldest unpaid amount is past due; the lower bound where given in bands.",
            True,
            lowest=0,
            highest=36500,
        ),
        C("is_extended", K.FLAG, "展期", "Extended or refinanced in this month."),
    ),
)

SIGNAL = Table(
    "signal",
    "风险信号数据",
    "One observation about a borrower from outside the loan. event_at is the day observed.",
    key=("borrower_id", "kind", "event_at"),
    entity="borrower_id",
    own_columns=(
        _id("borrower_id", "借款人编号", "Whom it is about."),
        _choice("kind", "信号类型", "What was observed.", vocabulary.SIGNAL_KINDS, True),
        C("value", K.NUMBER, "数值", "Yuan, persons, share or count, by kind.", lowest=-1e12),
        C("note", K.TEXT, "说明", "Free text from the feed.", max_length=1000),
    ),
)

COMPENSATION = Table(
    "compensation",
    "代偿",
    "The guarantor paid the bank (or what the source declares to stand for it). "
    "event_at is the day of payment.",
    key=("guarantee_id", "compensation_no"),
    entity="guarantee_id",
    own_columns=(
        _id("guarantee_id", "担保编号", "The guarantee that was called."),
        C("compensation_no", K.COUNT, "代偿序号", "1 for the first payment.", True, lowest=1),
        _money("amount", "代偿额", "Paid in all: principal, interest and cost."),
        _money("principal", "代偿本金", "Principal part."),
        _money("interest", "代偿利息", "Interest part."),
    ),
)

RECOVERY = Table(
    "recovery",
    "追偿",
    "Money that came back after a compensation. event_at is the day it was received.",
    key=("guarantee_id", "recovery_no"),
    entity="guarantee_id",
    own_columns=(
        _id("guarantee_id", "担保编号", "The guarantee."),
        C("recovery_no", K.COUNT, "追偿序号", "1 for the first receipt.", True, lowest=1),
        _money("gross", "收回金额", "Received before cost."),
        _money("cost", "追偿费用", "Cost of recovering."),
    ),
)

RELEASE = Table(
    "release",
    "解除担保",
    "The guarantee, or part of it, ended. event_at is the day of release.",
    key=("guarantee_id", "release_no"),
    entity="guarantee_id",
    own_columns=(
        _id("guarantee_id", "担保编号", "The guarantee."),
        C("release_no", K.COUNT, "解除序号", "1 for the first release.", True, lowest=1),
        _money("amount", "解除金额", "Principal released."),
        _choice("cause", "解除原因", "Why it ended.", vocabulary.RELEASE_CAUSES, True),
        C("is_final", K.FLAG, "全部解除", "Nothing is guaranteed any more.", required=True),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        BORROWER,
        LENDER,
        GUARANTOR,
        MANAGER,
        GUARANTEE,
        COUNTER_GUARANTEE,
        PERFORMANCE,
        SIGNAL,
        COMPENSATION,
        RECOVERY,
        RELEASE,
    )
}
