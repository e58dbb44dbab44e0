"""Tokens of an identity provider: signed JSON (RFC 7519) proved by its published keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt

from vouch.domain.access import Caller, Institution, Role, check_pairing
from vouch.errors import SettingsError
from vouch.settings import Settings

# Only signatures that the holder of the public key cannot make: no HMAC, no "none".
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
_LEEWAY_SECONDS = 30
_FETCH_SECONDS = 5
_LONGEST_SUBJECT = 150


class Tokens:
    """Judges tokens by the settings; the claims `vouch_role` and `vouch_institution` are ours.

    Raises:
        SettingsError: the file of keys cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._issuer, self._audience = settings.jwt_issuer, settings.jwt_audience
        self._source = settings.jwt_keys or ""
        self._remote = (
            jwt.PyJWKClient(self._source, lifespan=300, timeout=_FETCH_SECONDS)
            if self._source.startswith("https://")
            else None
        )
        if self._remote is None:
            self._keys()

    def caller(self, token: str) -> tuple[Caller, datetime] | None:
        """Who a token speaks for and until when; None where it proves nothing."""
        try:
            claims = self._claims(token)
            role = Role(claims["vouch_role"])
            institution = Institution.parse(claims["vouch_institution"])
            check_pairing(role, institution)
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError):
            return None
        subject = str(claims["sub"])
        if not subject.isprintable() or len(subject) > _LONGEST_SUBJECT:
            return None
        name = str(claims.get("name") or subject)[:150]
        until = datetime.fromtimestamp(int(claims["exp"]), UTC)
        return Caller(f"token:{subject}", name, role, institution), until

    def _claims(self, token: str) -> dict[str, Any]:
        key = self._remote.get_signing_key_from_jwt(token) if self._remote else self._local(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(_ALGORITHMS),
            issuer=self._issuer,
            audience=self._audience,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "sub", "iss", "aud"]},
        )
        return claims

    def _local(self, token: str) -> jwt.PyJWK:
        name = jwt.get_unverified_header(token).get("kid")
        # read anew for each token not yet known, so that a new key needs no restart
        keys = self._keys().keys
        return next((k for k in keys if k.key_id == name), None) or _only(keys)

    def _keys(self) -> jwt.PyJWKSet:
        try:
            body = json.loads(Path(self._source).read_text(encoding="utf-8"))
            return jwt.PyJWKSet.from_dict(body)
        except (OSError, ValueError, AttributeError, jwt.PyJWTError) as error:
            raise SettingsError(f"VOUCH_JWT_KEYS holds no usable JWKS: {error}") from error


def _only(keys: list[jwt.PyJWK]) -> jwt.PyJWK:
    if len(keys) != 1:
        raise jwt.InvalidKeyError("no key of this name")
    return keys[0]
