"""`vouch scheme`: the risk-sharing schemes, a loss shared by one, claims held against its cap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from vouch import clock
from vouch.cli.terminal import UsageError, day, say, say_json
from vouch.domain.compensation_cap import Cap, Settlement, settle
from vouch.domain.risk_sharing import FEN, Party, Scheme
from vouch.errors import PolicyError
from vouch.policy.reading import Policy
from vouch.settings import Settings

app = typer.Typer(help="The risk-sharing schemes.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="A scheme; `vouch scheme list` names them")]
OnOption = Annotated[
    str | None, typer.Option("--on", help="Day the guarantee was signed; default: today")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]


@app.command("list")
def list_schemes(json_: JsonOption = False) -> None:
    """List every version of every scheme with its shares, cap, fees and source."""
    found = [scheme for versions in _policy().schemes.values() for scheme in versions]
    if json_:
        say_json([_described(scheme) for scheme in found])
        return
    for scheme in found:
        shares = ", ".join(f"{party} {share:.2%}" for party, share in scheme.shares.items())
        cap = f"; cap {scheme.cap.rate:.2%}" if scheme.cap else ""
        until = scheme.effective_until or ""
        say(f"{scheme.name:8s} {scheme.effective_from} – {until!s:10s}  {shares}{cap}")


@app.command()
def allocate(
    name: NameArgument,
    loss: Annotated[str, typer.Option(help="What was compensated, in yuan, interest included")],
    recovered: Annotated[str, typer.Option(help="Recovered of it, net of cost, in yuan")] = "0",
    on: OnOption = None,
    json_: JsonOption = False,
) -> None:
    """Share a compensation: what each party pays, gets back and loses, to the fen."""
    signed = day(on) or clock.today()
    scheme = _policy().scheme(name, signed)
    exposure, back = _amount("--loss", loss), _amount("--recovered", recovered)
    try:
        shared = scheme.allocate(exposure, back)
    except ValueError as error:
        raise UsageError(f"cannot share --loss {loss} --recovered {recovered}: {error}") from error
    if json_:
        parts = {key: _texts(part) for key, part in vars(shared).items()}
        say_json(
            _asked(scheme, signed) | {"exposure": _text(exposure), "recovered": _text(back)} | parts
        )
        return
    say(f"{'':16s} {'pays':>18s} {'gets back':>18s} {'loses':>18s}")
    for party in shared.payment:
        row = (shared.payment[party], shared.recovery[party], shared.loss[party])
        say(f"{party:16s} " + " ".join(f"{amount:18,.2f}" for amount in row))


@app.command()
def cap(
    name: NameArgument,
    released: Annotated[
        str, typer.Option(help="Released in the whole period, annualised where the cap says so")
    ],
    claims: Annotated[
        str, typer.Option(help="Claims of the guarantee system, in sequence: 10000000,9000000")
    ],
    on: OnOption = None,
    json_: JsonOption = False,
) -> None:
    """Hold claims against the cap of a scheme: what is paid, what the bank keeps, the burn."""
    signed = day(on) or clock.today()
    policy = _policy()
    scheme = policy.scheme(name, signed)
    terms = _cap_of(policy, scheme, signed)
    base = _amount("--released", released)
    amounts = [_amount("--claims", text) for text in claims.split(",")]
    settled = settle(amounts, terms.amount(base, scheme.system_share), terms.excess)
    if json_:
        claimed = {"released": _text(base)} | _settled(scheme, settled)
        say_json(_asked(scheme, signed) | claimed)
        return
    say(f"cap {settled.cap_amount:,.2f}, burn {_percent(settled.burn)}")
    say(f"{'claim':>18s} {'paid':>18s} {'rejected':>18s} {'suspended':>18s}")
    rows = [(c.claim, c.paid, c.rejected, c.suspended) for c in settled.claims]
    rows.append((settled.claimed, settled.paid, settled.rejected, settled.suspended))
    for row in rows:
        say(" ".join(f"{amount:18,.2f}" for amount in row))


def _policy() -> Policy:
    return Policy(Settings.from_env().policy)


def _cap_of(policy: Policy, scheme: Scheme, on: date) -> Cap:
    if scheme.cap is None:
        capped = [n for n, versions in policy.schemes.items() if any(v.cap for v in versions)]
        raise PolicyError(
            f"scheme {scheme.name!r} has no cap on {on}; add [version.cap] to its file in "
            f"risk_sharing, or choose one of {', '.join(capped)}"
        )
    return scheme.cap


def _amount(option: str, text: str) -> Decimal:
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount.adjusted() > 20:
        raise UsageError(f"{option}: {text!r} is no amount; write yuan such as 1000000.00")
    if amount != amount.quantize(FEN):
        raise UsageError(f"{option}: {text!r} is finer than a fen; write two decimals at most")
    return amount


def _asked(scheme: Scheme, on: date) -> dict[str, Any]:
    return {"scheme": scheme.name, "on": on, "effective_from": scheme.effective_from}


def _settled(scheme: Scheme, settled: Settlement) -> dict[str, Any]:
    keys = ("cap_amount", "claimed", "paid", "rejected", "suspended")
    claims = [
        {key: _text(amount) for key, amount in vars(claim).items()}
        | {"paid_by_party": _texts(scheme.split_system(claim.paid))}
        for claim in settled.claims
    ]
    totals = {key: _text(getattr(settled, key)) for key in keys}
    return totals | {"burn": _ratio(settled.burn), "claims": claims}


def _described(scheme: Scheme) -> dict[str, Any]:
    terms = {
        "name": scheme.name,
        "about": scheme.about,
        "effective_from": scheme.effective_from,
        "effective_until": scheme.effective_until,
        "shares": {party.value: str(share) for party, share in scheme.shares.items()},
        "system_share": str(scheme.system_share),
        "loss_base": scheme.loss_base,
        "follows_lender": scheme.follows_lender,
    }
    return terms | {
        "cap": _plain(vars(scheme.cap)) if scheme.cap else None,
        "reguarantee_fee": [_plain(vars(fee)) for fee in scheme.reguarantee_fees],
        "source": scheme.source,
        "memory": scheme.memory,
        "assumption": scheme.assumption,
    }


def _plain(terms: Mapping[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Decimal) else v for k, v in terms.items()}


def _texts(parts: Mapping[Party, Decimal]) -> dict[str, str]:
    return {party.value: _text(amount) for party, amount in parts.items()}


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _ratio(burn: Decimal | None) -> str | None:
    return None if burn is None else str(burn.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def _percent(burn: Decimal | None) -> str:
    return "unknown, as the cap is nothing" if burn is None else f"{burn:.2%}"
