"""What several commands share: their options, and how a report is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vouch.cli.terminal import say, say_json

BookOption = Annotated[Path, typer.Option("--book", help="Folder of the guarantee book")]
StageArgument = Annotated[str, typer.Argument(help="pre_loan, in_loan or post_loan")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]
SHOWN_FAULTS = 20


def show(report: Any, json_: bool) -> None:
    """Print a report: a line for each of its figures, or JSON."""
    body = {key: value for key, value in vars(report).items() if not key.startswith("_")}
    if json_:
        say_json(body)
        return
    for key, value in body.items():
        if value not in ([], {}):
            say(f"{key.replace('_', ' ')}: {_written(key, value)}")


def _written(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{k} {v:,}" if isinstance(v, int | float) else f"{k} {v}" for k, v in value.items()
        )
    if isinstance(value, list):
        return f"{len(value):,}: " + ", ".join(str(v) for v in value[:SHOWN_FAULTS])
    if key.endswith("rate"):
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)
