"""The inbox: files that arrived are imported, each once, and put away where they belong.

::

    inbox/                     what arrived; a file still being written is left alone
    inbox/<source>/            files of a source that its header does not tell
    inbox/done/<day>/          imported
    inbox/refused/<day>/       refused as a whole, with the reason in a file beside it

A file is moved only after its facts are in the book, so one whose import was cut off is read
again; facts that the book knows already are not added twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from vouch.book.book import Book
from vouch.book.ingest import Source, ingest
from vouch.book.sources import SOURCES
from vouch.book.tables import TABLES
from vouch.errors import BookError, SourceError

# Whoever puts a file here may still be writing it.
SETTLED_SECONDS = 5.0
DONE, REFUSED = "done", "refused"


@dataclass(frozen=True)
class Arrival:
    """What became of a file."""

    file: str
    source: str
    rows: int = 0
    accepted: int = 0
    already_known: int = 0
    quarantined: int = 0
    refused: str = ""

    @property
    def problem(self) -> str:
        """What the administrator should know, or nothing."""
        if self.refused:
            return f"{self.file} was refused: {self.refused}"
        if self.quarantined:
            return f"{self.file}: {self.quarantined} of {self.rows} rows were put in quarantine"
        if self.rows and self.already_known == self.rows:
            return f"{self.file} brought nothing new: the same feed twice?"
        return ""


def take_in(
    inbox: Path, book: Path, today: date, settled: float = SETTLED_SECONDS
) -> list[Arrival]:
    """Import every file of the inbox, oldest first.

    Args:
        inbox: the folder.
        book: the book's folder, made where there is none.
        today: no fact may lie after this day.
        settled: seconds since a file was last written, after which it counts as whole.
    """
    return [_take(path, source, inbox, book, today) for path, source in _waiting(inbox, settled)]


def _waiting(inbox: Path, settled: float) -> list[tuple[Path, str | None]]:
    if not inbox.is_dir():
        return []
    found: list[tuple[Path, str | None]] = [(path, None) for path in inbox.iterdir()]
    for name in SOURCES:
        if (inbox / name).is_dir():
            found += [(path, name) for path in (inbox / name).iterdir()]
    whole = [
        (path, name)
        for path, name in found
        if path.is_file()
        and not path.name.startswith(".")
        and time.time() - path.stat().st_mtime >= settled
    ]
    return sorted(whole, key=lambda item: (item[0].stat().st_mtime, item[0].name))


def _take(path: Path, name: str | None, inbox: Path, book: Path, today: date) -> Arrival:
    try:
        source = SOURCES[name] if name else _recognised(path)
        report = ingest(Book(book, create=True), source, [path], today)
    except SourceError as error:
        _put_away(path, inbox / REFUSED / today.isoformat(), str(error))
        return Arrival(path.name, name or "", refused=str(error))
    except BookError as error:  # another import came between: the file stays for the next round
        return Arrival(path.name, name or "", refused=f"{error} (it will be tried again)")
    _put_away(path, inbox / DONE / today.isoformat())
    return Arrival(
        file=path.name,
        source=source.name,
        rows=report.rows,
        accepted=report.accepted,
        already_known=report.already_known,
        quarantined=report.quarantined_rows,
    )


def _recognised(path: Path) -> Source:
    """The source whose file this is: by its name where it is a table's, else by its header."""
    stem = path.name.split(".")[0].strip().lower()
    if any(stem in (table.name, table.zh) for table in TABLES.values()):
        return SOURCES["vouch"]
    fitting = [source for source in SOURCES.values() if _recognises(source, path)]
    if len(fitting) != 1:
        what = "fits no source" if not fitting else "fits several sources"
        raise SourceError(
            f"its header {what}; put it into a folder of the inbox named after its source: "
            f"{', '.join(SOURCES)}"
        )
    return fitting[0]


def _recognises(source: Source, path: Path) -> bool:
    return any(source.recognises(header) for header in _headers(path))


def _headers(path: Path) -> Iterator[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding) as stream:
                yield [cell.strip().strip('"') for cell in stream.readline().split(",")]
        except (UnicodeDecodeError, OSError):
            continue


def _put_away(path: Path, folder: Path, reason: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    path.rename(target)
    if reason:
        (folder / f"{target.name}.reason.txt").write_text(reason + "\n", encoding="utf-8")
