"""What warnings are worth: rankings beside three rules at one budget, month by month.

python -m benchmarks.warning [--data DIR] [--folder DIR] [--budget 2] [--json FILE]

The model learns from outcomes known before the year in which the signal model is fitted; both are
judged on a later year. Every method names up to `budget` guarantees per manager and look.
"""

from __future__ import annotations

import argparse
import json
import tomllib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from benchmarks.models import panel, province
from training.fit import seen_features
from training.frame import Frame
from training.run import make_bundle
from vouch.book.book import Book, Known
from vouch.book.ingest import ingest
from vouch.book.sources import SOURCES
from vouch.domain.calendar import month_ends
from vouch.domain.combination import combine
from vouch.features.asof import Floats
from vouch.features.describe import describe, partitions
from vouch.features.facts import EPOCH, Cases, Facts, Views, compute, to_days
from vouch.features.portfolio import PortfolioIndex
from vouch.features.spine import in_force, spine
from vouch.labels import outcomes
from vouch.policy.reading import Policy
from vouch.scoring.bundle import Bundle
from vouch.scoring.spec import Spec
from vouch.scoring.subject import exposure_of
from vouch.settings import Settings
from vouch.simulator import simulate
from vouch.warning.exposure import Schemes
from vouch.warning.rule import Snapshot, rules, signals
from vouch.warning.rules.model import days_back

ASSUMED: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
VOUCH, SHIPPED = "signal model", "watch as shipped"
RIVALS = ("days past due", "PD threshold", "level and change")
_RIDGE = 1.0
_FIRST_TERMS = date(2020, 1, 1)  # the card panel is older than the first terms of response


@dataclass(frozen=True)
class Period:
    """From when to when the model learns, the signal model is fitted, and all are judged."""

    learn: tuple[date, date]
    known_by: date
    fit: tuple[date, date]
    judge: tuple[date, date]


CARD = Period(
    (date(2015, 6, 30), date(2016, 6, 30)),
    date(2016, 12, 31),
    (date(2017, 1, 31), date(2017, 12, 31)),
    (date(2018, 7, 31), date(2019, 6, 30)),
)
PROVINCE = Period(
    (date(2018, 3, 31), date(2021, 12, 31)),
    date(2022, 6, 30),
    (date(2022, 7, 31), date(2023, 6, 30)),
    (date(2024, 1, 31), date(2024, 12, 31)),
)


@dataclass(frozen=True)
class Looks:
    """Every guarantee in force at every look, one row each; `signalled` has a column per rule."""

    guarantee: np.ndarray
    manager: np.ndarray
    day: Floats
    probability: Floats
    before: Floats
    days_past_due: Floats
    balance: Floats
    signalled: Floats
    shipped: Floats
    compensated_on: Floats
    paid: Floats

    @property
    def outcome(self) -> Floats:
        """Whether compensation follows within the horizon."""
        left = self.compensated_on - self.day
        return ((left > 0) & (left <= ASSUMED["horizon_days"])).astype(np.float64)


@dataclass(frozen=True)
class Told:
    """What a method told people: row numbers of the looks, and how many repeats were kept back."""

    rows: np.ndarray
    repeats: int


def learn(known: Known, period: Period) -> Bundle:
    """The post-loan model as specified, from quarter ends whose outcomes were known in time."""
    spec = Spec.read(Settings.from_env().models / "post_loan" / "spec.toml")
    cases = spine(known, "quarter_end", *period.learn)
    ends = [spec.horizon.end(day) for day in cases.table["as_of"].to_pylist()]
    outcome = outcomes(known, cases, ends)
    cases, outcome = cases.take(~np.isnan(outcome)), outcome[~np.isnan(outcome)]
    history = PortfolioIndex.of(known)
    wanted = list(dict.fromkeys([*spec.feature_names, *spec.limits]))
    frame = Frame(cases, describe(known, cases.cases, wanted, history), outcome, history)
    names = seen_features(frame.columns, spec.feature_names)
    return make_bundle(spec, Policy(), frame, names, period.known_by)


