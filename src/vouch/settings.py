"""Settings, read once from the environment, cast, and refused loudly where wrong."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vouch.errors import SettingsError

_ROOT = Path(__file__).parents[2]
_SHORTEST_KEY = 32


def _setting(variable: str, about: str, secret: bool = False) -> Any:
    metadata = {"variable": variable, "about": about, "secret": secret}
    return field(repr=not secret, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Everything that can be set from outside."""

    home: Path = _setting("VOUCH_HOME", "Everything Vouch writes besides the book")
    book: Path = _setting("VOUCH_BOOK", "The guarantee book that the service reads")
    store_url: str = _setting(
        "VOUCH_STORE_URL", "Decisions, alerts, outbox: sqlite:/// or postgresql+psycopg://", True
    )
    mlflow_tracking_uri: str = _setting("MLFLOW_TRACKING_URI", "Where model versions live", True)
    champions: Path = _setting(
        "VOUCH_CHAMPIONS", "Packed champions, served without MLflow where VOUCH_PACKED is yes"
    )
    packed: bool = _setting("VOUCH_PACKED", "Serve only the packed champions: yes or no")
    models: Path = _setting("VOUCH_MODELS", "Folder of the model specifications")
    policy: Path = _setting("VOUCH_POLICY", "Folder of the policy files")
    smtp_url: str | None = _setting(
        "VOUCH_SMTP_URL",
        "smtp://[user:password@]host:port, smtps:// for TLS, smtp+starttls://; "
        "without it mails become files in VOUCH_HOME/outbox",
        True,
    )
    mail_from: str = _setting("VOUCH_MAIL_FROM", "Sender of alert mails")
    administrator: str | None = _setting(
        "VOUCH_ADMINISTRATOR", "Address told of warnings that have nobody to go to"
    )
    timezone: ZoneInfo = _setting("VOUCH_TIMEZONE", "Where people are; default Asia/Shanghai")
    duty_list: Path = _setting(
        "VOUCH_DUTY_LIST", "TOML file of substitutes, supervisors, absences, further addresses"
    )
    inbox: Path = _setting("VOUCH_INBOX", "Folder whose files `vouch watch` imports")
    mails_per_minute: int = _setting("VOUCH_MAILS_PER_MINUTE", "Most mails sent in a minute")
    public_url: str | None = _setting(
        "VOUCH_PUBLIC_URL",
        "Where readers of mails reach the service; without it mails have no link",
    )
    secret_key: str | None = _setting(
        "VOUCH_SECRET_KEY", "Signs the links in mails; 32 characters or more", True
    )
    webhook_url: str | None = _setting(
        "VOUCH_WEBHOOK_URL", "Robot (DingTalk, WeCom or alike) told of what is urgent", True
    )
    webhook_secret: str | None = _setting(
        "VOUCH_WEBHOOK_SECRET", "Signs what the robot is told", True
    )
    port: int = _setting("VOUCH_PORT", "Port of the service")
    workers: int = _setting("VOUCH_WORKERS", "Worker processes of the service")
    follow_seconds: float = _setting(
        "VOUCH_FOLLOW_SECONDS", "How often the service looks for a promotion and for new facts"
    )
    max_body_bytes: int = _setting("VOUCH_MAX_BODY_BYTES", "Largest request body taken")
    max_batch: int = _setting("VOUCH_MAX_BATCH", "Most cases in one request")
    jwt_keys: str | None = _setting(
        "VOUCH_JWT_KEYS",
        "JWKS of an identity provider, a file or an https address; without it only keys are taken",
    )
    jwt_issuer: str | None = _setting("VOUCH_JWT_ISSUER", "Issuer that tokens have to name")
    jwt_audience: str | None = _setting("VOUCH_JWT_AUDIENCE", "Audience that tokens have to name")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment.

        Raises:
            SettingsError: a value cannot be used; the text names the variable.
        """
        env = os.environ if environ is None else environ
        home = Path(env.get("VOUCH_HOME") or "var").absolute()
        shipped_policy = Path(__file__).parent / "policy"
        return cls(
            home=home,
            book=Path(env.get("VOUCH_BOOK") or home / "book").absolute(),
            store_url=env.get("VOUCH_STORE_URL") or f"sqlite:///{home / 'vouch.db'}",
            mlflow_tracking_uri=env.get("MLFLOW_TRACKING_URI")
            or f"sqlite:///{home / 'mlflow' / 'mlflow.db'}",
            champions=Path(env.get("VOUCH_CHAMPIONS") or home / "champions").absolute(),
            packed=_flag(env, "VOUCH_PACKED"),
            models=Path(env.get("VOUCH_MODELS") or _ROOT / "models").absolute(),
            policy=Path(env.get("VOUCH_POLICY") or shipped_policy).absolute(),
            smtp_url=_smtp_url(env),
            mail_from=env.get("VOUCH_MAIL_FROM") or "vouch@localhost",
            administrator=env.get("VOUCH_ADMINISTRATOR") or None,
            timezone=_zone(env),
            duty_list=Path(env.get("VOUCH_DUTY_LIST") or home / "duty.toml").absolute(),
            inbox=Path(env.get("VOUCH_INBOX") or home / "inbox").absolute(),
            mails_per_minute=_number(env, "VOUCH_MAILS_PER_MINUTE", 600, 6, 100_000),
            public_url=_web_address(env, "VOUCH_PUBLIC_URL"),
            secret_key=_secret_key(env),
            webhook_url=_web_address(env, "VOUCH_WEBHOOK_URL"),
            webhook_secret=env.get("VOUCH_WEBHOOK_SECRET") or None,
            port=_number(env, "VOUCH_PORT", 3000, 1, 65535),
            workers=_number(env, "VOUCH_WORKERS", 1, 1, 64),
            follow_seconds=_seconds(env, "VOUCH_FOLLOW_SECONDS", 15.0, 0.1, 600.0),
            max_body_bytes=_number(env, "VOUCH_MAX_BODY_BYTES", 1_000_000, 1_000, 1_000_000_000),
            max_batch=_number(env, "VOUCH_MAX_BATCH", 1_000, 1, 100_000),
            **_jwt(env),
        )

    def listed(self) -> list[dict[str, str]]:
        """Every setting with its variable, value (secrets masked) and meaning."""
        return [
            {
                "variable": f.metadata["variable"],
                "value": _shown(getattr(self, f.name), f.metadata["secret"]),
                "about": f.metadata["about"],
            }
            for f in fields(self)
        ]


def _shown(value: Any, secret: bool) -> str:
    text = "" if value is None else str(value)
    if secret and text and "://" not in text:
        return "***"
    if secret and "@" in text:
        head, _, tail = text.rpartition("@")
        text = f"{head.split('://')[0]}://***@{tail}"
    if secret and "?" in text:  # a robot's address carries its token there
        text = f"{text.partition('?')[0]}?***"
    return text


def _flag(env: Mapping[str, str], variable: str) -> bool:
    text = (env.get(variable) or "no").strip().lower()
    if text not in ("yes", "no", "1", "0", "true", "false"):
        raise SettingsError(f"{variable} is {text!r}; write yes or no")
    return text in ("yes", "1", "true")


def _number(env: Mapping[str, str], variable: str, default: int, low: int, high: int) -> int:
    text = env.get(variable) or str(default)
    if not text.isdigit() or not low <= int(text) <= high:
        raise SettingsError(f"{variable} is {text!r}; give a whole number from {low} to {high}")
    return int(text)


def _seconds(
    env: Mapping[str, str], variable: str, default: float, low: float, high: float
) -> float:
    text = env.get(variable) or str(default)
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not low <= found <= high:
        raise SettingsError(f"{variable} is {text!r}; give seconds from {low:g} to {high:g}")
    return found


def _jwt(env: Mapping[str, str]) -> dict[str, str | None]:
    keys, issuer, audience = (
        env.get(f"VOUCH_JWT_{name}") or None for name in ("KEYS", "ISSUER", "AUDIENCE")
    )
    if keys and not (issuer and audience):
        raise SettingsError(
            "VOUCH_JWT_KEYS needs VOUCH_JWT_ISSUER and VOUCH_JWT_AUDIENCE beside it"
        )
    if keys and "://" in keys and not keys.startswith("https://"):
        raise SettingsError("VOUCH_JWT_KEYS must be a file or an https:// address")
    return {"jwt_keys": keys, "jwt_issuer": issuer, "jwt_audience": audience}


def _zone(env: Mapping[str, str]) -> ZoneInfo:
    name = env.get("VOUCH_TIMEZONE") or "Asia/Shanghai"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"VOUCH_TIMEZONE is {name!r}, which is no time zone; write one such as Asia/Shanghai"
        ) from None


def _web_address(env: Mapping[str, str], variable: str) -> str | None:
    url = env.get(variable) or None
    if url is not None and (
        urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname
    ):
        raise SettingsError(f"{variable} must look like https://vouch.example.org")
    return url


def _secret_key(env: Mapping[str, str]) -> str | None:
    key = env.get("VOUCH_SECRET_KEY") or None
    if key is not None and len(key) < _SHORTEST_KEY:
        raise SettingsError(f"VOUCH_SECRET_KEY needs {_SHORTEST_KEY} characters or more")
    if key is None and env.get("VOUCH_PUBLIC_URL"):
        raise SettingsError(
            "VOUCH_PUBLIC_URL puts links into mails, which VOUCH_SECRET_KEY has to sign; set both"
        )
    return key


def _smtp_url(env: Mapping[str, str]) -> str | None:
    url = env.get("VOUCH_SMTP_URL") or None
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
        raise SettingsError(
            "VOUCH_SMTP_URL must look like smtp://host:port, smtps://user:password@host:465 or "
            "smtp+starttls://user:password@host:587"
        )
    return url
