"""What the order of operators is worth: peaks in bytes, and what it takes to prove them.

    PYTHONPATH=. python benchmarks/operator_order.py

A row has the peaks of the given and of the greedy order, the bound of all orders, the least peak (`?` where it is
not proven), states and seconds of the search, and the reuse distance as a fraction of that of the given order.
The first rows are published networks as sizes without alignment, the others model files in bytes of the arena.
"""

from __future__ import annotations

import time
from pathlib import Path

from models import MODELS, NETWORKS, ZOO

from redsc.cost.order import find_order, greedy_order, order_free_bound, order_problem, peak_bytes, reuse_distance
from redsc.formats import load_model
from tests.cost.memory_graphs import FOLDER, PEAKS, load_problem

BRANCHED = (
    NETWORKS / "keras-applications" / "nasnet_a_n1_32px_int8.tflite",
    NETWORKS / "mediapipe-0.10.14" / "hand_recrop.tflite",
    NETWORKS / "mit-han-lab+tinyengine" / "detection.tflite",
    NETWORKS / "ShiqiYu+libfacedetection.train" / "yunet_n_320_320.onnx",
)


def main() -> None:
    """Order every network that is there and print its figures."""
    print(
        f"{'graph':<24} {'ops':>4} {'given':>9} {'greedy':>9} {'bound':>9} {'optimum':>10} {'states':>7} "
        f"{'seconds':>7} {'reuse':>5}"
    )
    for path in (*(ZOO / FOLDER / f"{name}.json" for name in PEAKS), *MODELS, *BRANCHED):
        print(row(path) if path.is_file() else f"{path.stem:<24} not there: set REDSC_ZOO")


def row(path: Path) -> str:
    """Return the figures of a network."""
    problem = load_problem(path) if path.suffix == ".json" else order_problem(load_model(path).graph)
    started = time.perf_counter()
    plan = find_order(problem)
    seconds = time.perf_counter() - started
    given, greedy = range(len(problem.steps)), greedy_order(problem)
    before, after = reuse_distance(problem, given), reuse_distance(problem, plan.order)
    return (
        f"{path.stem:<24} {len(given):>4} {peak_bytes(problem, given):>9,} {peak_bytes(problem, greedy):>9,} "
        f"{order_free_bound(problem):>9,} {plan.peak:>9,}{' ' if plan.is_optimal else '?'} {plan.states:>7,} "
        f"{seconds:>7.2f} {after / before if before else 1:>5.2f}"
    )


if __name__ == "__main__":
    main()