def look(known: Known, bundle: Bundle, since: date, until: date) -> Looks:
    """Look at the book at every month end from `since` to `until`."""
    policy, history = Policy(), PortfolioIndex.of(known)
    parts = []
    for day in month_ends(since, until):
        for cases, facts in partitions(known, in_force(known, [day]).cases):
            parts.append(_part(policy, bundle, history, day, cases, facts))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    paid = known.query(
        "SELECT guarantee_id, min(event_at) AS day, sum(amount)::DOUBLE AS paid "
        f"FROM {known.current('compensation')} GROUP BY 1"
    ).to_pylist()
    days = {row["guarantee_id"]: to_days(row["day"]) for row in paid}
    sums = {row["guarantee_id"]: row["paid"] for row in paid}
    names = columns[0].tolist()
    ends = np.array([days.get(name, np.nan) for name in names])
    return Looks(*columns, ends, np.array([sums.get(name, 0.0) for name in names]))


def _part(
    policy: Policy, bundle: Bundle, history: PortfolioIndex, day: date, cases: Cases, facts: Facts
) -> tuple[Any, ...]:
    views = Views(facts, cases, history)
    probability = _scored(bundle, cases, facts, history)
    starts = views.guarantee.number("start_on")
    back = days_back(policy, day)
    earlier = Cases(cases.guarantee_ids, cases.as_of - back)
    before = _scored(bundle, earlier, facts, history)
    before[~(earlier.as_of >= starts)] = np.nan
    scores = [
        np.where(np.isnan(p), np.nan, [bundle.scale.score(v) for v in np.nan_to_num(p, nan=0.5)])
        for p in (probability, before)
    ]
    snapshot = Snapshot(cases, views, scores[0], scores[1], probability)
    signalled, shipped = _signalled(policy, snapshot, views, day)
    managers = views.guarantee.text("manager_id")
    ids = np.array(cases.guarantee_ids, dtype=object)
    named = [m or f"M{_made_up(g)}" for m, g in zip(managers, ids, strict=True)]
    return (
        ids,
        np.array(named, dtype=object),
        cases.as_of,
        probability,
        before,
        np.nan_to_num(views.performance.last("days_past_due")),
        np.nan_to_num(views.performance.last("balance")),
        signalled,
        shipped,
    )


