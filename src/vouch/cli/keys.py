"""`vouch keys`: who may call the service."""

from __future__ import annotations

import getpass
from datetime import timedelta
from typing import Annotated, Any

import typer

from vouch import clock
from vouch.cli.options import JsonOption
from vouch.cli.terminal import UsageError, say, say_json
from vouch.domain.access import Institution, Role
from vouch.settings import Settings
from vouch.store.keys import ApiKey, KeyRing, NewKey
from vouch.store.store import Store

app = typer.Typer(help="API keys: who may call the service.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(help="A key's identifier; `vouch keys list` shows it")]
DaysOption = Annotated[int, typer.Option(help="Days until it expires", min=1, max=3660)]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for people")],
    role: Annotated[str, typer.Option(help=", ".join(Role))],
    institution: Annotated[
        str, typer.Option(help="province, guarantor:IDENTIFIER or lender:IDENTIFIER")
    ] = "province",
    days: DaysOption = 365,
    rate: Annotated[
        int | None, typer.Option(help="Requests a minute; default: the role's", min=1)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Make a key; it is shown this once and kept only as a hash."""
    now = clock.now()
    new = NewKey(name, _role(role), _institution(institution), now + timedelta(days=days), rate)
    _show_made(_ring().create(new, getpass.getuser(), now), json_)


@app.command("list")
def list_keys(json_: JsonOption = False) -> None:
    """List every key with its role, institution and state."""
    now = clock.now()
    found = [_described(key, key.is_live(now)) for key in _ring().every()]
    if json_:
        say_json(found)
        return
    for row in found:
        say(
            f"{row['key_id']}  {row['state']:8s} until {row['expires_at'][:16]}  "
            f"{row['role']:15s} {row['institution']:20s} {row['name']}"
        )


@app.command()
def revoke(key_id: KeyArgument) -> None:
    """End a key; within seconds it opens nothing."""
    _ring().revoke(key_id, getpass.getuser(), clock.now())
    say(f"key {key_id} is revoked")


@app.command()
def rotate(
    key_id: KeyArgument,
    overlap_hours: Annotated[
        int, typer.Option(help="Hours for which the old key goes on", min=0, max=720)
    ] = 24,
    days: DaysOption = 365,
    json_: JsonOption = False,
) -> None:
    """Make a key's successor; both work until the overlap ends."""
    now = clock.now()
    old_until, expires_at = now + timedelta(hours=overlap_hours), now + timedelta(days=days)
    made = _ring().rotate(key_id, old_until, expires_at, getpass.getuser(), now)
    _show_made(made, json_)


def _ring() -> KeyRing:
    return Store(Settings.from_env().store_url).keys


def _role(text: str) -> Role:
    try:
        return Role(text.replace("-", "_"))
    except ValueError:
        raise UsageError(f"there is no role {text!r}; the roles are {', '.join(Role)}") from None


def _institution(text: str) -> Institution:
    try:
        return Institution.parse(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no institution; {error}") from None


def _show_made(made: tuple[ApiKey, str], json_: bool) -> None:
    key, secret = made
    if json_:
        say_json(_described(key, True) | {"key": secret})
        return
    say(f"{secret}\n\nShown this once. {key.name}, {key.role} of {key.institution},")
    say(f"identifier {key.key_id}, until {key.expires_at:%Y-%m-%d %H:%M} UTC")


def _described(key: ApiKey, is_live: bool) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "role": key.role.value,
        "institution": str(key.institution),
        "state": "live" if is_live else "revoked" if key.revoked_at else "expired",
        "rate_per_minute": key.rate_per_minute,
        "created_at": key.created_at.isoformat(),
        "created_by": key.created_by,
        "expires_at": key.expires_at.isoformat(),
        "rotated_from": key.lineage if key.lineage != key.key_id else None,
    }
