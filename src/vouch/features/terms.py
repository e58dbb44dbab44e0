"""What the applicant asks for: amount, share, price, product."""

import numpy as np

from vouch.features.asof import Current, Floats, Objects
from vouch.features.registry import feature


@feature(zh="借款额", en="loan amount", unit="yuan")
def amount(guarantee: Current) -> Floats:
    """Loan amount applied for."""
    return guarantee.number("amount")


@feature(zh="担保比例", en="guaranteed share", unit="share")
def guaranteed_share(guarantee: Current) -> Floats:
    """Guaranteed amount over loan amount."""
    return guarantee.number("guaranteed_amount") / guarantee.number("amount")


@feature(zh="贷款利率", en="interest rate", unit="share")
def interest_rate(guarantee: Current) -> Floats:
    """Yearly interest rate of the loan."""
    return guarantee.number("interest_rate")


@feature(zh="担保费率", en="guarantee fee rate", unit="share")
def fee_rate(guarantee: Current) -> Floats:
    """Yearly guarantee fee rate."""
    return guarantee.number("fee_rate")


@feature(zh="期限", en="tenor", unit="months")
def tenor_months(guarantee: Current) -> Floats:
    """Months the loan runs."""
    return guarantee.number("tenor_months")


@feature(zh="产品", en="product", unit="category")
def product(guarantee: Current) -> Objects:
    """Guarantee product or loan programme."""
    return guarantee.text("product")


@feature(zh="办理渠道", en="channel", unit="category")
def channel(guarantee: Current) -> Objects:
    """How the application was processed."""
    return guarantee.text("channel")


@feature(zh="还款方式", en="repayment method", unit="category")
def repayment(guarantee: Current) -> Objects:
    """How the loan is repaid."""
    return guarantee.text("repayment")


@feature(zh="循环额度", en="revolving line", unit="flag")
def is_revolving(guarantee: Current) -> Floats:
    """1 for a line that can be drawn again."""
    return guarantee.number("is_revolving")


@feature(zh="有抵质押", en="collateral", unit="flag")
def has_collateral(guarantee: Current) -> Floats:
    """1 where collateral stands behind the loan besides the guarantee."""
    return guarantee.number("has_collateral")


@feature(zh="特许经营", en="franchise", unit="flag")
def is_franchise(guarantee: Current) -> Floats:
    """1 where the business is a franchise."""
    return guarantee.number("is_franchise")


@feature(zh="带动就业", en="jobs supported", unit="count")
def jobs_supported(guarantee: Current) -> Floats:
    """Jobs kept or made, as applied for."""
    return guarantee.number("jobs_supported")


@feature(zh="人均借款额", en="loan amount per job", unit="yuan")
def amount_per_job(guarantee: Current) -> Floats:
    """Loan amount over jobs supported (at least one)."""
    return guarantee.number("amount") / np.maximum(guarantee.number("jobs_supported"), 1.0)


@feature(zh="分险方案", en="risk-sharing scheme", unit="category")
def scheme(guarantee: Current) -> Objects:
    """Name of the risk-sharing scheme."""
    return guarantee.text("scheme")