def _made_up(name: str) -> int:
    return zlib.crc32(name.encode()) % (30_000 // int(ASSUMED["card_clients_per_manager"]))


def _scored(bundle: Bundle, cases: Cases, facts: Facts, history: PortfolioIndex) -> Floats:
    features = compute(bundle.features, cases, facts, history)
    return np.array(bundle.probabilities(bundle.encoder.matrix(features)), dtype=np.float64)


def _signalled(
    policy: Policy, snapshot: Snapshot, views: Views, day: date
) -> tuple[Floats, Floats]:
    """How bad each rule finds each guarantee (0: silent), and what the watch values it at."""
    terms, schemes = policy.response(max(day, _FIRST_TERMS)), Schemes(policy, day)
    found = combine(signals(snapshot, policy, day), (), terms.left_out)
    names, ids = {code: n for n, code in enumerate(rules())}, snapshot.cases.guarantee_ids
    row_of = {name: row for row, name in enumerate(ids)}
    codes, starts = views.guarantee.text("scheme"), views.guarantee.number("start_on")
    amounts = views.guarantee.number("amount")
    balances = views.performance.last("balance")
    guaranteed = views.guarantee.number("guaranteed_amount")
    signalled, value = np.zeros((len(ids), len(names))), np.zeros(len(ids))
    expected: dict[int, float] = {}
    for signal in found:
        row = row_of[signal.guarantee_id]
        if row not in expected:
            exposure = exposure_of(amounts[row], balances[row], guaranteed[row])
            began = None if np.isnan(starts[row]) else EPOCH + timedelta(days=int(starts[row]))
            chance = float(snapshot.default_probabilities[row])
            expected[row] = float(schemes.expected(codes[row], began, chance, exposure).total)
        signalled[row, names[signal.rule]] = int(signal.severity)
        worth = terms.value(signal.severity, expected[row], signal.lead_days)
        # red goes out before everything else, whatever it is worth
        worth += 0.0 if terms.answers[signal.severity].may_be_held else 1e12
        value[row] = max(value[row], worth + 1e-9)
    return signalled, value


@dataclass(frozen=True)
class SignalModel:
    """The chance of compensation from the model's probability, its change, and what rules see."""

    weights: Floats
    scale: Floats
    power: float

    @classmethod
    def fitted(cls, looks: Looks, power: float) -> SignalModel:
        """A logistic regression with a ridge, the probability's own weight drawn towards one."""
        inputs = _inputs(looks)
        scale = np.maximum(inputs.std(axis=0), 1e-9)
        scale[:2] = 1.0
        x, y = inputs / scale, looks.outcome
        centre = np.zeros(x.shape[1])
        centre[1] = 1.0

        def loss(weights: Floats) -> tuple[float, Floats]:
            margin, off = x @ weights, (weights - centre) * (np.arange(len(weights)) > 0)
            value = np.logaddexp(0, margin).sum() - (y * margin).sum() + _RIDGE * (off**2).sum()
            return float(value), x.T @ (expit(margin) - y) + 2 * _RIDGE * off

        found = minimize(loss, centre, jac=True, method="L-BFGS-B").x
        return cls(np.asarray(found), scale, power)

    def value(self, looks: Looks) -> Floats:
        """Chance of compensation times (chance to act) ** power."""
        chance = expit(_inputs(looks) / self.scale @ self.weights)
        late = np.clip(looks.days_past_due / ASSUMED["full_chance_days"], 0, 0.99)
        found: Floats = chance * (1 - late) ** self.power
        return found


def _inputs(looks: Looks) -> Floats:
    margin = logit(np.clip(looks.probability, 1e-6, 1 - 1e-6))
    before = logit(np.clip(looks.before, 1e-6, 1 - 1e-6))
    change = np.where(np.isnan(before), 0.0, margin - np.nan_to_num(before))
    late = np.minimum(looks.days_past_due, 90) / 30
    worst = looks.signalled
    extra = [change, late, (worst > 0).sum(axis=1), (worst >= 3).sum(axis=1)]
    return np.column_stack([np.ones(len(margin)), margin, *extra, worst])


def rival_values(looks: Looks) -> dict[str, Floats]:
    """What each rule orders by; nothing at or below 0 is told of."""
    policy = Policy()
    fall = policy.rule("MD01", date(2024, 1, 1)).thresholds
    scale = policy.scale
    now, then = (
        np.array([scale.score(p) if p == p else np.nan for p in values.tolist()])
        for values in (looks.probability, looks.before)
    )
    fallen = (then - now >= fall["score_fall"]) & (now <= fall["score_at_most"])
    due = looks.days_past_due * 1e3 + looks.balance / max(looks.balance.max(), 1.0)
    return {
        "days past due": np.where(looks.days_past_due > 0, due, 0.0),
        "PD threshold": looks.probability,
        "level and change": np.where(fallen, looks.probability, 0.0),
    }


def tell(looks: Looks, value: Floats, budget: int) -> Told:
    """Up to `budget` guarantees per manager and look, the most valuable first, none again soon."""
    last: dict[str, float] = {}
    told, repeats = [], 0
    order = np.lexsort((-value, looks.manager.astype(str), looks.day))
    room: dict[tuple[str, float], int] = {}
    for row in order[value[order] > 0].tolist():
        key, name, day = (looks.manager[row], looks.day[row]), looks.guarantee[row], looks.day[row]
        if room.setdefault(key, budget) == 0:
            continue
        if name in last and day - last[name] < ASSUMED["quiet_days"]:
            repeats += 1
            continue
        room[key] -= 1
        last[name] = day
        told.append(row)
    return Told(np.array(told, dtype=np.int64), repeats)


def tell_as_many(looks: Looks, value: Floats, budget: int, count: int) -> Told:
    """The same above the threshold of value that spends `count` alerts, or just less."""
    levels = np.unique(value[value > 0])
    low, high = 0, len(levels)
    while low < high:
        middle = (low + high) // 2
        fewer = tell(looks, np.where(value >= levels[middle], value, 0.0), budget)
        low, high = (low, middle) if len(fewer.rows) <= count else (middle + 1, high)
    level = levels[low] if low < len(levels) else np.inf
    return tell(looks, np.where(value >= level, value, 0.0), budget)


def figures(looks: Looks, told: Told) -> dict[str, float]:
    """Precision, recall, lead time, false alerts, repeats."""
    rows, hit = told.rows, looks.outcome[told.rows] > 0
    lead = (looks.compensated_on - looks.day)[rows][hit]
    bad = set(looks.guarantee[looks.outcome > 0].tolist())
    quartiles = np.quantile(lead, [0.25, 0.5, 0.75]) if len(lead) else [np.nan] * 3
    officers, days = len(set(looks.manager.tolist())), np.ptp(looks.day) + 30
    return {
        "told": float(len(rows)),
        "precision": float(hit.mean()) if len(rows) else float("nan"),
        "recall": len(set(looks.guarantee[rows][hit].tolist())) / max(len(bad), 1),
        "lead_25": float(quartiles[0]),
        "lead_50": float(quartiles[1]),
        "lead_75": float(quartiles[2]),
        "false_per_officer_and_day": float((~hit).sum() / officers / days),
        "duplicates": float(_duplicates(looks, rows)),
        "repeats_kept_back": float(told.repeats),
        **_avoidable(looks, rows[hit]),
    }


def _duplicates(looks: Looks, rows: np.ndarray) -> int:
    seen: dict[str, list[float]] = {}
    for row in rows.tolist():
        seen.setdefault(looks.guarantee[row], []).append(looks.day[row])
    gaps = [np.diff(sorted(days)) for days in seen.values()]
    return sum(int((gap < ASSUMED["quiet_days"]).sum()) for gap in gaps)


def _avoidable(looks: Looks, rows: np.ndarray) -> dict[str, float]:
    """Compensation avoidable, in yuan, where an alert is answered fast and where slowly."""
    left = (looks.compensated_on - looks.day)[rows]
    found = {}
    for name in ("fast", "slow"):
        chance = np.clip((left - ASSUMED[f"{name}_days"]) / ASSUMED["full_chance_days"], 0, 1)
        found[f"avoidable_{name}"] = float(
            (ASSUMED["avoidable_share"] * chance * looks.paid[rows]).sum()
        )
    return found


def paired(looks: Looks, ours: Told, theirs: Told) -> dict[str, list[float]]:
    """Differences of precision and median lead time: 2.5 %, 50 % and 97.5 % over guarantees."""
    names, index = np.unique(looks.guarantee.astype(str), return_inverse=True)
    rng = np.random.default_rng(7)
    lead, hits = looks.compensated_on - looks.day, looks.outcome > 0
    draws: dict[str, list[float]] = {"precision": [], "lead_50": []}
    for _ in range(int(ASSUMED["draws"])):
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
        both = []
        for told in (ours, theirs):
            weight, hit = times[index[told.rows]], hits[told.rows]
            leads = np.repeat(lead[told.rows][hit], weight[hit])
            middle = float(np.median(leads)) if len(leads) else np.nan
            both.append((weight[hit].sum() / max(weight.sum(), 1), middle))
        draws["precision"].append(both[0][0] - both[1][0])
        draws["lead_50"].append(both[0][1] - both[1][1])
    return {name: np.nanquantile(v, [0.025, 0.5, 0.975]).tolist() for name, v in draws.items()}


def chosen(looks: Looks, budget: int) -> tuple[SignalModel, list[dict[str, float]]]:
    """The signal model with the power that did best on the later half of the year it is fitted on.

    Best: the one that loses least precision against any rule at as many alerts, then the longest
    median lead.
    """
    middle = np.median(np.unique(looks.day))
    first, second = _rows(looks, looks.day <= middle), _rows(looks, looks.day > middle)
    rivals = {name: tell(second, v, budget) for name, v in rival_values(second).items()}
    tried = []
    for power in (0.0, 0.5, 1.0, 2.0, 4.0):
        value = SignalModel.fitted(first, power).value(second)
        gains, leads = zip(
            *(_gain(second, value, told, budget) for told in rivals.values()), strict=True
        )
        tried.append({"power": power, "least_gain": min(gains), "least_lead_gain": min(leads)})
    good = [t for t in tried if t["least_gain"] >= 0] or [
        max(tried, key=lambda t: (t["least_gain"], -t["power"]))
    ]
    best = max(good, key=lambda t: (t["least_lead_gain"], -t["power"]))
    return SignalModel.fitted(looks, best["power"]), tried


def _gain(looks: Looks, value: Floats, theirs: Told, budget: int) -> tuple[float, float]:
    """Precision and median lead beyond a rule's, at as many alerts."""
    ours = figures(looks, tell_as_many(looks, value, budget, len(theirs.rows)))
    rule = figures(looks, theirs)
    return ours["precision"] - rule["precision"], ours["lead_50"] - rule["lead_50"]


def _rows(looks: Looks, mask: np.ndarray) -> Looks:
    return Looks(**{name: values[mask] for name, values in vars(looks).items()})


def compare(book: Book, period: Period, budget: int) -> dict[str, Any]:
    """Everything measured on one book."""
    last = book.newest_known_at
    assert last is not None
    known = book.known(last)
    bundle = learn(book.known(period.known_by), period)
    earlier, looks = look(known, bundle, *period.fit), look(known, bundle, *period.judge)
    model, tried = chosen(earlier, budget)
    values = {VOUCH: model.value(looks), SHIPPED: looks.shipped, **rival_values(looks)}
    told = {name: tell(looks, value, budget) for name, value in values.items()}
    return {
        "rows": len(looks.day),
        "guarantees": len(set(looks.guarantee.tolist())),
        "managers": len(set(looks.manager.tolist())),
        "power": model.power,
        "tried": tried,
        "figures": {name: figures(looks, found) for name, found in told.items()},
        "at_as_many": {
            f"{ours} as many as {theirs}": _at_as_many(looks, values[ours], told[theirs], budget)
            for ours in (VOUCH, SHIPPED)
            for theirs in RIVALS
        },
    }


def _at_as_many(looks: Looks, value: Floats, theirs: Told, budget: int) -> dict[str, Any]:
    ours = tell_as_many(looks, value, budget, len(theirs.rows))
    return {
        "ours": figures(looks, ours),
        "theirs": figures(looks, theirs),
        "differences": paired(looks, ours, theirs),
    }


def books(data: Path, folder: Path) -> dict[str, Callable[[], Book]]:
    """The two books, made where the folder does not hold them yet."""

    def card() -> Book:
        book = Book(folder / "monthly-status", create=True)
        if not book.commits():
            files = [data / panel.STATUS, data / panel.APPLICATIONS]
            ingest(book, SOURCES["monthly-status"], files, date(2026, 1, 1))
        return book

    def simulated() -> Book:
        book = Book(folder / "province", create=True)
        if not book.commits():
            first, last = date(2014, 1, 1), date(2025, 6, 30)
            simulate(book, province.GUARANTEES, province.SEED, first=first, until=last)
        return book

    return {"card panel": card, "province": simulated}


def show(name: str, found: Mapping[str, Any]) -> None:
    """The table of one book."""
    print(
        f"\n{name}: {found['rows']:,} looks at {found['guarantees']:,} guarantees, "
        f"{found['managers']} managers"
    )
    print(
        "| method | told | precision | recall | lead 25/50/75 days | false/officer/day | "
        "duplicates | repeats kept back | avoidable 24 h | 10 working days |"
    )
    print("|" + "---|" * 10)
    for method, f in found["figures"].items():
        print(
            f"| {method} | {f['told']:.0f} | {f['precision']:.1%} | {f['recall']:.1%} | "
            f"{f['lead_25']:.0f}/{f['lead_50']:.0f}/{f['lead_75']:.0f} | "
            f"{f['false_per_officer_and_day']:.4f} | {f['duplicates']:.0f} | "
            f"{f['repeats_kept_back']:.0f} | {f['avoidable_fast']:,.0f} | {f['avoidable_slow']:,.0f} |"  # noqa: E501
        )
    for pair, at in found["at_as_many"].items():
        precision, lead = at["differences"]["precision"], at["differences"]["lead_50"]
        print(
            f"{pair}: {at['ours']['told']:.0f} told, precision {at['ours']['precision']:.1%} "
            f"against {at['theirs']['precision']:.1%}, median lead {at['ours']['lead_50']:.0f} "
            f"against {at['theirs']['lead_50']:.0f} d; precision {precision[1]:+.1%} [{precision[0]:+.1%}, {precision[2]:+.1%}], "  # noqa: E501
            f"median lead {lead[1]:+.0f} d [{lead[0]:+.0f}, {lead[2]:+.0f}]"
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print, as JSON too where a file is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warning")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, default=Path(".benchmarks"))
    parser.add_argument("--budget", type=int, default=2)
    parser.add_argument("--only", choices=["card panel", "province"])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(argv)
    found = {}
    for name, make in books(asked.data, asked.folder).items():
        if asked.only in (None, name):
            period = CARD if name == "card panel" else PROVINCE
            found[name] = compare(make(), period, asked.budget)
            show(name, found[name])
            if asked.json:
                asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
