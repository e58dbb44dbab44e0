"""How guarantees like this one had fared by then, from the book's own record."""

import numpy as np

from vouch.features.asof import Floats
from vouch.features.portfolio import Portfolio
from vouch.features.registry import feature

_YEAR = 365.0
_FIVE_YEARS = 1826.0


@feature(zh="全部业务近一年代偿率", en="compensation rate of the whole book, 1 year", unit="share")
def book_compensation_rate_1y(portfolio: Portfolio) -> Floats:
    """Compensations per guarantee and year of exposure over the last year."""
    return portfolio.yearly_rate(_YEAR)


@feature(
    zh="近三年业务显示的代偿水平",
    en="level of compensation shown by recent vintages",
    unit="share",
)
def book_vintage_level(portfolio: Portfolio) -> Floats:
    """Expected compensations per guarantee within three years, by the vintages' record so far.

    Of recent vintages it counts the first sign: 60 days past due, or else the compensation.
    """
    return portfolio.vintage_level()


@feature(
    zh="该银行近五年代偿与平均之比",
    en="lender's compensations against average, 5 years",
    unit="ratio",
)
def lender_relative_rate_5y(portfolio: Portfolio) -> Floats:
    """Compensations of the lender's guarantees over those expected at the book's rate, shrunk."""
    return portfolio.relative_rate("lender", _FIVE_YEARS)


@feature(
    zh="该银行同额度近五年代偿与平均之比",
    en="compensations of the lender's loans of this size against average, 5 years",
    unit="ratio",
)
def lender_band_relative_rate_5y(portfolio: Portfolio) -> Floats:
    """The same for the lender's guarantees of the same half power of ten in amount."""
    return portfolio.relative_rate("lender_band", _FIVE_YEARS)


@feature(
    zh="该行业近五年代偿与平均之比",
    en="industry's compensations against average, 5 years",
    unit="ratio",
)
def industry_relative_rate_5y(portfolio: Portfolio) -> Floats:
    """Compensations in the industry over those expected at the book's rate, shrunk."""
    return portfolio.relative_rate("industry", _FIVE_YEARS)


@feature(
    zh="该渠道与担保比例近五年代偿与平均之比",
    en="compensations on these terms against average, 5 years",
    unit="ratio",
)
def terms_relative_rate_5y(portfolio: Portfolio) -> Floats:
    """Compensations under the same channel and guaranteed share over those expected, shrunk."""
    return portfolio.relative_rate("terms", _FIVE_YEARS)


@feature(
    zh="该地区近五年代偿与平均之比",
    en="region's compensations against average, 5 years",
    unit="ratio",
)
def region_relative_rate_5y(portfolio: Portfolio) -> Floats:
    """Compensations in the region over those expected at the book's rate, shrunk."""
    return portfolio.relative_rate("region", _FIVE_YEARS)


@feature(zh="该银行近两年业务笔数", en="guarantees of the lender, 2 years", unit="count")
def lender_volume_2y(portfolio: Portfolio) -> Floats:
    """Guarantees the lender brought in the last two years."""
    return portfolio.volume("lender", 2 * _YEAR)


@feature(zh="该银行近两年典型借款额", en="typical loan amount of the lender, 2 years", unit="yuan")
def lender_typical_amount_2y(portfolio: Portfolio) -> Floats:
    """Geometric mean amount of the lender's guarantees in the last two years, shrunk."""
    return portfolio.typical_amount("lender", 2 * _YEAR)


@feature(
    zh="该产品近五年代偿与平均之比",
    en="product's compensations against average, 5 years",
    unit="ratio",
)
def product_relative_rate_5y(portfolio: Portfolio) -> Floats:
    """Compensations of the product over those expected at the book's rate, shrunk."""
    return portfolio.relative_rate("product", _FIVE_YEARS)


@feature(
    zh="该分险方案近五年代偿与平均之比",
    en="scheme's compensations against average, 5 years",
    unit="ratio",
)
def scheme_relative_rate_5y(portfolio: Portfolio) -> Floats:
    """Compensations under the risk-sharing scheme over those expected, shrunk."""
    return portfolio.relative_rate("scheme", _FIVE_YEARS)


@feature(
    zh="该银行近一年代偿与平均之比",
    en="lender's compensations against average, 1 year",
    unit="ratio",
)
def lender_relative_rate_1y(portfolio: Portfolio) -> Floats:
    """Compensations of the lender's guarantees over those expected, last year alone, shrunk."""
    return portfolio.relative_rate("lender", _YEAR)


@feature(
    zh="该行业近一年代偿与平均之比",
    en="industry's compensations against average, 1 year",
    unit="ratio",
)
def industry_relative_rate_1y(portfolio: Portfolio) -> Floats:
    """Compensations in the industry over those expected, last year alone, shrunk."""
    return portfolio.relative_rate("industry", _YEAR)


@feature(
    zh="该地区近一年代偿与平均之比",
    en="region's compensations against average, 1 year",
    unit="ratio",
)
def region_relative_rate_1y(portfolio: Portfolio) -> Floats:
    """Compensations in the region over those expected, last year alone, shrunk."""
    return portfolio.relative_rate("region", _YEAR)


@feature(zh="全部业务近一年代偿率变化", en="change of the book's rate, 1 year", unit="ratio")
def book_rate_change_1y(portfolio: Portfolio) -> Floats:
    """The book's compensation rate of the last year over that of the last five."""
    five_years = portfolio.yearly_rate(_FIVE_YEARS)
    return portfolio.yearly_rate(_YEAR) / np.where(five_years > 0, five_years, np.nan)


@feature(zh="该银行业务增长", en="growth of the lender's business", unit="ratio")
def lender_growth_1y(portfolio: Portfolio) -> Floats:
    """Guarantees of the lender in the last year over those of the year before, each and one."""
    recent = portfolio.volume("lender", _YEAR)
    return (recent + 1) / (portfolio.volume("lender", 2 * _YEAR) - recent + 1)


@feature(zh="该行业近一年业务笔数", en="guarantees in the industry, 1 year", unit="count")
def industry_volume_1y(portfolio: Portfolio) -> Floats:
    """Guarantees in the industry in the last year."""
    return portfolio.volume("industry", _YEAR)


@feature(zh="该地区近一年业务笔数", en="guarantees in the region, 1 year", unit="count")
def region_volume_1y(portfolio: Portfolio) -> Floats:
    """Guarantees in the region in the last year."""
    return portfolio.volume("region", _YEAR)
