"""What every command needs of the terminal: words, JSON, progress, dates."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import typer

from vouch.domain.stage import Stage
from vouch.errors import VouchError


class UsageError(VouchError):
    """A command was called with a value it cannot use."""


def say(text: str = "") -> None:
    """A line for a person, on standard output."""
    typer.echo(text)


def warn(text: str) -> None:
    """A line for a person, on standard error."""
    typer.echo(text, err=True)


def say_json(body: Any) -> None:
    """JSON for a program, on standard output; a figure that is not a number becomes null."""
    typer.echo(json.dumps(_finite(body), ensure_ascii=False, indent=1, default=str))


def _finite(body: Any) -> Any:
    if isinstance(body, dict):
        return {key: _finite(value) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [_finite(value) for value in body]
    return None if isinstance(body, float) and not math.isfinite(body) else body


def day(text: str | None) -> date | None:
    """Read a date option.

    Raises:
        UsageError: it is not a date.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date; write it as YYYY-MM-DD") from None


def required_day(text: str) -> date:
    """Read a date option that must be given."""
    found = day(text)
    assert found is not None  # noqa: S101 - narrows the type; typer requires the option
    return found


def parsed_stage(text: str) -> Stage:
    """Read a stage argument.

    Raises:
        UsageError: there is no such stage.
    """
    try:
        return Stage.parse(text)
    except ValueError:
        known = ", ".join(stage.value for stage in Stage)
        raise UsageError(f"there is no stage {text!r}; the stages are {known}") from None


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, shown to people only; yields `step(done, total)`."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
