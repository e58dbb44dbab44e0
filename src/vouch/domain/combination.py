"""How signals of several sources strengthen each other."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from vouch.domain.alert import Severity, Signal


def subject(rule: str) -> str:
    """The source a rule draws on: the letters of its code.

    >>> subject("RP01"), subject("TX02")
    ('RP', 'TX')
    """
    return rule.rstrip("0123456789")


def combine(
    signals: Sequence[Signal], recent: Iterable[tuple[str, str]], left_out: Collection[str]
) -> list[Signal]:
    """The signals, with oranges of two distinct sources on one guarantee made red.

    Args:
        signals: one per guarantee and cause.
        recent: guarantee and rule of oranges (or worse) seen in the days that count.
        left_out: subjects that are no source of their own, such as a model fed by the others.
    """
    sources: dict[str, set[str]] = {}
    seen = ((s.guarantee_id, s.rule) for s in signals if s.severity >= Severity.ORANGE)
    for guarantee_id, rule in (*seen, *recent):
        if subject(rule) not in left_out:
            sources.setdefault(guarantee_id, set()).add(subject(rule))
    return [_strengthened(signal, sources.get(signal.guarantee_id, set())) for signal in signals]


def _strengthened(signal: Signal, sources: set[str]) -> Signal:
    others = sources - {subject(signal.rule)}
    if signal.severity is not Severity.ORANGE or not others or subject(signal.rule) not in sources:
        return signal
    return replace(signal, severity=Severity.RED, note="+".join(sorted(sources)))
