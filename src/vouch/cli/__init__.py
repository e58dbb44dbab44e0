"""Every command. Heavy parts are imported when a command needs them, so that --help is quick."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from vouch.cli import (
    about,
    books,
    decisions,
    forecast,
    keeping,
    keys,
    models,
    portfolio,
    proof,
    running,
    schemes,
    warning,
    what_if,
)
from vouch.cli.terminal import warn
from vouch.errors import VouchError

app = typer.Typer(
    name="vouch",
    help="Default risk scores with exact reasons and 24-hour early warning for loan guarantors.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (books, models, decisions, what_if, running, portfolio, forecast, proof, about):
    app.add_typer(part.app)
app.add_typer(schemes.app, name="scheme")
app.add_typer(keys.app, name="keys")
app.add_typer(keeping.retention, name="retention")
app.add_typer(keeping.store, name="store")
app.add_typer(warning.app, name="warning")


def main() -> None:
    """Run the command line; an error a user can mend is one line, with exit code 1."""
    for extension in entry_points(group="vouch.commands"):
        extension.load()(app)
    try:
        app()
    except VouchError as error:
        warn(f"vouch: {error}")
        sys.exit(1)
