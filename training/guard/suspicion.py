"""What the guard found, and what a specification says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """What a suspicion is about; the key under which a specification may allow it."""

    AUC = "auc"
    INFORMATION = "information"
    MISSING = "missing"
    ROUNDING = "rounding"
    VALUE = "value"
    HINDSIGHT = "hindsight"
    RESTATED = "restated"
    SERVING = "serving"
    SHUFFLED = "shuffled"
    TWINS = "twins"


@dataclass(frozen=True)
class Suspicion:
    """A field that may know the outcome, with the evidence in words.

    `reason` is what the specification gives for it; empty where it gives none.
    """

    field: str
    check: Check
    evidence: str
    reason: str = ""

    def __str__(self) -> str:
        """One line for a report."""
        because = f" - allowed: {self.reason}" if self.reason else ""
        return f"{self.field} ({self.check}): {self.evidence}{because}"


def as_text(suspicions: Iterable[Suspicion]) -> str:
    """The suspicions line by line, with what to write into the specification if they are sound."""
    found = list(suspicions)
    lines = [f"  {suspicion}" for suspicion in found]
    checks: dict[str, dict[str, str]] = {}
    for s in found:
        checks.setdefault(s.field, {})[s.check] = f'{s.check} = "why this is sound"'
    allow = [f"  {field} = {{ {', '.join(words.values())} }}" for field, words in checks.items()]
    remedy = "remove the field, or say why it is sound:"
    return "\n".join([*lines, remedy, "  [guard.allow]", *allow])
