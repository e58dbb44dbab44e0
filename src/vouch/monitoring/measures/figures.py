"""What a book does not hold about a guarantor, read from a file of the user's."""

from __future__ import annotations

import tomllib
from decimal import Decimal, InvalidOperation
from pathlib import Path

from vouch.errors import FactsError, FieldFault
from vouch.monitoring.measures.view import Figures

FIGURES = {
    "equity_in_guarantors": "Equity held in other guarantors and re-guarantors",
    "fees_of_year": "Guarantee fees earned this year",
    "net_profit": "Net profit of this year",
    "compensation_reserve": "Compensation reserve set aside before this year",
    "losses_of_year": "Losses proved this year",
    "losses_in_all": "Losses proved since inception",
    "returned_to_reguarantor": "Recoveries handed back to re-guarantors since inception",
    "received_from_reguarantor": "Compensation received from re-guarantors since inception",
}


def read_figures(path: Path) -> Figures:
    """Read a TOML file: a table by guarantor, amounts in yuan in quotes.

    Raises:
        FactsError: the file is wrong; the text names the key and the remedy.
    """
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FactsError([FieldFault(str(path), f"cannot be read as TOML: {error}")]) from error
    found: dict[str, dict[str, Decimal]] = {}
    faults = []
    for guarantor, values in body.items():
        if not isinstance(values, dict):
            faults.append(FieldFault(f"{path}: {guarantor}", "write a table [<guarantor id>]"))
            continue
        found[guarantor] = {}
        for name, value in values.items():
            amount = _amount(value)
            if name not in FIGURES:
                reason = f"is no known figure; known are {', '.join(FIGURES)}"
                faults.append(FieldFault(f"{path}: {guarantor}.{name}", reason))
            elif amount is None:
                reason = 'must be yuan to the fen in quotes such as "1200.00"'
                faults.append(FieldFault(f"{path}: {guarantor}.{name}", reason))
            else:
                found[guarantor][name] = amount
    if faults:
        raise FactsError(faults)
    return found


def _amount(value: object) -> Decimal | None:
    try:
        amount = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return amount if amount is not None and amount.is_finite() else None
