"""What a protocol measured, with the code that measured it, kept so that a long run can go on.

A protocol is measured again wherever the code, the libraries or the options are not the very same:
figures of different code never stand in one table unsaid.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models.comparison import Result
from benchmarks.models.rows import Protocol

ROOT = Path(__file__).parents[2]

# Whatever can move a figure: what makes rows and fields, what fits, what is fitted, with what.
_SHARED = [
    *(f"benchmarks/models/{part}.py" for part in ("comparison", "ours", "peers", "rows")),
    *(
        f"training/{part}.py"
        for part in ("causes", "fit", "frame", "run", "running", "split", "strength")
    ),
    *(f"src/vouch/{part}" for part in ("book", "domain", "features", "labels.py", "policy")),
    *(f"src/vouch/scoring/{part}.py" for part in ("bundle", "causes", "encode", "linear", "spec")),
    *("src/vouch/monitoring/performance.py", "requirements.lock", "requirements-peers.lock"),
]
_OF_FILES = [f"benchmarks/models/{part}" for part in ("sba.py", "panel.py", "taiwan.py", "specs")]
_OF_THE_PROVINCE = ["benchmarks/models/province.py", "models", "src/vouch/simulator"]
_READ = (".py", ".toml", ".lock")


@dataclass(frozen=True)
class Stamp:
    """Which code measured: a hash over it, the commit it stood at, and the options of the run."""

    code: str
    commit: str
    options: Mapping[str, int]


@dataclass(frozen=True)
class Measured:
    """A protocol's question, its rows and what every model made of them."""

    name: str
    about: str
    learnt: int
    judged: int
    bad: float
    stamp: Stamp
    results: Sequence[Result]

    @classmethod
    def of(cls, protocol: Protocol, results: Sequence[Result], stamp: Stamp) -> Measured:
        """From a protocol just measured; rows learnt from are the mean of its folds."""
        learnt = sum(len(fold.learn.outcome) for fold in protocol.folds) // len(protocol.folds)
        judged = np.concatenate([fold.judge.outcome for fold in protocol.folds])
        bad = float(judged.mean())
        return cls(protocol.name, protocol.about, learnt, len(judged), bad, stamp, results)


def stamp(protocol: str, options: Mapping[str, int], root: Path = ROOT) -> Stamp:
    """The stamp of a protocol's code as it lies there now."""
    own = _OF_THE_PROVINCE if protocol.startswith("province") else _OF_FILES
    digest = hashlib.sha256()
    for path in _sources(root, [*_SHARED, *own]):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return Stamp(digest.hexdigest()[:12], _commit(root), dict(options))


def _sources(root: Path, places: Sequence[str]) -> Iterator[Path]:
    for place in places:
        whole = root / place
        found = [whole] if whole.is_file() else sorted(whole.rglob("*"))
        yield from (path for path in found if path.is_file() and path.suffix in _READ)


def _commit(root: Path) -> str:
    """The commit, "+" behind it where files differ from it; "unknown" without git."""
    try:
        words = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
        found = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def keep(measured: Measured, folder: Path) -> None:
    """Write one protocol; a run cut short leaves the others as they were."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{measured.name}.draft"
    draft.write_text(json.dumps(asdict(measured), indent=1), encoding="utf-8")
    draft.replace(folder / f"{measured.name}.json")


def kept(
    name: str, wanted: Stamp, folder: Path | None, of_any_code: bool = False
) -> Measured | None:
    """What an earlier run of the very same code and options measured; None where there is none.

    Args:
        of_any_code: take what other code measured as well; its stamp says which.
    """
    path = folder / f"{name}.json" if folder else None
    if path is None or not path.exists():
        return None
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    found = Stamp(**body["stamp"])
    if not of_any_code and (found.code, found.options) != (wanted.code, wanted.options):
        return None
    results = [Result(**row | {"difference": _interval(row)}) for row in body["results"]]
    return Measured(**body | {"stamp": found, "results": results})


def _interval(row: Mapping[str, Any]) -> tuple[float, float, float] | None:
    return tuple(row["difference"]) if row["difference"] else None
