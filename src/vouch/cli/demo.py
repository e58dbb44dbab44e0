"""`vouch demo`: the main job from nothing to a running service, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from email import policy as mail_policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from vouch import clock
from vouch.book.book import Book
from vouch.bootstrap import Vouch, build
from vouch.cli.terminal import say
from vouch.domain.stage import Stage
from vouch.service.serve import environment, serve
from vouch.settings import Settings

_SEED = 1
_SHOWN_REASONS = 8


def run(settings: Settings, guarantees: int, leave_serving: bool) -> None:
    """Simulate, train, promote, score with reasons, warn, serve; every step is a real command."""
    settings = _own_folder(settings)
    started = time.monotonic()
    book = str(settings.book)
    _step("A province's guarantee book 模拟一个省的担保业务")
    _vouch(
        settings, "simulate", "--guarantees", str(guarantees), "--seed", str(_SEED), "--book", book
    )
    for stage in Stage:
        _step(f"Train and promote {stage.value} 训练并上线")
        made = json.loads(
            _vouch(settings, "train", stage.value, "--book", book, "--json", quiet=True)
        )
        say(f"  version {made['version']}: {_figures(made)}")
        _vouch(settings, "promote", stage.value, "--version", made["version"])
    parts = build(settings)
    _step("One application scored 一笔申请的评分与理由")
    _show_example(parts, Book(settings.book))
    _step("Early warning 风险预警")
    _watch(settings, parts)
    say(f"\nDone in {time.monotonic() - started:.0f} s; everything is in {settings.home}")
    if leave_serving:
        _step("Score service 评分服务 (Ctrl-C ends it)")
        words = ("keys", "create", "demo", "--role", "risk", "--json")
        key = json.loads(_vouch(settings, *words, quiet=True))["key"]
        say(f"  {_curl(settings, key)}\n")
        serve(settings)


def _curl(settings: Settings, key: str) -> str:
    """The line to paste once the service answers: it scores one guarantee of the demo's book."""
    book = Book(settings.book)
    newest = book.known(book.newest_known_at or clock.today())
    query = f"SELECT guarantee_id FROM {newest.current('guarantee')} ORDER BY event_at DESC LIMIT 1"
    body = json.dumps({"guarantee_id": newest.query(query)["guarantee_id"][0].as_py()})
    return (
        f"curl -s http://127.0.0.1:{settings.port}/v1/pre-loan/score "
        f"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'"
    )


def _own_folder(settings: Settings) -> Settings:
    """A folder that the demo may empty, apart from everything else Vouch has written."""
    home = settings.home / "demo"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return replace(
        settings,
        home=home,
        book=home / "book",
        store_url=f"sqlite:///{home / 'vouch.db'}",
        mlflow_tracking_uri=f"sqlite:///{home / 'mlflow' / 'mlflow.db'}",
        champions=home / "champions",
        packed=False,
    )


def _vouch(settings: Settings, *words: str, quiet: bool = False) -> str:
    """Run a command the way a user would, and show it."""
    say(f"$ vouch {' '.join(words)}")
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, "-m", "vouch", *words],
        env=environment(settings, os.environ),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)
    if not quiet:
        say("".join(f"  {line}\n" for line in done.stdout.splitlines()).rstrip())
    return done.stdout


def _step(title: str) -> None:
    say(f"\n── {title} ──")


def _figures(made: dict[str, Any]) -> str:
    low, high = made["auc_interval"]
    return (
        f"AUC {made['auc']:.3f} [{low:.3f}, {high:.3f}], KS {made['ks']:.3f}, "
        f"predicted {made['mean_predicted']:.2%}, observed {made['observed']:.2%} "
        f"({made['validation'].replace('_', ' ')}, {made['validation_rows']:,} cases)"
    )


def _show_example(parts: Vouch, book: Book) -> None:
    from vouch.book.case import case_facts
    from vouch.features.facts import Facts
    from vouch.features.spine import one, spine
    from vouch.scoring.advised import outcome_words
    from vouch.scoring.decision import decide

    bundle = parts.champion(Stage.PRE_LOAN)
    newest = book.newest_known_at or clock.today()
    latest = spine(book.known(newest), "application", newest.replace(day=1), newest).table
    guarantee_id, day = latest["guarantee_id"][-1].as_py(), latest["as_of"][-1].as_py()
    known = book.known(day)
    facts = Facts.of(known, [guarantee_id])
    case = one(guarantee_id, day)
    (decision,) = decide(
        bundle, parts.policy, case, facts, parts.held_book.portfolio(), None, parts.held_book.states
    )
    amount = case_facts(book, guarantee_id)["guarantee"]["amount"]
    say(f"  {guarantee_id}, applied for {float(amount):,.2f} on {day}")
    say(
        f"  default probability {decision.default_probability:.2%}, score {decision.score}, "
        f"grade {decision.grade} ({decision.band}), model version {decision.model.version}"
    )
    say(f"  {decision.base_points:+5d}  base 基础分")
    for reason in decision.reasons[:_SHOWN_REASONS]:
        say(f"  {reason.points:+5d}  {reason.zh}\n         {reason.en}")
    rest = sum(reason.points for reason in decision.reasons[_SHOWN_REASONS:])
    say(f"  {rest:+5d}  all other reasons 其他理由\n  {decision.score:5d}  score 评分")
    if decision.advice:
        say(f"  decision 决策: {outcome_words(decision.advice.outcome)}")
        for finding in decision.advice.findings:
            say(f"    {finding.rule}: {finding.zh}\n      {finding.en}")
    expected = decision.expected_compensation
    say(f"  expected compensation 预期代偿 {expected.total:,} under {expected.scheme}:")
    for party, part in (expected.by_party or {}).items():
        say(f"    {party.value:18s} {part:>12,}")


def _watch(settings: Settings, parts: Vouch) -> None:
    as_of = str(Book(settings.book).newest_known_at)
    for _ in range(2):  # the second run has nothing to say
        _vouch(settings, "watch", "--once", "--as-of", as_of, "--book", str(settings.book))
    mails = sorted((settings.home / "outbox").glob("*.eml"))
    say(f"  {len(mails)} mails in {settings.home / 'outbox'}; one of them:")
    if mails:
        say(_readable(min(mails, key=lambda path: path.stat().st_size)))


def _readable(path: Path) -> str:
    with path.open("rb") as stream:
        mail = BytesParser(policy=mail_policy.default).parse(stream)
    body = mail.get_body(("plain",))
    text = body.get_content() if body else ""
    lines = [f"To: {mail['To']}", f"Subject: {mail['Subject']}", "", *text.splitlines()]
    return "\n".join(f"  | {line}" for line in lines)
