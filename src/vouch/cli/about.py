"""What Vouch is: features, settings, documents, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vouch.cli.options import JsonOption
from vouch.cli.terminal import say, say_json
from vouch.errors import VouchError
from vouch.settings import Settings

app = typer.Typer()


@app.command()
def features(json_: JsonOption = False) -> None:
    """List every feature with its meaning."""
    from vouch.features.registry import features as declared

    found = declared().values()
    if json_:
        say_json(
            [
                {"name": f.name, "zh": f.zh, "en": f.en, "unit": f.unit, "about": f.about}
                for f in found
            ]
        )
        return
    for f in found:
        say(f"{f.name:32s} {f.zh}\n{'':32s} {f.about.splitlines()[0]}")


@app.command()
def settings(json_: JsonOption = False) -> None:
    """List every setting, its value and meaning; secrets are masked."""
    found = Settings.from_env().listed()
    if json_:
        say_json(found)
        return
    for row in found:
        say(f"{row['variable']}={row['value']}\n    {row['about']}")


@app.command()
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether they are current")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where the documents stand")] = Path("docs"),
) -> None:
    """Write the documents that are generated from the code."""
    from vouch.documents import stale, write

    if not check:
        write(folder)
    elif old := stale(folder):
        raise VouchError(f"{', '.join(old)} no longer say what the code does; run `vouch docs`")


@app.command()
def demo(
    serve_: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Leave the service running at the end")
    ] = True,
    guarantees: Annotated[int, typer.Option(help="Size of the simulated book")] = 20_000,
) -> None:
    """Show the whole thing: simulate, train, promote, score with reasons, warn, serve."""
    from vouch.cli.demo import run

    run(Settings.from_env(), guarantees, serve_)
