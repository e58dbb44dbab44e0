"""Official lists of codes with their names: regions (GB/T 2260), industries (GB/T 4754-2017)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from vouch.domain.dated import read_toml, read_validity
from vouch.errors import PolicyError


@dataclass(frozen=True)
class Entry:
    """One code with its names; `divisions` are an industry section's first and last."""

    code: str
    zh: str
    en: str
    divisions: tuple[int, int] | None = None


@dataclass(frozen=True)
class CodeList:
    """A list of codes as its standard has it."""

    standard: str
    effective_from: date
    source: str
    entries: Mapping[str, Entry]

    def region(self, code: str) -> Entry | None:
        """The city of a six-digit region code, else its province; None where neither is listed.

        The first two digits are the province: 14 is Shanxi 山西, 61 is Shaanxi 陕西.
        """
        if not re.fullmatch(r"[0-9]{6}", code):
            return None
        within = (code, f"{code[:4]}00", f"{code[:2]}0000")
        return next((self.entries[place] for place in within if place in self.entries), None)

    def section(self, code: str) -> Entry | None:
        """The section of an industry code such as F, F52 or F5211.

        None where the code is of another classification or its division is not of its section.
        """
        entry = self.entries.get(code[:1])
        if entry is None or not re.fullmatch(r"[A-T]([0-9]{2,4})?", code):
            return None
        if entry.divisions and len(code) > 1:
            first, last = entry.divisions
            return entry if first <= int(code[1:3]) <= last else None
        return entry

    def region_fault(self, code: str) -> str | None:
        """What is wrong with a region code, in words that follow it; None of other lists' codes.

        Only six digits are taken for a code of this standard, and only where the list has the
        cities of a province is the city held against it.
        """
        if not re.fullmatch(r"[0-9]{6}", code):
            return None
        found, province = self.region(code), f"{code[:2]}0000"
        if found is None:
            return f"is no region of {self.standard}: no province begins with {code[:2]}"
        if found.code != province or code == province:
            return None
        cities = [e for e in self.entries.values() if e.code[:2] == code[:2] and e.code != province]
        if not cities:
            return None
        known = ", ".join(f"{city.code} {city.zh}" for city in cities)
        return f"is of no city of {found.zh}; known are {known}"

    def section_fault(self, code: str) -> str | None:
        """What is wrong with an industry code, in words that follow it; None of others' codes."""
        if not re.fullmatch(r"[A-Z][0-9]{2,4}", code) or self.section(code):
            return None
        entry = self.entries.get(code[0])
        if entry is None:
            return f"is no industry of {self.standard}: there is no section {code[0]}"
        first, last = entry.divisions or (0, 99)
        return (
            f"is no industry of {self.standard}: section {code[0]} {entry.zh} has divisions "
            f"{first:02d} to {last:02d}"
        )


def read_code_list(path: Path) -> CodeList:
    """Read a list of codes: its standard, first day, source and one [[entry]] for each code.

    Raises:
        PolicyError: the file is missing or wrong.
    """
    body = read_toml(path)
    since, _, source = read_validity(body, str(path))
    if "standard" not in body or not body.get("entry"):
        raise PolicyError(f"{path}: needs a standard and at least one [[entry]]")
    entries: dict[str, Entry] = {}
    for number, row in enumerate(body["entry"], 1):
        entry = _entry(row, f"{path}: entry {number}")
        if entry.code in entries:
            raise PolicyError(f"{path}: entry {number} repeats the code {entry.code}")
        entries[entry.code] = entry
    return CodeList(str(body["standard"]), since, source, entries)


def _entry(row: Mapping[str, Any], place: str) -> Entry:
    try:
        divisions = row.get("divisions")
        pair = None if divisions is None else (int(divisions[0]), int(divisions[1]))
        return Entry(str(row["code"]), str(row["zh"]), str(row["en"]), pair)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise PolicyError(f"{place} has a wrong or missing {error}") from error
