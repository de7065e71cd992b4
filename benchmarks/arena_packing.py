"""How low arenas can be packed, and what it takes: instances of published networks, and those of minimalloc.

    PYTHONPATH=. python benchmarks/arena_packing.py [--cp-sat-time 1] [NAME ...]

Heights in bytes. TFLM: its greedy planner. First fit: the best fixed order and a short hill climb. Plan: the
portfolio; for the instances of minimalloc it ends at their capacity of 1,048,576 B.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from models import ZOO

from redsc.cost.arena import Effort, plan_arena
from redsc.cost.tflm.head import greedy_offsets, height_bytes
from tests.cost.memory_graphs import load_packing

CAPACITY = 1 << 20


def main() -> None:
    """Pack every instance that is there and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cp-sat-time", type=float, default=1.0, help="of deterministic time, for each question")
    parser.add_argument("names", nargs="*", metavar="NAME", help="instances, like A; all where none is named")
    given = parser.parse_args()
    print(f"{'instance':<26} {'n':>4} {'bound':>9} {'TFLM':>9} {'first fit':>9} {'plan':>9} {'seconds':>7}")
    folder = ZOO / "memory"
    for path in (*sorted(folder.glob("packing/*.csv")), *sorted(folder.glob("minimalloc/?.*.csv"))):
        if not given.names or path.stem.split(".")[0] in given.names:
            capacity = CAPACITY if path.parent.name == "minimalloc" else 0
            print(row(path, capacity, given.cp_sat_time), flush=True)


def row(path: Path, capacity: int, allowed: float) -> str:
    """Return the figures of an instance."""
    problem = load_packing(path)
    greedy = height_bytes(problem.buffers, greedy_offsets(problem.buffers))
    quick = plan_arena(problem, Effort.QUICK, capacity)
    started = time.perf_counter()
    plan = plan_arena(problem, Effort.FULL, capacity, allowed)
    seconds = time.perf_counter() - started
    verdict = "optimal" if plan.is_optimal else "fits" if plan.height <= capacity else "gap"
    return (
        f"{path.stem.removeprefix('pack_'):<26} {len(problem.buffers):>4} {plan.lower_bound:>9,} {greedy:>9,} "
        f"{quick.height:>9,} {plan.height:>9,} {seconds:>7.1f} {verdict}"
    )


if __name__ == "__main__":
    main()
