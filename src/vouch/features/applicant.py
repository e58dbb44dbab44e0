"""Who applies: kind, age, size, industry, place, and the record with us."""

import numpy as np

from vouch.features.asof import Current, Floats, History, Objects
from vouch.features.groupings import industry_group
from vouch.features.registry import feature


@feature(zh="主体类型", en="kind of borrower", unit="category")
def borrower_kind(borrower: Current) -> Objects:
    """Enterprise, sole trader, farmer, …"""
    return borrower.text("kind")


@feature(zh="组织形式", en="legal form", unit="category")
def legal_form(borrower: Current) -> Objects:
    """Legal form as the source states it."""
    return borrower.text("legal_form")


@feature(zh="行业", en="industry", unit="category")
def industry(borrower: Current) -> Objects:
    """Section of GB/T 4754, or the two-digit NAICS sector."""
    return np.array([industry_group(code) for code in borrower.text("industry")], dtype=object)


@feature(zh="经营年限", en="years in business", unit="years")
def years_in_business(borrower: Current) -> Floats:
    """Years since the business was founded."""
    return borrower.days_since("established_on") / 365.25


@feature(zh="初创企业", en="new business", unit="flag")
def is_new_business(borrower: Current) -> Floats:
    """1 for a business of two years or less."""
    return borrower.number("is_new_business")


@feature(zh="从业人员", en="headcount", unit="count")
def headcount(borrower: Current) -> Floats:
    """Persons employed."""
    return borrower.number("headcount")


@feature(zh="营业收入", en="annual revenue", unit="yuan")
def annual_revenue(borrower: Current) -> Floats:
    """Revenue (or income) of the last full year."""
    return borrower.number("annual_revenue")


@feature(zh="借款额与营业收入之比", en="loan amount to annual revenue", unit="ratio")
def amount_to_revenue(guarantee: Current, borrower: Current) -> Floats:
    """Loan amount over annual revenue; unknown where revenue is zero."""
    revenue = borrower.number("annual_revenue")
    return guarantee.number("amount") / np.where(revenue > 0, revenue, np.nan)


@feature(zh="所在地", en="region", unit="category")
def region(guarantee: Current, borrower: Current) -> Objects:
    """Where the money works, or else where the borrower sits."""
    project, home = guarantee.text("project_region"), borrower.text("region")
    return np.where(project != None, project, home)  # noqa: E711 - elementwise


@feature(zh="所在省份", en="province", unit="category")
def province(guarantee: Current, borrower: Current) -> Objects:
    """The first two characters of the region: a province, or a state of the USA."""
    whole = region(guarantee, borrower)
    return np.array([None if code is None else code[:2] for code in whole], dtype=object)


@feature(zh="贷款银行", en="lender", unit="category")
def lender_name(guarantee: Current, lender: Current) -> Objects:
    """The lender's name, or its number where it has none."""
    name, number = lender.text("name"), guarantee.text("lender_id")
    return np.where(name != None, name, number)  # noqa: E711 - elementwise


@feature(zh="银行类型", en="type of lender", unit="category")
def lender_kind(lender: Current) -> Objects:
    """State, joint-stock, local, internet, …"""
    return lender.text("kind")


@feature(zh="银行所在地", en="region of the lender", unit="category")
def lender_region(lender: Current) -> Objects:
    """Where the lender sits."""
    return lender.text("region")


@feature(zh="银行在本地", en="lender in the borrower's region", unit="flag")
def is_local_lender(guarantee: Current, lender: Current, borrower: Current) -> Floats:
    """1 where the lender sits where the borrower does, by the region's first two characters."""
    theirs, home = lender.text("region"), borrower.text("region")
    pairs = zip(theirs, home, strict=True)
    return np.array([np.nan if a is None or b is None else float(a[:2] == b[:2]) for a, b in pairs])


@feature(zh="本系统其他担保笔数", en="other guarantees of the borrower", unit="count")
def earlier_guarantees(earlier: History) -> Floats:
    """The borrower's other guarantees known by then."""
    return earlier.count()


@feature(zh="其他担保的代偿次数", en="compensations on other guarantees", unit="count")
def earlier_compensations(earlier_compensation: History) -> Floats:
    """Compensations known by then on the borrower's other guarantees."""
    return earlier_compensation.count()


@feature(zh="距上一笔担保天数", en="days since the last other guarantee", unit="days")
def days_since_earlier_guarantee(earlier: History) -> Floats:
    """Days since the borrower's newest other guarantee was applied for."""
    return earlier.days_since_last()


@feature(zh="近一年新增担保笔数", en="other guarantees of the last year", unit="count")
def earlier_guarantees_1y(earlier: History) -> Floats:
    """The borrower's other guarantees that became known in the last 365 days."""
    return earlier.within(365).count()


@feature(zh="首笔担保以来天数", en="days since the first other guarantee", unit="days")
def days_since_first_guarantee(earlier: History) -> Floats:
    """Days since the borrower's oldest other guarantee became known."""
    return earlier.as_of - earlier.first("event_at")


@feature(
    zh="借款额较上一笔变化", en="change of the loan amount from the last guarantee", unit="share"
)
def amount_change_from_earlier(guarantee: Current, earlier: History) -> Floats:
    """Loan amount against that of the borrower's newest other guarantee."""
    return guarantee.number("amount") / earlier.last("amount") - 1.0


@feature(zh="距上次代偿天数", en="days since a compensation", unit="days")
def days_since_earlier_compensation(earlier_compensation: History) -> Floats:
    """Days since the newest compensation on the borrower's other guarantees."""
    return earlier_compensation.days_since_last()
