"""The answers, kept beside the book for judging models; no feature may read them.

`truth/hazard-NNN.parquet`: for each guarantee and month end in force before the fatal payment,
`default_intensity`, the probability of missing, in the next month, the payment that leads to
compensation, given the borrower's true state on that day and the economy to come.

`truth/outcome-NNN.parquet`: for each guarantee, `compensated_within_36_months`, the probability,
seen from the start, that the guarantor pays within 36 months of the start, and `log_risk`.

`truth/law.json`: what the book was drawn with, to make the same world again.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vouch.book.book import Book
from vouch.errors import BookError
from vouch.simulator.history import History
from vouch.simulator.ledger import Ledger
from vouch.simulator.months import Flags, Ints
from vouch.simulator.names import Texts

FOLDER = "truth"
_LAW = "law.json"


@dataclass(frozen=True)
class Law:
    """What a book was drawn with; the calibration beside the code says the rest."""

    seed: int
    first: date
    until: date
    intercept: float


def write_law(book: Book, law: Law) -> None:
    """Keep the law beside the book."""
    (book.path / FOLDER).mkdir(exist_ok=True)
    text = json.dumps(asdict(law), default=str, indent=1)
    (book.path / FOLDER / _LAW).write_text(text, encoding="utf-8")


def read_law(book: Book) -> Law:
    """The law that a book was drawn with.

    Raises:
        BookError: the book was not simulated.
    """
    path = book.path / FOLDER / _LAW
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        first, until = (date.fromisoformat(body[name]) for name in ("first", "until"))
        return Law(int(body["seed"]), first, until, float(body["intercept"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BookError(
            f"{path} does not say what the book was drawn with ({error}); only a book made by "
            "`vouch simulate` has a known truth"
        ) from error


def write_truth(book: Book, partition: int, past: History, ids: Texts, written: Ledger) -> None:
    """Write the truth of one partition beside the book."""
    folder = book.path / FOLDER
    folder.mkdir(exist_ok=True)
    hazard, outcome = hazards(past, ids, written), outcomes(past, ids)
    pq.write_table(hazard, folder / f"hazard-{partition:03d}.parquet", compression="zstd")
    pq.write_table(outcome, folder / f"outcome-{partition:03d}.parquet", compression="zstd")


def hazards(past: History, ids: Texts, written: Ledger) -> pa.Table:
    """The true monthly intensities."""
    intensity = past.outcomes.intensity
    width = intensity.shape[1]
    counts: Flags = written.is_open[:, :width]
    counts = counts & (written.month_end[:, :width] < past.outcomes.missed[:, None])
    row, column = np.nonzero(counts)
    days: Ints = written.month_end[row, column]
    return pa.table(
        {
            "guarantee_id": pa.array(ids[row], pa.string()),
            "month_end": pa.array(days.astype(np.int32)).view(pa.date32()),
            "default_intensity": intensity[row, column],
        }
    )


def outcomes(past: History, ids: Texts) -> pa.Table:
    """The true probabilities at the start."""
    return pa.table(
        {
            "guarantee_id": pa.array(ids, pa.string()),
            "compensated_within_36_months": past.outcomes.within_36_months,
            "log_risk": past.terms.log_risk,
        }
    )
