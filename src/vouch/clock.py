"""The one place that asks what day and time it is."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The present day where this process runs."""
    return datetime.now().astimezone().date()
