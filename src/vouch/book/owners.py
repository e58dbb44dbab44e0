"""Whose guarantee it is, as the book has it on a day; kept small, since a service holds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vouch.book.book import Known
from vouch.domain.access import Institution, Level


@dataclass(frozen=True)
class Owners:
    """The guarantor and the lender of every guarantee known on a day.

    `names` are the guarantees' identifiers in UTF-8, sorted; `codes` the place of each one's
    institution in `institutions`, -1 for none, by level.
    """

    day: date
    names: NDArray[np.bytes_]
    codes: dict[Level, NDArray[np.int32]]
    institutions: dict[Level, dict[str, int]]

    @classmethod
    def of(cls, known: Known) -> Owners:
        """Read them through the door."""
        table = known.query(
            f"SELECT guarantee_id, guarantor_id, lender_id FROM {known.current('guarantee')} "
            f"WHERE event_at <= DATE '{known.as_of}'"
        )
        names = np.array([name.encode() for name in table["guarantee_id"].to_pylist()], dtype="S")
        order = np.argsort(names)
        codes, institutions = {}, {}
        for level in (Level.GUARANTOR, Level.LENDER):
            column = table[f"{level.value}_id"].combine_chunks().dictionary_encode()
            found: Any = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            codes[level] = found.astype(np.int32)[order]
            institutions[level] = {name: i for i, name in enumerate(column.dictionary.to_pylist())}
        return cls(known.as_of, names[order], codes, institutions)

    def is_own(self, guarantee_id: str, institution: Institution) -> bool:
        """Whether the guarantee is known and the institution's to see."""
        name = guarantee_id.encode()
        place = int(np.searchsorted(self.names, np.bytes_(name)))
        if place == len(self.names) or self.names[place] != name:
            return False
        if institution.level is Level.PROVINCE:
            return True
        code = self.institutions[institution.level].get(institution.id)
        return code is not None and int(self.codes[institution.level][place]) == code
