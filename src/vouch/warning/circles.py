"""Circles of borrowers that stand or fall together: one group, or security given for each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vouch.book.book import Known

# Whoever secures more borrowers than this does it for a living and ties none of them together.
MOST_SECURED = 30


@dataclass(frozen=True)
class Circles:
    """The circle of every borrower that is in one; a circle is called by its first member."""

    members: pa.Array
    names: pa.Array

    @classmethod
    def of(cls, known: Known) -> Circles:
        """The circles as known: groups, and who gave counter-security (反担保) for whom."""
        ties = known.query(
            _TIES.format(
                borrower=known.current("borrower"),
                guarantee=known.current("guarantee"),
                counter=known.current("counter_guarantee"),
                most=MOST_SECURED,
            )
        )
        size = ties.num_rows
        ends = pa.chunked_array([*ties["a"].chunks, *ties["b"].chunks], pa.string())
        coded = ends.combine_chunks().dictionary_encode()
        numbers, nodes = coded.indices.to_numpy(), coded.dictionary
        if not size:
            return cls(nodes, nodes)
        shape = (len(nodes), len(nodes))
        graph = coo_array((np.ones(size, bool), (numbers[:size], numbers[size:])), shape)
        labels = connected_components(graph, directed=False)[1]
        order = np.argsort(nodes.to_numpy(zero_copy_only=False).astype(str), kind="stable")
        first = np.empty(labels.max() + 1, dtype=np.int64)
        first[labels[order[::-1]]] = order[::-1]
        return cls(nodes, nodes.take(pa.array(first[labels])))

    def names_of(self, borrower_ids: Sequence[str | None]) -> list[str | None]:
        """The circle of each borrower, or the borrower where it is in none."""
        wanted = pa.array(borrower_ids, pa.string())
        found = pa.compute.index_in(wanted, value_set=self.members)
        named = self.names.take(found)
        return list(pa.compute.coalesce(named, wanted).to_pylist())


_TIES = """
    SELECT borrower_id AS a, 'group ' || group_id AS b FROM {borrower} WHERE group_id IS NOT NULL
    UNION ALL
    SELECT g.borrower_id AS a, c.provider_id AS b
    FROM {counter} c JOIN {guarantee} g USING (guarantee_id)
    WHERE c.provider_id IS NOT NULL AND c.provider_id IN (
        SELECT provider_id FROM {counter} JOIN {guarantee} USING (guarantee_id)
        GROUP BY 1 HAVING count(DISTINCT borrower_id) <= {most})
"""
