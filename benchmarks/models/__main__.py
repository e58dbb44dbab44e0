"""Run protocols and print, as JSON, as a report where asked."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.models import panel, province, report, sba, taiwan
from benchmarks.models.comparison import compare
from benchmarks.models.kept import Measured, keep, kept, stamp
from benchmarks.models.peers import Peer, peers
from benchmarks.models.rows import Protocol

PROTOCOLS: Mapping[str, Callable[[Path, Path], Protocol]] = {
    "sba36-crisis": sba.crisis,
    "sba36-recovery": sba.recovery,
    "sba60-national": sba.national,
    "sbares-national": sba.final_status,
    "card6": panel.card6,
    "taiwan": taiwan.taiwan,
    "province": province.admission,
    "province-in-loan": province.review,
    "province-post-loan": province.watch,
}
_ROOT = Path(__file__).parents[2]
_COMMAND = "python -m benchmarks.models --report docs/benchmarks.md"
_NEED_NO_FILES = ("province", "province-in-loan", "province-post-loan")


def main() -> int:
    """Measure and print; 1 where nothing could be run."""
    asked = _arguments()
    warnings.simplefilter("ignore")
    data = asked.data or Path(os.environ.get("VOUCH_SHARED_DATA", _ROOT.parent / "shared" / "data"))
    ready = _ready(peers(asked.trials, asked.iterations))
    done: list[Measured] = []
    with TemporaryDirectory() as folder:
        scratch = asked.scratch or Path(folder)
        scratch.mkdir(parents=True, exist_ok=True)
        for name in _named(asked.protocol):
            if name not in _NEED_NO_FILES and not data.is_dir():
                print(f"{name}: skipped, there is no folder {data}; give one with --data")
                continue
            done.append(_measured(name, asked, ready, data, scratch))
            _write(asked, done)
    return 0 if done else 1


def _measured(
    name: str, asked: argparse.Namespace, ready: list[Peer], data: Path, scratch: Path
) -> Measured:
    """One protocol: as kept, where the very same code has measured it, or measured now."""
    options = {"trials": asked.trials, "iterations": asked.iterations, "peers": len(ready)}
    now = stamp(name, options)
    before = kept(name, now, asked.kept, asked.of_any_code)
    if before:
        same = "the same code" if before.stamp.code == now.code else before.stamp.commit
        print(f"{name}: kept from a run of {same}", flush=True)
        return before
    protocol = PROTOCOLS[name](data, scratch)
    print(f"{name}: {protocol.about}", flush=True)
    results = compare(protocol, ready, lambda line: print(line, flush=True))
    found = Measured.of(protocol, results, now)
    if asked.kept:
        keep(found, asked.kept)
    return found


def _named(asked: Sequence[str] | None) -> list[str]:
    """The protocols asked for, all if none; the province is its three stages."""
    names = list(asked or PROTOCOLS)
    found = [n for name in names for n in (_NEED_NO_FILES if name == "province" else (name,))]
    return list(dict.fromkeys(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models")
    parser.add_argument("--protocol", nargs="+", action="extend", choices=list(PROTOCOLS))
    parser.add_argument("--json", type=Path, help="write every result to this file")
    parser.add_argument("--report", type=Path, help="put table and picture into this document")
    parser.add_argument("--data", type=Path, help="folder of the real files")
    parser.add_argument("--scratch", type=Path, help="keep the imported books here for a next run")
    parser.add_argument(
        "--kept",
        type=Path,
        help="keep each protocol here, and take from here what the same code has measured",
    )
    parser.add_argument(
        "--of-any-code",
        action="store_true",
        help="take from --kept what other code has measured as well; the report says which",
    )
    parser.add_argument("--trials", type=int, default=6, help="settings that optuna tries")
    parser.add_argument("--iterations", type=int, default=300, help="trees of CatBoost")
    return parser.parse_args()


def _ready(wanted: list[Peer]) -> list[Peer]:
    for peer in wanted:
        if peer.missing:
            print(
                f"{peer.name}: left out, {', '.join(peer.missing)} not installed; "
                "`make peers` installs it",
                file=sys.stderr,
            )
    return [peer for peer in wanted if not peer.missing]


def _write(asked: argparse.Namespace, done: list[Measured]) -> None:
    """After every protocol, so that a run cut short leaves what it has measured."""
    if asked.json:
        rows = [result.row() for measured in done for result in measured.results]
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if asked.report:
        notes = [
            f"optuna: {asked.trials} trials; CatBoost: {asked.iterations} trees; everything else "
            "as the libraries come. One thread for every fit; seconds of one run."
        ]
        report.write(report.markdown(_COMMAND, done, notes), asked.report)
        report.draw(done, asked.report.parent / report.PICTURE)


if __name__ == "__main__":
    sys.exit(main())
