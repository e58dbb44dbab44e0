"""The commands that training adds to `vouch`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: Any) -> None:
    """Add the training commands to the command line."""
    app.command("train")(train_command)


def train_command(
    stage: Annotated[str, typer.Argument(help="pre_loan, in_loan or post_loan")],
    book: Annotated[Path, typer.Option(help="The guarantee book to learn from")],
    until: Annotated[
        str | None, typer.Option(help="Use only what was known by this day, YYYY-MM-DD")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Train a stage's model and register it as a new version."""
    from training.run import train
    from vouch import clock
    from vouch.book.book import Book
    from vouch.cli.terminal import day, parsed_stage, progress, say, say_json
    from vouch.policy.reading import Policy
    from vouch.scoring.registry import Registry
    from vouch.scoring.spec import Spec
    from vouch.settings import Settings

    settings = Settings.from_env()
    chosen = parsed_stage(stage)
    spec = Spec.read(settings.models / chosen.value / "spec.toml")
    last: date = day(until) or clock.today()
    with progress(f"training {chosen.value}") as step:
        made = train(
            Book(book),
            spec,
            Policy(settings.policy),
            Registry(settings.mlflow_tracking_uri, settings.home / "cache"),
            last,
            step,
        )
    if json_:
        say_json(made.summary())
        return
    f = made.judgement.figures
    say(f"{chosen.model_name} version {made.version} registered (run {made.run_id})")
    say(
        f"  learnt from {made.bundle.training.rows:,} cases, "
        f"{made.bundle.training.compensated:,} compensated"
    )
    say(f"  judged {made.judgement.method.replace('_', ' ')} on {made.judgement.rows:,} cases:")
    for name, figure in f.items():
        say(f"  {name:15s} {figure.value:8.4f}  [{figure.low:.4f}, {figure.high:.4f}]")
    for gate in made.failed_gates:
        say(f"  gate not passed: {gate}")
