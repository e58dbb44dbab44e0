"""The life cycle of an alert: what people handle when a rule has seen a signal."""

from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """蓝黄橙红, ordered: a larger value is worse."""

    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @classmethod
    def parse(cls, text: str) -> "Severity":
        """Read a colour name.

        >>> Severity.parse("red") > Severity.parse("yellow")
        True
        """
        return cls[text.strip().upper()]

    @property
    def slug(self) -> str:
        """The colour in lower case."""
        return self.name.lower()


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
