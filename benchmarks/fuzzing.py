"""Damage files of every kind and see what redsc makes of them.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/fuzzing.py [--cases N] [--seed N] [--kind NAME ...]

A case is a sound file with one to four changes, by seed and number always the same. It passes where redsc takes it,
or raises a RedscError that is no bug of ours, within 2 s of the processor and 512 MB, opening no other file, no
socket and no program. What does not pass is kept in --keep, made smaller, one file per place. Prints a table.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.fuzz.kinds import KINDS, prepare_folder
from tests.fuzz.worker import Outcome, run_cases

_BATCH = 1000
_SECONDS_TO_SHRINK = 20  # of a finding
_SHOWN = 12


def main() -> None:
    """Run a campaign and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--keep", type=Path, default=Path("out/fuzzing"))
    args = parser.parse_args()
    print("| kind | cases | taken | refused | most s | most MB | findings |")
    print("|---|---|---|---|---|---|---|", flush=True)
    total, findings, started = 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="redsc-fuzzing-") as name:
        folder = prepare_folder(Path(name))
        for kind in args.kind or KINDS:
            count = args.cases if args.kind else -(-args.cases * KINDS[kind].share // 100)
            found = campaign(kind, count, args.seed, folder, args.keep)
            total, findings = total + count, findings + found
    print(f"\n{total:,} cases, {findings} findings, {(time.monotonic() - started) / 60:.0f} minutes")


def campaign(kind: str, count: int, seed: int, folder: Path, keep: Path) -> int:
    """Run the cases of a kind, print their row, keep the findings; return how many there are."""
    results, places = Counter[str](), Counter[str]()
    slowest = largest = 0.0
    KINDS[kind].warm_up(folder)
    for data, outcome in cases(kind, count, seed, folder):
        slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.megabytes)
        results["finding" if outcome.is_finding else "taken" if outcome.result == "sound" else "refused"] += 1
        if outcome.is_finding:
            place = signature(outcome.result)
            places[place] += 1
            if places[place] == 1:
                save(kind, smaller(kind, data, place, folder), outcome, keep)
    row = [kind, *(f"{n:,}" for n in (count, results["taken"], results["refused"]))]
    print(f"| {' | '.join(row)} | {slowest:.2f} | {largest:.0f} | {results['finding']} |", flush=True)
    for place, times in places.most_common(_SHOWN):
        print(f"  {times} x {place}", flush=True)
    return results["finding"]


def cases(kind: str, count: int, seed: int, folder: Path) -> Iterator[tuple[bytes, Outcome]]:
    """Yield cases with their outcomes."""
    for first in range(0, count, _BATCH):
        numbers = range(first, min(first + _BATCH, count))
        batch = [KINDS[kind].case(Random(f"{seed} {kind} {number}")) for number in numbers]
        outcomes = list(run_cases(kind, batch, folder))  # whoever shrinks a case uses the same folder
        yield from zip(batch, outcomes, strict=True)


def signature(result: str) -> str:
    """Return what findings of one cause have in common: their words, without numbers and names."""
    return re.sub(r"\d+|'[^']*'|\[.*?\]", "N", result)[:120]


def smaller(kind: str, data: bytes, place: str, folder: Path) -> bytes:
    """Return a file that fails at the same place: shorter where pieces can go, else with zeros in them."""
    size, end = len(data) // 2, time.monotonic() + _SECONDS_TO_SHRINK
    while size:
        for start in range(0, len(data), size):
            head, piece, tail = data[:start], data[start : start + size], data[start + size :]
            for candidate in (head + tail, head + bytes(len(piece)) + tail):
                if candidate == data or time.monotonic() > end:
                    continue
                (outcome,) = run_cases(kind, [candidate], folder)
                if outcome.is_finding and signature(outcome.result) == place:
                    data = candidate
                    break
        size //= 2
    return data


def save(kind: str, data: bytes, outcome: Outcome, keep: Path) -> None:
    """Write a finding, and say what it is."""
    keep.mkdir(parents=True, exist_ok=True)
    name = f"{kind}-{hashlib.sha256(data).hexdigest()[:8]}{Path(KINDS[kind].file).suffix}"
    (keep / name).write_bytes(data)
    with (keep / "findings.txt").open("a") as file:
        file.write(f"{name}\t{len(data)} B\t{outcome.result}\n")


if __name__ == "__main__":
    os.environ.setdefault("REDSC_CACHE", "")
    main()
