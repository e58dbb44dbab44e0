"""The tables of the benchmark, as they stand in docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def show(name: str, found: Mapping[str, Any]) -> None:
    """Both tables of one book."""
    print(
        f"\n{name}: {found['looks']:,} looks at {found['guarantees']:,} guarantees, "
        f"{found['managers']} managers, {found['compensated']} compensated in time\n"
    )
    _table(
        "method | told | precision | recall | lead 25/50/75 days | false/officer/day | "
        "duplicates | avoidable, 24 hours | 10 working days",
        [_method(method, f) for method, f in found["figures"].items()],
    )
    _table(
        "as many as | told | precision: watch, rule | difference, points | median lead: watch, "
        "rule | difference, days | mean lead, days",
        [_against(rule, at) for rule, at in found["at_as_many"].items()],
    )


def _table(head: str, rows: Sequence[str]) -> None:
    print(f"| {head} |")
    print("|" + "---|" * (head.count("|") + 1))
    for row in rows:
        print(f"| {row} |")
    print()


def _method(method: str, f: Mapping[str, float]) -> str:
    return (
        f"{method} | {f['told']:,.0f} | {f['precision']:.2%} | {f['recall']:.1%} | "
        f"{f['lead_25']:.0f}/{f['lead_50']:.0f}/{f['lead_75']:.0f} | "
        f"{f['false_per_officer_and_day']:.3f} | {f['duplicates']:,.0f} | "
        f"{f['avoidable_fast'] / 1e6:.1f} m | {f['avoidable_slow'] / 1e6:.1f} m"
    )


def _against(rule: str, at: Mapping[str, Any]) -> str:
    mine, theirs, apart = at["ours"], at["theirs"], at["differences"]
    points = [100 * value for value in apart["precision"]]
    lead, mean = apart["lead_50"], apart["lead_mean"]
    return (
        f"{rule} | {mine['told']:,.0f} | {mine['precision']:.2%}, {theirs['precision']:.2%} | "
        f"{points[1]:+.2f} [{points[0]:+.2f}, {points[2]:+.2f}] | "
        f"{mine['lead_50']:.0f}, {theirs['lead_50']:.0f} | "
        f"{lead[1]:+.0f} [{lead[0]:+.0f}, {lead[2]:+.0f}] | "
        f"{mean[1]:+.1f} [{mean[0]:+.1f}, {mean[2]:+.1f}]"
    )
